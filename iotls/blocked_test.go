package iotls_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/completionport/completion"
	"github.com/completionport/completion/iotls"
	"github.com/completionport/completion/ops"
)

const chunk = 16 << 10

// A Write to a peer that stops reading ends at its deadline, which was moved meanwhile, or
// is cancelled. What is left of its record goes out before anything else.
func TestWriteCutShort(t *testing.T) {
	for _, end := range []struct {
		name string
		end  func(p *place, w *ops.Write)
		want error
	}{
		{"Cancel", func(p *place, w *ops.Write) { p.port.Cancel(w) }, completion.ErrCanceled},
		{"Deadline", func(p *place, w *ops.Write) { p.port.SetDeadline(w, completion.Now()) }, os.ErrDeadlineExceeded},
	} {
		t.Run(end.name, func(t *testing.T) {
			everywhere(t, func(p *place) {
				s, peer := p.securePair()
				data := make([]byte, 16<<20)
				for i := range data {
					data[i] = pattern(i)
				}
				w := &ops.Write{To: s, Buf: own(data), Op: completion.Op{Deadline: completion.After(time.Hour)}}
				behind := &ops.Write{To: s, Buf: own([]byte("behind"))}
				p.port.Submit(w, behind)
				p.untilBlocked()
				end.end(p, w)
				p.deliveredBoth(w, end.want, behind, completion.ErrWriteAborted)
				p.afterCut(s, peer, data, w.N())
			})
		})
	}
}

// A Write of which nothing is counted, but whose record is partly sent, is cut short, too.
func TestFirstRecordCutShort(t *testing.T) {
	everywhere(t, func(p *place) {
		s, _ := p.securePair()
		w := &ops.Write{To: s, Buf: own(make([]byte, chunk))}
		for blocked := false; !blocked; {
			p.port.Submit(w)
			p.untilBlocked()
			if blocked = p.port.Stats().InFlight > 0; !blocked {
				p.delivered(w, nil)
			}
		}
		behind := &ops.Write{To: s, Buf: own([]byte("behind"))}
		p.port.Submit(behind)
		p.port.Cancel(w)
		p.deliveredBoth(w, completion.ErrCanceled, behind, completion.ErrWriteAborted)
		if w.N() != 0 {
			p.Errorf("%d bytes are counted", w.N())
		}
	})
}

// untilBlocked does the port's work until no more can be done.
func (p *place) untilBlocked() {
	for calls := uint64(1); calls != p.port.Stats().Calls; {
		calls = p.port.Stats().Calls
		p.must(&ops.Timer{After: time.Millisecond})
	}
}

// deliveredBoth checks the next two operations of the queue, in any order.
func (p *place) deliveredBoth(a completion.Operation, wantA error, b completion.Operation, wantB error) {
	p.Helper()
	for range 2 {
		op, err := p.port.Next(context.Background())
		if err != nil {
			p.Fatal(err)
		}
		if op == a && op.Err() != wantA || op == b && op.Err() != wantB {
			p.Errorf("%T: %v", op, op.Err())
		}
	}
}

// afterCut checks what can be sent, and what the peer gets, behind a write of data that was
// cut short after n bytes.
func (p *place) afterCut(s *completion.Socket, peer io.Reader, data []byte, n int) {
	p.Helper()
	if n == len(data) {
		p.Fatal("the write was not blocked")
	}
	got := make(chan []byte, 1)
	go func() {
		b, err := io.ReadAll(peer)
		if err != nil && runtime.GOOS != "windows" {
			p.Errorf("the peer reads: %v", err)
		}
		got <- b
	}()
	tail := &ops.Write{To: s, Buf: own([]byte("the tail"))}
	err := p.await(tail)
	if p.port.Backend() == "iocp" && err != nil { // else the cut came between two records
		p.afterTorn(s, err)
		if b := <-got; !bytes.HasPrefix(data, b) {
			p.Errorf("the peer has read %d bytes, of which some are wrong", len(b))
		}
		return
	}
	if err != nil {
		p.Errorf("the next write: %v", err)
	}
	s.Close()
	b := <-got
	sent, ok := bytes.CutSuffix(b, []byte("the tail"))
	if !ok || !bytes.HasPrefix(data, sent) || len(sent) < n || len(sent) > n+chunk {
		p.Errorf("the peer has read %d bytes (%v), the write has counted %d", len(sent), ok, n)
	}
}

// afterTorn checks that nothing is sent behind a write of which nobody knows what was sent.
// err is that of the next write. It closes the socket.
func (p *place) afterTorn(s *completion.Socket, err error) {
	p.Helper()
	if !errors.Is(err, completion.ErrWriteAborted) {
		p.Errorf("the next write: %v", err)
	}
	if err := p.await(&ops.CloseWrite{On: s}); !errors.Is(err, completion.ErrWriteAborted) {
		p.Errorf("the half close: %v", err)
	}
	s.Close()
}

// holding is a connection whose writes wait in the test.
type holding struct {
	net.Conn
	holds bool
	held  []byte
}

func (h *holding) Write(b []byte) (int, error) {
	if !h.holds {
		return h.Conn.Write(b)
	}
	h.held = append(h.held, b...)
	return len(b), nil
}

