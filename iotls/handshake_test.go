package iotls_test

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/completionport/completion"
	"github.com/completionport/completion/iotls"
	"github.com/completionport/completion/ops"
)

// What is no handshake, or a bad one, ends with the error of crypto/tls, and the peer gets
// an alert where that has one.
func TestBadHandshakes(t *testing.T) {
	everywhere(t, func(p *place) {
		for _, garbage := range []string{"GET / HTTP/1.1\r\n\r\n", "\x16\x03\x01\xff\xff garbage", "\x80\x2e\x01\x00\x02"} {
			s, peer := p.pair()
			peer.Write([]byte(garbage))
			err := p.await(&iotls.Handshake{On: s, Config: serverConfig})
			var header tls.RecordHeaderError
			if !errors.As(err, &header) || header.Conn != nil {
				p.Errorf("%q: %v", garbage, err)
			}
			excludes(p, s)
			s.Close()
		}
		s, peer := p.pair()
		done := make(chan error, 1)
		go func() { done <- tls.Server(peer, serverConfig).Handshake() }()
		err := p.await(&iotls.Handshake{On: s, Config: &tls.Config{ServerName: "server.test"}, Client: true})
		var verification *tls.CertificateVerificationError
		if !errors.As(err, &verification) {
			p.Errorf("an unknown root: %v", err)
		}
		var remote *net.OpError
		if err := <-done; !errors.As(err, &remote) || remote.Op != "remote error" {
			p.Errorf("the peer of one that does not trust it: %v", err)
		}
	})
}

func TestBadConfigs(t *testing.T) {
	everywhere(t, func(p *place) {
		s, _ := p.pair()
		if err := p.await(&iotls.Handshake{On: s, Config: &tls.Config{}, Client: true}); err == nil {
			p.Error("a client without a name succeeds")
		}
		s, _ = p.pair()
		config := &tls.Config{Renegotiation: tls.RenegotiateFreelyAsClient}
		if err := p.await(&iotls.Handshake{On: s, Config: config}); !errors.Is(err, errors.ErrUnsupported) {
			p.Errorf("with renegotiation: %v", err)
		}
	})
}

// excludes checks that a socket can only be closed.
func excludes(p *place, s *completion.Socket) {
	p.Helper()
	for _, op := range []completion.Operation{
		&ops.Read{From: s, Buf: own(make([]byte, 1))},
		&ops.Read{From: s, Pool: p.port.NewPool(1, 1)},
		&ops.Write{To: s, Buf: own([]byte("x"))},
		&ops.CloseWrite{On: s},
		&iotls.Handshake{On: s, Config: serverConfig},
	} {
		if err := p.await(op); err != completion.ErrHandshake {
			p.Errorf("%T: %v", op, err)
		}
	}
}

// The peer ends the connection, resets it, or says nothing.
func TestEndsOfHandshakes(t *testing.T) {
	everywhere(t, func(p *place) {
		s, peer := p.pair()
		peer.Write([]byte("\x16\x03"))
		peer.Close()
		if err := p.await(&iotls.Handshake{On: s, Config: serverConfig}); !errors.Is(err, io.ErrUnexpectedEOF) {
			p.Errorf("the peer closes: %v", err)
		}
		s, _ = p.pair()
		h := &iotls.Handshake{On: s, Config: serverConfig, Op: completion.Op{Timeout: time.Millisecond}}
		err := p.await(h)
		if timeout, ok := err.(net.Error); err != os.ErrDeadlineExceeded || !ok || !timeout.Timeout() {
			p.Errorf("timed out: %v", err)
		}
		excludes(p, s)
		s, _ = p.pair()
		h.On, h.Timeout = s, 0
		p.port.Submit(h)
		excludes(p, s)
		if !p.port.Cancel(h) {
			p.Error("it can't be cancelled")
		}
		p.delivered(h, completion.ErrCanceled)
		s, _ = p.pair()
		h.On = s
		p.port.Submit(h)
		s.Close()
		p.delivered(h, net.ErrClosed)
	})
}

// A handshake that is over before it begins leaves the socket as it was.
func TestNoHandshake(t *testing.T) {
	everywhere(t, func(p *place) {
		s, _ := p.pair()
		h := &iotls.Handshake{On: s, Config: serverConfig, Op: completion.Op{Timeout: -1}}
		p.port.Submit(h)
		p.delivered(h, os.ErrDeadlineExceeded)
		p.must(&ops.Write{To: s, Buf: own([]byte("plain"))})
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		h.Timeout = 0
		if err := p.port.Await(ctx, h); !errors.Is(err, context.Canceled) {
			p.Errorf("awaited with a context that has ended: %v", err)
		}
	})
}

// delivered checks that the next operation of the queue is op, with this error.
func (p *place) delivered(op completion.Operation, want error) {
	p.Helper()
	got, err := p.port.Next(context.Background())
	if err != nil || got != op || got.Err() != want {
		p.Fatalf("Next: %T, %v; %v", got, got.Err(), err)
	}
}

// A handshake ends with its port.
func TestPortEndsHandshake(t *testing.T) {
	everywhere(t, func(p *place) {
		s, _ := p.pair()
		h := &iotls.Handshake{On: s, Config: serverConfig}
		p.port.Submit(h)
		if p.Name() == "TestPortEndsHandshake/memory" {
			p.port.Shutdown(context.Background())
		} else {
			p.port.Close()
		}
		p.delivered(h, net.ErrClosed)
	})
}

