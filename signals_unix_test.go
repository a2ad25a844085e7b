//go:build unix

package completion_test

import (
	"context"
	"errors"
	"net"
	"syscall"
	"testing"

	"github.com/completionport/completion"
	"github.com/completionport/completion/ops"
	"github.com/completionport/completion/porttest"
)

// Each signal ends one Signal, also if it arrives when none waits.
func TestSignal(t *testing.T) {
	porttest.EachBackend(t, func(t *testing.T, open porttest.Open) {
		p, err := open(nil)
		must(t, err)
		defer p.Close()
		signals := completion.Notify(syscall.SIGUSR1, syscall.SIGUSR2)
		defer signals.Stop()
		s := &ops.Signal{From: signals}
		for range 3 {
			must(t, syscall.Kill(syscall.Getpid(), syscall.SIGUSR1))
			if err := p.Await(context.Background(), s); err != nil || s.Signal != syscall.SIGUSR1 {
				t.Fatalf("%v, %v", s.Signal, s.Err())
			}
			must(t, p.Submit(s))
			if !p.Cancel(s) {
				t.Fatal("it can't be cancelled")
			}
			p.Next(context.Background())
			if !errors.Is(s.Err(), completion.ErrCanceled) || s.Signal != nil {
				t.Fatalf("%v, %v", s.Signal, s.Err())
			}
			must(t, syscall.Kill(syscall.Getpid(), syscall.SIGUSR2))
			if err := p.Await(context.Background(), s); err != nil || s.Signal != syscall.SIGUSR2 {
				t.Fatalf("%v, %v", s.Signal, err)
			}
		}
		must(t, p.Submit(s))
		must(t, p.Close())
		p.Next(t.Context())
		if !errors.Is(s.Err(), net.ErrClosed) {
			t.Errorf("%v", s.Err())
		}
	})
}

// All signals are not those with which Go's runtime interrupts its threads.
func TestNotifyOfAllSignals(t *testing.T) {
	signals := completion.Notify()
	defer signals.Stop()
	for range 2 * cap(signals.C()) {
		must(t, syscall.Kill(syscall.Getpid(), syscall.SIGURG))
	}
	for _, last := range []syscall.Signal{syscall.SIGWINCH, syscall.SIGUSR1} {
		must(t, syscall.Kill(syscall.Getpid(), last))
		for s := range signals.C() { // others may come from the machine
			if s == syscall.SIGURG {
				t.Fatalf("got %v before %v", s, last)
			}
			if s == last {
				break
			}
		}
	}
}
