package iotls_test

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"runtime"
	"strings"
	"testing"

	"github.com/completionport/completion"
	"github.com/completionport/completion/iotls"
	"github.com/completionport/completion/ops"
)

// withCallback performs a handshake in which crypto/tls calls f, and returns its error.
func (p *place) withCallback(f func(s *completion.Socket) error) error {
	s, raw := p.pair()
	config := serverConfig.Clone()
	config.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) { return nil, f(s) }
	done := make(chan error)
	go func() { done <- tls.Client(raw, clientConfig).Handshake() }()
	err := p.await(&iotls.Handshake{On: s, Config: config})
	s.Close()
	<-done
	return err
}

// The error of a function of the Config is the program's, whatever it wraps. If the socket
// is closed meanwhile, the handshake ends as other operations do.
func TestErrorOfCallback(t *testing.T) {
	everywhere(t, func(p *place) {
		mine := fmt.Errorf("my store: %w", net.ErrClosed)
		if err := p.withCallback(func(*completion.Socket) error { return mine }); !errors.Is(err, mine) {
			p.Errorf("the handshake: %v", err)
		}
		closing := func(s *completion.Socket) error {
			s.Close()
			return mine
		}
		if err := p.withCallback(closing); err != net.ErrClosed {
			p.Errorf("of a closed socket: %v", err)
		}
	})
}

// A function of the Config that panics, or ends its goroutine, ends its handshake only.
func TestCrashOfCallback(t *testing.T) {
	everywhere(t, func(p *place) {
		err := p.withCallback(func(*completion.Socket) error { panic("my text") })
		if err == nil || !strings.Contains(err.Error(), "my text") || !strings.Contains(err.Error(), "callback_test.go") {
			p.Errorf("a panic: %v", err)
		}
		err = p.withCallback(func(*completion.Socket) error {
			runtime.Goexit()
			return nil
		})
		if err == nil || !strings.Contains(err.Error(), "Goexit") {
			p.Errorf("Goexit: %v", err)
		}
	})
}

// A close ends the context that a function of the Config waits for.
func TestCloseDuringCallback(t *testing.T) {
	everywhere(t, func(p *place) {
		s, raw := p.pair()
		config := serverConfig.Clone()
		entered := make(chan bool)
		config.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
			close(entered)
			<-hello.Context().Done()
			return nil, hello.Context().Err()
		}
		done := make(chan error)
		go func() { done <- tls.Client(raw, clientConfig).Handshake() }()
		h := &iotls.Handshake{On: s, Config: config}
		if err := p.port.Start(h); err != nil {
			p.Fatal(err)
		}
		ended := make(chan error)
		go func() { ended <- p.port.Wait(context.Background(), h) }()
		<-entered
		s.Close()
		if err := <-ended; err != net.ErrClosed {
			p.Errorf("the handshake: %v", err)
		}
		<-done
	})
}

// Dump says what a handshake does. A nil socket has no state.
func TestDumpOfHandshake(t *testing.T) {
	inMemory(t, new(completion.Memory), func(p *place) {
		var text strings.Builder
		p.withCallback(func(*completion.Socket) error {
			p.port.Dump(&text)
			return nil
		})
		if !strings.Contains(text.String(), "its goroutine runs") {
			p.Errorf("the dump:\n%s", &text)
		}
		if _, ok := iotls.ConnectionState(nil); ok {
			p.Error("nil has a state")
		}
	})
}

// A handshake without a Config is a mistake that Submit reports.
func TestNilConfig(t *testing.T) {
	inMemory(t, new(completion.Memory), func(p *place) {
		for _, isClient := range []bool{false, true} {
			s, _ := p.pair()
			func() {
				defer func() {
					if recover() == nil {
						p.Error("Submit accepts it")
					}
				}()
				p.port.Submit(&ops.Timer{}, &iotls.Handshake{On: s, Client: isClient})
			}()
		}
		if n := p.port.Stats().InFlight; n != 0 {
			p.Errorf("%d are in flight", n)
		}
	})
}

// crasher panics when crypto/tls uses it behind the handshake.
type crasher struct {
	tls.ClientSessionCache
	isArmed bool
}

func (c *crasher) Put(string, *tls.ClientSessionState) { panic("my put") }

func (c *crasher) Read(p []byte) (int, error) {
	if c.isArmed {
		panic("my rand")
	}
	return rand.Read(p)
}

// A function of the Config that panics behind the handshake ends the Reads or a Write of its
// connection, and nothing else.
func TestCrashBehindHandshake(t *testing.T) {
	everywhere(t, func(p *place) {
		client := clientConfig.Clone()
		client.ClientSessionCache = &crasher{ClientSessionCache: tls.NewLRUClientSessionCache(1)}
		s, raw := p.pair()
		peer := p.secure(s, raw, serverConfig, client, true)
		peer.Write([]byte("x"))
		read := &ops.Read{From: s, Buf: own(make([]byte, 10))}
		for range 2 {
			if err := p.await(read); err == nil || !strings.Contains(err.Error(), "my put") || !strings.Contains(err.Error(), "callback_test.go") {
				p.Errorf("read: %v", err)
			}
		}
		p.must(&ops.Write{To: s, Buf: own([]byte("x"))})

		server, random := serverConfig.Clone(), new(crasher)
		server.MaxVersion, server.Rand = tls.VersionTLS12, random
		server.CipherSuites = []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA}
		s, raw = p.pair()
		p.secure(s, raw, server, clientConfig, false)
		random.isArmed = true
		if err := p.await(&ops.Write{To: s, Buf: own([]byte("x"))}); err == nil || !strings.Contains(err.Error(), "my rand") {
			p.Errorf("write: %v", err)
		}
		s.Close() // sends no close-notify

		s, peer = p.securePair()
		talk(p, s, peer)
	})
}
