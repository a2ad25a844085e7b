package iotls_test

import (
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
		w := &ops.Write{To: s, Buf: own(make([]byte, 16<<20))}
		p.port.Submit(w)
		p.untilBlocked()
		p.port.Cancel(w)
		p.delivered(w, completion.ErrCanceled)
		end := &ops.CloseWrite{On: s}
		p.port.Submit(end)
		p.untilBlocked()
		p.port.Cancel(end)
		p.delivered(end, completion.ErrCanceled)
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
