package porttest

import (
	"net"
	"os"
	"os/exec"
	"runtime"

	"github.com/completionport/completion"
	"github.com/completionport/completion/ops"
)

var processCases = []testCase{
	processEnds,
	processIsWaitedForOnce,
	processIsCancelled,
	processOfAClosedPort,
}

// childVariable makes the binary of a test a child, which reads its input to the end and
// exits with childStatus.
const childVariable = "COMPLETION_PORTTEST_CHILD"

const childStatus = 9

func init() {
	if os.Getenv(childVariable) != "" {
		os.Stdin.Read(make([]byte, 1))
		os.Exit(childStatus)
	}
}

// child starts a child. It exits when exit is called.
func (e *env) child() (p *os.Process, exit func()) {
	e.Helper()
	e.needsRealTime("a child has no clock of a bubble")
	if runtime.GOOS == "js" {
		e.Skip("no children here")
	}
	r, w, err := os.Pipe()
	is(e, err, nil)
	defer r.Close()
	c := exec.Command(os.Args[0])
	c.Env = append(os.Environ(), childVariable+"=1")
	c.Stdin = r
	if err := c.Start(); err != nil {
		w.Close()
		e.Fatalf("start: %v", err)
	}
	e.closers = append(e.closers, func() error { w.Close(); c.Process.Wait(); return nil })
	return c.Process, func() { w.Close() }
}

// processEnds when the child exits, with its status. Several wait at a time.
func processEnds(e *env) {
	p := e.port(nil)
	var waits [3]ops.Process
	var exits [3]func()
	for i := range waits {
		waits[i].Process, exits[i] = e.child()
		e.submit(p, &waits[i])
	}
	e.idle(p)
	for i := range waits {
		exits[i]()
		e.expect(p, &waits[i], nil)
		equal(e, "status", waits[i].State.ExitCode(), childStatus)
		equal(e, "N", waits[i].N(), 0)
	}
}

// processIsWaitedForOnce: a second wait is an error and has no state.
func processIsWaitedForOnce(e *env) {
	p := e.port(nil)
	w := &ops.Process{}
	var exit func()
	w.Process, exit = e.child()
	exit()
	is(e, p.Await(e.ctx, w), nil)
	if err := p.Await(e.ctx, w); err == nil || w.State != nil {
		e.Fatalf("the outcome is %v, %v", err, w.State)
	}
}

// processIsCancelled: on Linux it ends at once and can be submitted again. Elsewhere it ends
// with the child, unless its goroutine had not begun to wait.
func processIsCancelled(e *env) {
	p := e.port(nil)
	w := &ops.Process{}
	var exit func()
	w.Process, exit = e.child()
	e.submit(p, w)
	e.idle(p)
	equal(e, "cancelled", p.Cancel(w), true)
	equal(e, "cancelled again", p.Cancel(w), false)
	if runtime.GOOS != "linux" {
		exit()
	}
	equal(e, "dequeued", e.next(p), completion.Operation(w))
	if runtime.GOOS == "linux" || w.Err() != nil {
		e.outcome(w, completion.ErrCanceled)
		equal(e, "state", w.State, nil)
		exit()
		is(e, p.Await(e.ctx, w), nil)
	}
	equal(e, "status", w.State.ExitCode(), childStatus)
}

func processOfAClosedPort(e *env) {
	p := e.port(nil)
	w := &ops.Process{}
	var exit func()
	w.Process, exit = e.child()
	is(e, p.Close(), nil)
	is(e, p.Submit(w), net.ErrClosed)
	is(e, w.Err(), net.ErrClosed)
	equal(e, "state", w.State, nil)
	exit()
}
