//go:build unix

package porttest

import (
	"net"
	"os"
	"syscall"
	"time"

	"github.com/completionport/completion"
	"github.com/completionport/completion/ops"
)

var signalCases = []testCase{
	signalsAreTakenOnce,
	signalThatCameBefore,
	signalIsEnded,
}

// signals collects the signals of a case.
func (e *env) signals(s ...os.Signal) *completion.Signals {
	e.Helper()
	e.needsRealTime("signals come from outside of a bubble")
	collected := completion.Notify(s...)
	e.closers = append(e.closers, func() error { collected.Stop(); return nil })
	return collected
}

func kill(e *env, s syscall.Signal) {
	e.Helper()
	is(e, syscall.Kill(syscall.Getpid(), s), nil)
}

// signalsAreTakenOnce: each ends one of the operations that wait.
func signalsAreTakenOnce(e *env) {
	p := e.port(nil)
	collected := e.signals(syscall.SIGUSR1, syscall.SIGUSR2)
	first, second := &ops.Signal{From: collected}, &ops.Signal{From: collected}
	e.submit(p, first, second)
	e.idle(p)
	got := map[os.Signal]bool{}
	for _, s := range []syscall.Signal{syscall.SIGUSR1, syscall.SIGUSR2} {
		kill(e, s)
		op := e.next(p).(*ops.Signal)
		is(e, op.Err(), nil)
		equal(e, "signal", op.Signal, os.Signal(s))
		got[op.Signal] = true
	}
	equal(e, "signals", len(got), 2)
	e.idle(p)
}

func signalThatCameBefore(e *env) {
	p := e.port(nil)
	s := &ops.Signal{From: e.signals(syscall.SIGUSR1)}
	for range 3 {
		kill(e, syscall.SIGUSR1)
		is(e, p.Await(e.ctx, s), nil)
		equal(e, "signal", s.Signal, os.Signal(syscall.SIGUSR1))
	}
}

// signalIsEnded by a cancel, a deadline and the close of the port, and takes no signal.
func signalIsEnded(e *env) {
	p := e.port(nil)
	s := &ops.Signal{From: e.signals(syscall.SIGUSR1)}
	e.submit(p, s)
	equal(e, "cancelled", p.Cancel(s), true)
	e.expect(p, s, completion.ErrCanceled)
	equal(e, "signal", s.Signal, nil)
	s.Timeout = time.Millisecond
	is(e, p.Await(e.ctx, s), os.ErrDeadlineExceeded)
	s.Timeout = 0
	kill(e, syscall.SIGUSR1)
	is(e, p.Await(e.ctx, s), nil)
	e.submit(p, s)
	is(e, p.Close(), nil)
	e.expect(p, s, net.ErrClosed)
	is(e, p.Submit(s), net.ErrClosed)
}
