package iotls_test

import (
	"context"
	"errors"
	"io"
	"syscall"
	"testing"

	"github.com/completionport/completion"
	"github.com/completionport/completion/ops"
)

// Nothing can be written behind a CloseWrite that has waited for room and was cancelled.
func TestCloseWriteCancelled(t *testing.T) {
	// A system may find room later, although the peer has read nothing.
	inMemory(t, new(completion.Memory), func(p *place) {
		s, peer := p.securePair()
		p.cancelBlocked(&ops.Write{To: s, Buf: own(make([]byte, 16<<20))})
		end := &ops.CloseWrite{On: s}
		p.cancelBlocked(end)
		ended := make(chan error, 1)
		go func() {
			_, err := io.Copy(io.Discard, peer)
			ended <- err
		}()
		if err := p.await(&ops.Write{To: s, Buf: own([]byte("x"))}); !errors.Is(err, syscall.EPIPE) {
			p.Errorf("write: %v", err)
		}
		p.must(end)
		if err := <-ended; err != nil {
			p.Errorf("the peer reads: %v", err)
		}
	})
}

// So it is while the peer reads nothing: the Write does not wait for room.
func TestWriteBehindCancelledCloseWrite(t *testing.T) {
	inMemory(t, new(completion.Memory), func(p *place) {
		s, _ := p.securePair()
		p.cancelBlocked(&ops.Write{To: s, Buf: own(make([]byte, 16<<20))})
		p.cancelBlocked(&ops.CloseWrite{On: s})
		w := &ops.Write{To: s, Buf: own([]byte("x"))}
		p.port.Submit(w)
		p.untilBlocked()
		p.port.Cancel(w)
		if op, err := p.port.Next(context.Background()); err != nil || !errors.Is(op.Err(), syscall.EPIPE) {
			p.Errorf("write: %v, %v", op.Err(), err)
		}
	})
}

// cancelBlocked submits an operation that finds no room, and cancels it.
func (p *place) cancelBlocked(op completion.Operation) {
	p.Helper()
	p.port.Submit(op)
	p.untilBlocked()
	p.port.Cancel(op)
	p.delivered(op, completion.ErrCanceled)
}
