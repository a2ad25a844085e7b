package main

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"net"
	"runtime"
	"sync"
	"testing"

	"github.com/completionport/completion/internal/race"
)

// backend is a server of the test.
type backend struct {
	net.Listener
	conns sync.WaitGroup
}

// serveWith starts a backend that handles each of its connections with f.
func serveWith(t *testing.T, f func(c *net.TCPConn)) *backend {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b := &backend{Listener: l}
	b.conns.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			b.conns.Go(func() {
				defer c.Close()
				f(c.(*net.TCPConn))
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		b.conns.Wait()
	})
	return b
}

// echo sends back what it gets, and then the end of the stream.
func echo(c *net.TCPConn) { io.Copy(c, c) }

// serveHere starts a proxy in this process. The end of the test stops it, and checks what
// it has left.
func serveHere(t *testing.T, to *backend) (p *proxy, dial func() *net.TCPConn) {
	t.Helper()
	needBackend(t)
	p, err := open([]string{"-listen", "127.0.0.1:0", "-to", to.Addr().String(), "-idle", "1h"}, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	addr, served := p.listener.Addr().String(), make(chan bool)
	go func() { p.serve(); close(served) }()
	t.Cleanup(func() {
		p.port.Submit(new(stopping))
		<-served
		checkAtRest(t, p)
	})
	return p, func() *net.TCPConn {
		t.Helper()
		c, err := dialTCP(addr)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		return c
	}
}

func dialTCP(addr string) (*net.TCPConn, error) {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	return c.(*net.TCPConn), nil
}

// block is random bytes. A stream is made of pieces of it with random beginnings and
// lengths, so no part of the stream can be exchanged with another unnoticed.
var block = func() []byte {
	b := make([]byte, 1<<20)
	rand.NewChaCha8([32]byte{}).Read(b)
	return b
}()

// send writes a stream of size bytes, and ends it. It returns its checksum.
func send(c *net.TCPConn, seed uint64, size int64) (uint32, error) {
	r, sum := rand.New(rand.NewPCG(seed, 1)), crc32.NewIEEE()
	for size > 0 {
		from := r.IntN(len(block))
		piece := block[from:min(int64(len(block)), int64(from)+1+r.Int64N(256<<10), int64(from)+size)]
		sum.Write(piece)
		if _, err := c.Write(piece); err != nil {
			return 0, err
		}
		size -= int64(len(piece))
	}
	return sum.Sum32(), c.CloseWrite()
}

// receive reads a stream to its end. It returns its checksum and its size.
func receive(c *net.TCPConn) (sum uint32, size int64, err error) {
	hash := crc32.NewIEEE()
	size, err = io.Copy(hash, c)
	return hash.Sum32(), size, err
}

// exchange sends a stream and receives another, at the same time.
func exchange(c *net.TCPConn, seed uint64, size int64) (sent, received uint32, err error) {
	var sender sync.WaitGroup
	var sendErr error
	sender.Go(func() { sent, sendErr = send(c, seed, size) })
	received, n, err := receive(c)
	if err == nil && n != size {
		err = fmt.Errorf("%d bytes arrived, want %d", n, size)
	}
	if err != nil {
		c.Close() // ends the send
	}
	sender.Wait()
	return sent, received, errors.Join(err, sendErr)
}

// A GiB in both directions at the same time, with different bytes.
func TestGiB(t *testing.T) {
	size := int64(1 << 30)
	if testing.Short() || runtime.GOOS == "windows" { // which CI runs under Wine, slowly
		size = 32 << 20
	}
	var other struct {
		sent, received uint32
		err            error
	}
	to := serveWith(t, func(c *net.TCPConn) {
		other.sent, other.received, other.err = exchange(c, 2, size)
	})
	_, dial := serveHere(t, to)
	sent, received, err := exchange(dial(), 1, size)
	to.Close()
	to.conns.Wait()
	if err != nil || other.err != nil {
		t.Fatal(err, other.err)
	}
	if sent != other.received || received != other.sent {
		t.Error("other bytes have arrived")
	}
}

func TestManyClients(t *testing.T) {
	_, dial := serveHere(t, serveWith(t, echo))
	const clients = 200
	var all sync.WaitGroup
	for i := range uint64(clients) {
		c := dial()
		all.Go(func() {
			if sent, received, err := exchange(c, i, 256<<10); err != nil || sent != received {
				t.Errorf("client %d: checksums %x and %x, %v", i, sent, received, err)
			}
		})
	}
	all.Wait()
}

// hangingResolver makes lookups hang. The result gets a value when one has begun, and when
// one has ended the error of its context.
func hangingResolver(t *testing.T) (begun chan bool, ended chan error) {
	begun, ended = make(chan bool, 100), make(chan error, 100)
	was := net.DefaultResolver
	t.Cleanup(func() { net.DefaultResolver = was })
	net.DefaultResolver = &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		begun <- true
		<-ctx.Done()
		ended <- ctx.Err()
		return nil, ctx.Err()
	}}
	return begun, ended
}

// The end of the proxy ends the lookups of names, too.
func TestStopsWhileALookupHangs(t *testing.T) {
	needBackend(t)
	begun, ended := hangingResolver(t)
	p, err := open([]string{"-listen", "127.0.0.1:0", "-to", "name.invalid:80", "-drain", "0", "-connect", "1h"}, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	client, err := dialTCP(p.listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	served := make(chan bool)
	go func() { p.serve(); close(served) }()
	<-begun
	p.port.Submit(new(stopping))
	<-served
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("the lookup ended with %v", err)
	}
	checkAtRest(t, p)
}

// A round trip through the proxy allocates nothing there.
func TestCopyingAllocatesNothing(t *testing.T) {
	_, dial := serveHere(t, serveWith(t, func(c *net.TCPConn) {
		b := make([]byte, 100)
		for {
			if _, err := io.ReadFull(c, b); err != nil {
				return
			}
			c.Write(b)
		}
	}))
	c, message := dial(), make([]byte, 100)
	roundTrip := func() {
		if _, err := c.Write(message); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(c, message); err != nil {
			t.Fatal(err)
		}
	}
	for range 200 {
		roundTrip()
	}
	// The race detector empties sync.Pools.
	if n := testing.AllocsPerRun(500, roundTrip); n != 0 && !race.Enabled {
		t.Errorf("%v allocations per round trip", n)
	}
	c.Close()
}