// A Read can be cancelled, time out, or get another deadline after each byte of a record,
// and loses nothing.
func TestReadCutShort(t *testing.T) {
	everywhere(t, func(p *place) {
		s, raw := p.pair()
		between := &holding{Conn: raw}
		peer := p.secure(s, between, serverConfig, clientConfig, false)
		between.holds = true
		peer.Write([]byte("hello"))
		pool := p.port.NewPool(100, 1)
		for i := range between.held {
			read := &ops.Read{From: s, Pool: pool}
			if i%2 == 0 {
				read = &ops.Read{From: s, Buf: own(make([]byte, 5)), Full: i%4 == 0}
			}
			read.Deadline = completion.After(time.Hour)
			p.port.Submit(read)
			between.Conn.Write(between.held[i : i+1])
			if i == len(between.held)-1 {
				p.delivered(read, nil)
				if got := string(read.Buf.Bytes()); got != "hello" {
					p.Errorf("read %q", got)
				}
				read.Release()
				break
			}
			p.cutShort(read, i%3 == 0)
		}
		if n := pool.Lent(); n != 0 {
			p.Errorf("%d buffers are lent", n)
		}
	})
}

// cutShort ends a read that has got nothing yet.
func (p *place) cutShort(read *ops.Read, byDeadline bool) {
	p.Helper()
	if byDeadline {
		p.port.SetDeadline(read, completion.Now())
		p.delivered(read, os.ErrDeadlineExceeded)
	} else {
		p.port.Cancel(read)
		p.delivered(read, completion.ErrCanceled)
	}
	if read.N() != 0 {
		p.Errorf("%d bytes beside %v", read.N(), read.Err())
	}
}

// What was there before the deadline counts, however late the port looks.
func TestReadBeforeItsDeadline(t *testing.T) {
	everywhere(t, func(p *place) {
		s, peer := p.securePair()
		for _, pool := range []*completion.Pool{nil, p.port.NewPool(10, 1)} {
			read := &ops.Read{From: s, Pool: pool}
			if pool == nil {
				read.Buf = own(make([]byte, 10))
			}
			p.port.Submit(read)
			p.untilBlocked()
			if _, err := peer.Write([]byte("x")); err != nil {
				p.Fatal(err)
			}
			// It has arrived, and the port is not served until the deadline has passed.
			deadline := completion.After(time.Millisecond)
			p.port.SetDeadline(read, deadline)
			for completion.Now() <= deadline {
				runtime.Gosched()
			}
			p.delivered(read, nil)
			read.Release()
		}
	})
}

// Each operation is delivered once, whatever ends it, also with racing closes.
func TestRacingClose(t *testing.T) {
	everywhere(t, func(p *place) {
		rounds := 60
		if testing.Short() {
			rounds = 10
		}
		pool := p.port.NewPool(1000, 4)
		for round := range rounds {
			s, peer := p.securePair()
			go io.Copy(peer, peer)
			var all []completion.Operation
			for range 3 {
				all = append(all, &ops.Write{To: s, Buf: own(make([]byte, 100_000))},
					&ops.Read{From: s, Pool: pool}, &ops.Read{From: s, Buf: own(make([]byte, 50_000)), Full: true})
			}
			all = append(all, &ops.CloseWrite{On: s})
			p.port.Submit(all...)
			p.race(round, s, all)
			peer.Close()
			if n := pool.Lent(); n != 0 {
				p.Fatalf("%d buffers are lent", n)
			}
		}
	})
}

// race disturbs the operations while it takes their completions.
func (p *place) race(round int, s *completion.Socket, all []completion.Operation) {
	var others sync.WaitGroup
	for i, op := range all {
		if i%2 == round%2 {
			others.Go(func() { p.port.Cancel(op) })
		}
	}
	others.Go(func() {
		for range round * 20 {
			runtime.Gosched()
		}
		s.Close()
	})
	seen := map[completion.Operation]bool{}
	for range all {
		op, err := p.port.Next(context.Background())
		if err != nil || seen[op] {
			p.Fatalf("%T is delivered twice, or %v", op, err)
		}
		seen[op] = true
		if read, ok := op.(*ops.Read); ok {
			read.Release()
		}
	}
	others.Wait()
	if n := p.port.Stats().InFlight; n != 0 {
		p.Fatalf("%d are in flight", n)
	}
}

// A handshake that races with the end of its socket ends once.
func TestRacingHandshake(t *testing.T) {
	everywhere(t, func(p *place) {
		for round := range 40 {
			s, raw := p.pair()
			h := &iotls.Handshake{On: s, Config: serverConfig}
			p.port.Submit(h)
			var others sync.WaitGroup
			others.Go(func() {
				tls.Client(raw, clientConfig).Handshake()
				raw.Close()
			})
			others.Go(func() {
				for range round * 50 {
					runtime.Gosched()
				}
				if round%2 == 0 {
					s.Close()
				} else {
					p.port.Cancel(h)
				}
			})
			op, err := p.port.Next(context.Background())
			if err != nil || op != completion.Operation(h) {
				p.Fatal(op, err)
			}
			if _, ok := iotls.ConnectionState(s); ok && h.Err() != nil {
				p.Errorf("a state after %v", h.Err())
			}
			s.Close()
			others.Wait()
		}
	})
}
