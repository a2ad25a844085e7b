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
	"testing/synctest"
	"time"

	"github.com/completionport/completion"
	"github.com/completionport/completion/iotls"
	"github.com/completionport/completion/ops"
)

// In a bubble with a slow network, times pass at once, and a handshake that times out in an
// hour delays nobody.
func TestBubble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := new(completion.Memory)
		inMemory(t, network, func(p *place) {
			network.Delay(time.Minute)
			begun := time.Now()
			s, peer := p.securePair()
			talk(p, s, peer)
			if d := time.Since(begun); d < 5*time.Minute || d > 20*time.Minute {
				t.Errorf("took %v", d)
			}
			s.Close()
			slow, _ := p.pair()
			begun = time.Now()
			h := &iotls.Handshake{On: slow, Config: serverConfig, Op: completion.Op{Timeout: time.Hour}}
			if err := p.await(h); err != os.ErrDeadlineExceeded || time.Since(begun) != time.Hour {
				t.Errorf("%v after %v", err, time.Since(begun))
			}
		})
	})
}

// No call moves more than some bytes, and calls fail as systems let them fail.
func TestTrickle(t *testing.T) {
	for _, most := range []int{1, 7, 100} {
		network := new(completion.Memory)
		inMemory(t, network, func(p *place) {
			network.LimitTransfer(most)
			network.Fail("read", syscall.EINTR, 100)
			network.Fail("write", syscall.EAGAIN, 100)
			for _, isClient := range []bool{false, true} {
				s, raw := p.pair()
				talk(p, s, p.secure(s, raw, serverConfig, clientConfig, isClient))
				s.Close()
			}
		})
	}
}

// A reset is the error of the system, also in the middle of a record, and while a Write is
// under way.
func TestResets(t *testing.T) {
	network := new(completion.Memory)
	inMemory(t, network, func(p *place) {
		for i := range 3 {
			s, raw := p.pair()
			between := &holding{Conn: raw}
			peer := p.secure(s, between, serverConfig, clientConfig, false)
			between.holds = true
			peer.Write([]byte("hello"))
			raw.Write(between.held[:i*8])
			read := &ops.Read{From: s, Buf: own(make([]byte, 5))}
			write := &ops.Write{To: s, Buf: own(make([]byte, 16<<20))}
			p.port.Submit(read, write)
			p.untilBlocked()
			network.Reset(raw)
			for range 2 {
				op, err := p.port.Next(context.Background())
				if err != nil {
					p.Fatal(err)
				}
				if err := op.Err(); !errors.Is(err, syscall.ECONNRESET) && (op != completion.Operation(write) || !errors.Is(err, syscall.EPIPE)) {
					p.Errorf("%T: %v", op, err)
				}
			}
			if err := p.await(read); !errors.Is(err, syscall.ECONNRESET) {
				p.Errorf("read again: %v", err)
			}
			s.Close()
		}
	})
}

// An error of the system that says nothing about the connection ends one Read, and loses
// nothing.
func TestTemporaryError(t *testing.T) {
	network := new(completion.Memory)
	inMemory(t, network, func(p *place) {
		s, peer := p.securePair()
		network.Fail("read", syscall.ENOMEM, 1)
		peer.Write([]byte("x"))
		read := &ops.Read{From: s, Buf: own(make([]byte, 5))}
		if err := p.await(read); !errors.Is(err, syscall.ENOMEM) {
			p.Errorf("the first read: %v", err)
		}
		p.must(read)
		network.Fail("write", syscall.ENOBUFS, 1)
		write := &ops.Write{To: s, Buf: own([]byte("abc"))}
		if err := p.await(write); !errors.Is(err, syscall.ENOBUFS) {
			p.Errorf("the first write: %v", err)
		}
		p.must(write) // behind the record of the first
		s.Close()
		if b, err := io.ReadAll(peer); err != nil || string(b) != "abcabc" {
			p.Errorf("the peer reads %q, %v", b, err)
		}
	})
}

// records notes the types of the records that a connection receives. With TLS 1.2 they are
// in the clear.
type records struct {
	net.Conn
	data []byte
}

func (r *records) Read(p []byte) (int, error) {
	n, err := r.Conn.Read(p)
	r.data = append(r.data, p[:n]...)
	return n, err
}

func (r *records) last() (kind byte) {
	for b := r.data; len(b) >= 5; b = b[5+int(b[3])<<8+int(b[4]):] {
		kind = b[0]
	}
	return kind
}

// Close, and the close of the port, send close-notify behind all that was written.
func TestCloseNotifies(t *testing.T) {
	for _, portCloses := range []bool{false, true} {
		everywhere(t, func(p *place) {
			server := serverConfig.Clone()
			server.MaxVersion = tls.VersionTLS12
			s, raw := p.pair()
			r := &records{Conn: raw}
			peer := p.secure(s, r, server, clientConfig, false)
			p.must(&ops.Write{To: s, Buf: own([]byte("last"))})
			if portCloses {
				p.port.Close()
			} else {
				s.Close()
			}
			if b, err := io.ReadAll(peer); err != nil || string(b) != "last" {
				p.Errorf("the peer has read %q, %v", b, err)
			}
			if kind := r.last(); kind != typeAlert {
				p.Errorf("the last record has the type %d", kind)
			}
		})
	}
}

// Idle connections hold no goroutine, and no buffer.
func TestIdle(t *testing.T) {
	everywhere(t, func(p *place) {
		pool := p.port.NewPool(1000, 50)
		before := runtime.NumGoroutine()
		for range 50 {
			s, _ := p.securePair()
			p.port.Submit(&ops.Read{From: s, Pool: pool})
		}
		p.untilBlocked()
		for runtime.NumGoroutine() > before { // the last ones are about to end
			runtime.Gosched()
		}
		if n := pool.Lent(); n != 0 {
			p.Errorf("%d buffers are lent", n)
		}
	})
}
