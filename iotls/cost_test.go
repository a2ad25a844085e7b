package iotls_test

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"runtime"
	"testing"

	"github.com/completionport/completion"
	"github.com/completionport/completion/iotls"
	"github.com/completionport/completion/ops"
)

// theirs is how many allocations of a round trip are not the port's: crypto/tls makes one
// for each time that it asks for bytes, here twice on the port's side and once on the
// peer's, and a Memory one for each of the two messages.
const theirs = 5

// A read and a write allocate what crypto/tls does, and nothing else.
func TestAllocs(t *testing.T) {
	if raceEnabled {
		t.Skip("with -race, pools drop what is put into them")
	}
	inMemory(t, new(completion.Memory), func(p *place) {
		s, peer := p.securePair()
		message := make([]byte, 100)
		read := &ops.Read{From: s, Pool: p.port.NewPool(1000, 1)}
		write := &ops.Write{To: s, Buf: own(message)}
		trip := func() {
			peer.Write(message)
			p.must(read)
			read.Release()
			p.must(write)
			io.ReadFull(peer, message)
		}
		trip()
		if n := testing.AllocsPerRun(200, trip); n > theirs {
			t.Errorf("%v allocations for each round trip", n)
		}
	})
}

// BenchmarkIdle reports the bytes of Go's memory that an idle connection of a server takes,
// with stacks: of a port and of package net, both with crypto/tls.
func BenchmarkIdle(b *testing.B) {
	const many = 500
	plain := perConnection(many, func() { netPair(b) }) / 2 // each peer is one of package net
	report := func(name string, open func(b *testing.B)) {
		b.Run(name, func(b *testing.B) {
			for range b.N {
				b.ReportMetric(perConnection(many, func() { open(b) })-plain, "B/connection")
			}
		})
	}
	port, err := completion.Open(nil)
	if err != nil {
		b.Skip(err)
	}
	defer port.Close()
	pool := port.NewPool(4096, 1)
	report("port", func(b *testing.B) { idleOnPort(b, port, pool) })
	report("net", idleOnNet)
}

// kept keeps connections alive.
var kept []any

// perConnection returns how much memory each call of open takes, and closes all that it has
// opened.
func perConnection(many int, open func()) float64 {
	kept = make([]any, 0, 4*many)
	before := inUse()
	for range many {
		open()
	}
	n := float64(inUse()-before) / float64(many)
	for _, c := range kept {
		c.(io.Closer).Close()
	}
	kept = nil
	return n
}

func inUse() uint64 {
	var m runtime.MemStats
	for range 3 { // pools are emptied in two steps
		runtime.GC()
	}
	runtime.ReadMemStats(&m)
	return m.HeapAlloc + m.StackInuse
}

func netPair(b *testing.B) (client, server net.Conn) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	if client, err = net.Dial("tcp", l.Addr().String()); err != nil {
		b.Fatal(err)
	}
	if server, err = l.Accept(); err != nil {
		b.Fatal(err)
	}
	kept = append(kept, client, server)
	return client, server
}

// handshake is the peer's. Nothing of its TLS is kept.
func handshake(b *testing.B, raw net.Conn, server func() error) {
	done := make(chan error, 1)
	go func() { done <- tls.Client(raw, clientConfig).Handshake() }()
	if err := server(); err != nil {
		b.Fatal(err)
	}
	if err := <-done; err != nil {
		b.Fatal(err)
	}
}

func idleOnPort(b *testing.B, port *completion.Port, pool *completion.Pool) {
	client, server := netPair(b)
	s, err := port.AdoptConn(server)
	if err != nil {
		b.Skip(err)
	}
	kept[len(kept)-1] = s
	handshake(b, client, func() error {
		return port.Await(context.Background(), &iotls.Handshake{On: s, Config: serverConfig})
	})
	read := &ops.Read{From: s, Pool: pool}
	port.Start(read)
	port.Await(context.Background(), new(ops.Timer))
}

func idleOnNet(b *testing.B) {
	client, raw := netPair(b)
	server := tls.Server(raw, serverConfig)
	handshake(b, client, server.Handshake)
	go server.Read(make([]byte, 1))
}
