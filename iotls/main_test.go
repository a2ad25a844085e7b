package iotls_test

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"runtime"
	"testing"

	"github.com/completionport/completion"
	"github.com/completionport/completion/iotls"
	"github.com/completionport/completion/ops"
	"github.com/completionport/completion/porttest"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var serverConfig, clientConfig = porttest.TLSConfigs()

// place is where a test runs: a port, and how peers reach its sockets.
type place struct {
	*testing.T
	port *completion.Port
	dial func(addr net.Addr) (net.Conn, error)
}

// everywhere runs a test on each backend of the system, and in memory.
func everywhere(t *testing.T, f func(p *place)) {
	for _, backend := range []string{"epoll", "io_uring", "kqueue", "iocp"} {
		t.Run(backend, func(t *testing.T) {
			port, err := completion.Open(&completion.Config{Backend: backend})
			if errors.Is(err, errors.ErrUnsupported) {
				t.Skipf("no %s on %s", backend, runtime.GOOS)
			}
			if err != nil {
				t.Fatal(err)
			}
			run(t, port, func(a net.Addr) (net.Conn, error) { return net.Dial(a.Network(), a.String()) }, f)
		})
	}
	t.Run("memory", func(t *testing.T) { inMemory(t, new(completion.Memory), f) })
}

func inMemory(t *testing.T, network *completion.Memory, f func(p *place)) {
	port, err := completion.Open(&completion.Config{Memory: network})
	if err != nil {
		t.Fatal(err)
	}
	run(t, port, func(a net.Addr) (net.Conn, error) { return network.Dial(a.Network(), a.String()) }, f)
}

func run(t *testing.T, port *completion.Port, dial func(net.Addr) (net.Conn, error), f func(p *place)) {
	defer func() {
		port.Close()
		if s := port.Stats(); s.InFlight != 0 || s.Handles != 0 {
			t.Errorf("left behind: %+v", s)
		}
	}()
	f(&place{t, port, dial})
}

func (p *place) await(op completion.Operation) error {
	return p.port.Await(context.Background(), op)
}

// must fails the test unless op succeeds.
func (p *place) must(op completion.Operation) {
	p.Helper()
	if err := p.await(op); err != nil {
		p.Fatalf("%T: %v", op, err)
	}
}

// pair returns a connected socket and its peer.
func (p *place) pair() (*completion.Socket, net.Conn) {
	p.Helper()
	l, err := p.port.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		p.Fatal(err)
	}
	defer l.Close()
	accept := &ops.Accept{On: l}
	if err := p.port.Start(accept); err != nil {
		p.Fatal(err)
	}
	peer, err := p.dial(l.Addr())
	if err != nil {
		p.Fatal(err)
	}
	p.Cleanup(func() { peer.Close() })
	if err := p.port.Wait(context.Background(), accept); err != nil {
		p.Fatal(err)
	}
	return accept.Conn, peer
}

// secure performs the handshake on both sides. server says which side the socket is.
func (p *place) secure(s *completion.Socket, peer net.Conn, server, client *tls.Config, isClient bool) *tls.Conn {
	p.Helper()
	h := &iotls.Handshake{On: s, Config: server}
	other := tls.Client(peer, client)
	if isClient {
		h = &iotls.Handshake{On: s, Config: client, Client: true}
		other = tls.Server(peer, server)
	}
	done := make(chan error, 1)
	go func() { done <- other.Handshake() }()
	if err := p.await(h); err != nil {
		peer.Close()
		p.Fatalf("handshake: %v; the peer: %v", err, <-done)
	}
	if err := <-done; err != nil {
		p.Fatalf("the peer's handshake: %v", err)
	}
	return other
}

// securePair returns a socket with TLS and its peer of crypto/tls.
func (p *place) securePair() (*completion.Socket, *tls.Conn) {
	p.Helper()
	s, peer := p.pair()
	return s, p.secure(s, peer, serverConfig, clientConfig, false)
}

func own(b []byte) *completion.Buffer { return completion.Own(b) }