// A handshake needs a connected socket without operations in flight, and leaves any other
// as it was.
func TestRefusedHandshakes(t *testing.T) {
	everywhere(t, func(p *place) {
		s, peer := p.pair()
		read := &ops.Read{From: s, Buf: own(make([]byte, 3))}
		p.port.Submit(read)
		if err := p.await(&iotls.Handshake{On: s, Config: serverConfig}); err != completion.ErrHandshake {
			p.Errorf("beside a read: %v", err)
		}
		peer.Write([]byte("abc"))
		p.delivered(read, nil)
		h := &iotls.Handshake{On: s, Config: serverConfig}
		p.port.Submit(read, h) // the handshake comes first
		p.delivered(read, completion.ErrHandshake)
		p.port.Cancel(h)
		p.delivered(h, completion.ErrCanceled)
		s, _ = p.securePair()
		if err := p.await(&iotls.Handshake{On: s, Config: serverConfig}); err != completion.ErrHandshake {
			p.Errorf("the second: %v", err)
		}
	})
}

func TestHandshakesOfOtherSockets(t *testing.T) {
	everywhere(t, func(p *place) {
		s, _ := p.pair()
		s.Close()
		if err := p.await(&iotls.Handshake{On: s, Config: serverConfig}); err != net.ErrClosed {
			p.Errorf("of a closed socket: %v", err)
		}
		s, err := p.port.Socket("tcp4")
		if err != nil {
			p.Fatal(err)
		}
		err = p.await(&iotls.Handshake{On: s, Config: serverConfig})
		var system *net.OpError
		if !errors.As(err, &system) || !errors.Is(err, syscall.ENOTCONN) {
			p.Errorf("of a socket that is not connected: %v", err)
		}
		if _, ok := iotls.ConnectionState(s); ok {
			p.Error("a plain socket has a state")
		}
	})
}

func TestMistakes(t *testing.T) {
	inMemory(t, new(completion.Memory), func(p *place) {
		defer func() {
			if recover() == nil {
				p.Error("a Handshake without a socket is no mistake")
			}
		}()
		p.port.Submit(&iotls.Handshake{Config: serverConfig})
	})
}

// Client certificates, and the resumption of a session: the tickets arrive after the
// handshake, in Read.
func TestSessions(t *testing.T) {
	everywhere(t, func(p *place) {
		server, client := serverConfig.Clone(), clientConfig.Clone()
		server.ClientAuth, server.ClientCAs = tls.RequireAndVerifyClientCert, client.RootCAs
		client.Certificates = server.Certificates
		client.ClientSessionCache = tls.NewLRUClientSessionCache(4)
		for i, isClient := range []bool{true, true, false, false} {
			s, raw := p.pair()
			peer := p.secure(s, raw, server, client, isClient)
			talk(p, s, peer)
			state, _ := iotls.ConnectionState(s)
			if state.DidResume != peer.ConnectionState().DidResume {
				p.Error("the sides differ about the resumption")
			}
			if !isClient && len(state.PeerCertificates) != 1 {
				p.Error("the client has shown no certificate")
			}
			if state.DidResume != (i > 0) {
				p.Errorf("%d: resumed: %v", i, state.DidResume)
			}
		}
		none := clientConfig.Clone()
		s, raw := p.pair()
		peer := tls.Client(raw, none)
		go func() {
			peer.Handshake()
			peer.Read(make([]byte, 1))
		}()
		if err := p.await(&iotls.Handshake{On: s, Config: server}); err == nil {
			p.Error("a client without a certificate is let in")
		}
		s.Close()
	})
}

// Many half-open handshakes delay nobody, and end at their deadline.
func TestHalfOpen(t *testing.T) {
	everywhere(t, func(p *place) {
		many := 1000
		if testing.Short() || runtime.GOOS == "windows" {
			many = 100
		}
		open := make([]*iotls.Handshake, many)
		for i := range open {
			s, peer := p.pair()
			if i%2 == 0 {
				peer.Write([]byte("\x16\x03\x01\x02\x00\x01\x00\x01\xfc"))
			}
			open[i] = &iotls.Handshake{On: s, Config: serverConfig}
			p.port.Submit(open[i])
		}
		s, peer := p.securePair()
		talk(p, s, peer)
		if n := p.port.Stats().InFlight; n < many { // most of them have a read of their own
			p.Errorf("%d are in flight, not %d", n, many)
		}
		for _, h := range open {
			p.port.SetDeadline(h, completion.Now())
		}
		for range many {
			op, err := p.port.Next(context.Background())
			if err != nil {
				p.Fatal(err)
			}
			if op.Err() != os.ErrDeadlineExceeded {
				p.Fatal(op.Err())
			}
			op.(*iotls.Handshake).On.Close()
		}
	})
}

// joined passes on the first write of a client of TLS 1.3, its hello, and holds the others.
type joined struct {
	net.Conn
	writes int
	held   []byte
}

func (j *joined) Write(p []byte) (int, error) {
	if j.writes++; j.writes == 1 {
		return j.Conn.Write(p)
	}
	j.held = append(j.held, p...)
	return len(p), nil
}

// Data that arrives together with the end of the handshake is read, and no event comes for
// it.
func TestDataWithHandshake(t *testing.T) {
	everywhere(t, func(p *place) {
		s, raw := p.pair()
		between := &joined{Conn: raw}
		client := tls.Client(between, clientConfig)
		sent := make(chan error, 1)
		go func() {
			_, err := client.Write([]byte("early")) // after the handshake
			raw.Write(between.held)
			sent <- err
		}()
		p.must(&iotls.Handshake{On: s, Config: serverConfig})
		if err := <-sent; err != nil {
			p.Fatal(err)
		}
		read := &ops.Read{From: s, Pool: p.port.NewPool(10, 1)}
		p.must(read)
		if got := string(read.Buf.Bytes()); got != "early" {
			p.Errorf("read %q", got)
		}
		read.Release()
	})
}
