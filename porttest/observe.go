package porttest

import (
	"cmp"
	"errors"
	"io"
	"net"
	"os"
	"runtime"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/completionport/completion"
	"github.com/completionport/completion/ops"
)

var observerCases = []testCase{
	lifeOfARead,
	wouldBlock,
	everyOperationOfABatch,
	outcomeOfACancel,
	panicLosesNoCompletion,
	panicAtAnyStep,
	endOfGoroutineAtAnyStep,
	panicWhoseTextEndsTheGoroutine,
	panicWhoseTextPanics,
	askedByManyAtOnce,
}

// log keeps the events of an observer.
type log struct {
	env    *env
	port   *completion.Port
	mu     sync.Mutex
	events []completion.Event
}

func (l *log) note(e completion.Event) {
	l.mu.Lock()
	l.events = append(l.events, e)
	l.mu.Unlock()
}

// of returns the events of one operation in the order of their times, or those
// of none. The suite's own operations have the first numbers.
func (l *log) of(operation uint32) []completion.Event {
	if operation != 0 {
		operation += uint32(l.env.connects[l.port])
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	events := slices.DeleteFunc(slices.Clone(l.events), func(e completion.Event) bool { return e.Operation != operation })
	slices.SortStableFunc(events, func(a, b completion.Event) int { return cmp.Compare(a.Time, b.Time) })
	return events
}

// steps checks the steps of one operation.
func (l *log) steps(e *env, operation uint32, kind string, want ...completion.Step) []completion.Event {
	e.Helper()
	events := l.of(operation)
	var got []completion.Step
	for _, event := range events {
		got = append(got, event.Step)
		equal(e, "kind", event.Kind, kind)
	}
	if !slices.Equal(got, want) {
		e.Fatalf("steps of operation %d are %v, want %v", operation, got, want)
	}
	return events
}

func observed(e *env) (*completion.Port, *log) {
	l := &log{env: e}
	l.port = e.port(&completion.Config{Observer: l.note})
	return l.port, l
}

func lifeOfARead(e *env) {
	p, l := observed(e)
	s, other := e.pair(p)
	read := &ops.Read{From: s, Buf: own(64)}
	e.submit(p, read)
	other.send("abc")
	e.expect(p, read, nil)
	events := l.steps(e, 1, "read", completion.StepSubmitted, completion.StepParked,
		completion.StepCalled, completion.StepCompleted, completion.StepDequeued)
	call, end := events[2], events[3]
	equal(e, "bytes of the call", call.N, 3)
	equal(e, "bytes of the completion", end.N, 3)
	is(e, end.Err, nil)
	if call.Took < 0 || call.FD < 0 {
		e.Fatalf("call: %+v", call)
	}
	ready := slices.IndexFunc(l.of(0), func(event completion.Event) bool {
		return event.Step == completion.StepReady && event.FD == call.FD && event.Time <= call.Time
	})
	if ready < 0 {
		e.Fatalf("no readiness before the call: %+v", l.of(0))
	}
}

func wouldBlock(e *env) {
	p, l := observed(e)
	if isNative(p) {
		e.Skip("the kernel waits by itself: no call blocks")
	}
	s, other := e.pair(p)
	read := &ops.Read{From: s, Buf: own(3)}
	e.submit(p, read)
	other.send("abc") // fills the buffer: there could be more
	e.expect(p, read, nil)
	e.submit(p, read)
	other.send("d")
	e.expect(p, read, nil)
	events := l.steps(e, 2, "read", completion.StepSubmitted, completion.StepCalled, completion.StepParked,
		completion.StepCalled, completion.StepCompleted, completion.StepDequeued)
	is(e, events[1].Err, syscall.EAGAIN)
}

func everyOperationOfABatch(e *env) {
	p, l := observed(e)
	s, other := e.pair(p)
	post, timer, read, write := newPost(nil), &ops.Timer{After: time.Hour}, &ops.Read{From: s, Buf: own(8)}, &ops.Write{To: s, Buf: text("x")}
	e.submit(p, post, timer, read, write)
	e.expectAll(p, nil, post, write)
	l.steps(e, 1, "post", completion.StepSubmitted, completion.StepCompleted, completion.StepDequeued)
	l.steps(e, 2, "timer", completion.StepSubmitted, completion.StepParked)
	l.steps(e, 3, "read", completion.StepSubmitted, completion.StepParked)
	ofWrite := []completion.Step{completion.StepSubmitted, completion.StepCalled, completion.StepCompleted, completion.StepDequeued}
	if p.Backend() == "io_uring" { // where no operation ends in the Submit
		ofWrite = slices.Insert(ofWrite, 1, completion.StepParked)
	}
	l.steps(e, 4, "write", ofWrite...)
	equal(e, "received", other.receive(1), "x")
}

func outcomeOfACancel(e *env) {
	p, l := observed(e)
	s, _ := e.pair(p)
	read := &ops.Read{From: s, Buf: own(8)}
	e.start(p, read)
	p.Cancel(read)
	is(e, p.Wait(e.ctx, read), completion.ErrCanceled)
	// A started operation is not dequeued.
	events := l.steps(e, 1, "read", completion.StepSubmitted, completion.StepParked, completion.StepCompleted)
	is(e, events[2].Err, completion.ErrCanceled)
}

// quietly sends what is written to standard error nowhere while f runs: that is
// where an observer's mistake is reported.
func (e *env) quietly(f func()) {
	e.Helper()
	stderr := os.Stderr
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		e.Skipf("the report goes to %s: %v", os.DevNull, err)
	}
	defer null.Close()
	os.Stderr = null
	defer func() { os.Stderr = stderr }()
	f()
}

// panicLosesNoCompletion: the observer panics at its first call, and is not asked again.
func panicLosesNoCompletion(e *env) {
	e.quietly(func() {
		var calls sync.Mutex
		count := 0
		p := e.port(&completion.Config{Observer: func(completion.Event) {
			calls.Lock()
			defer calls.Unlock()
			count++
			panic(errors.New("an observer's mistake"))
		}})
		s, other := e.pair(p)
		read := &ops.Read{From: s, Buf: own(8)}
		for range 10 {
			e.submit(p, read)
			other.send("abc")
			e.expect(p, read, nil)
		}
		equal(e, "calls", count, 1)
	})
}

func panicAtAnyStep(e *env) { observeLeaves(e, func() { panic("an observer's mistake") }) }

// endOfGoroutineAtAnyStep: that is what Fatal of a test does.
func endOfGoroutineAtAnyStep(e *env) { observeLeaves(e, runtime.Goexit) }

// mistake is what an observer panics with, and what is asked for its text then.
type mistake struct{ leave func() }

func (m mistake) Error() string { m.leave(); return "" }

// panicWhoseTextEndsTheGoroutine: the port says what the observer has panicked with,
// and that is code of the program's, too.
func panicWhoseTextEndsTheGoroutine(e *env) {
	observeLeaves(e, func() { panic(mistake{runtime.Goexit}) })
}

func panicWhoseTextPanics(e *env) {
	observeLeaves(e, func() { panic(mistake{func() { panic("again") }}) })
}

// observeLeaves has the observer leave at each step once, for the operations of
// each kind: the port goes on as if there were none.
func observeLeaves(e *env, leave func()) {
	e.quietly(func() {
		for step := completion.StepSubmitted; step <= completion.StepAwake; step++ {
			for _, kind := range []string{"", "accept", "connect", "read", "write", "closewrite", "timer", "post"} {
				observeLeavesAt(e, step, kind, leave)
			}
		}
	})
}

func observeLeavesAt(e *env, step completion.Step, kind string, leave func()) {
	var calls sync.Mutex
	left, after := 0, 0
	p := e.port(&completion.Config{Observer: func(event completion.Event) {
		calls.Lock()
		defer calls.Unlock()
		after += left
		if event.Step == step && event.Kind == kind {
			left = 1
			leave()
		}
	}})
	l := e.listen(p, "tcp4")
	socket := e.socket(p, "tcp4")
	accept, connect := &ops.Accept{On: l}, &ops.Connect{On: socket, To: l.Addr()}
	e.submit(p, accept, connect)
	e.expectAll(p, nil, accept, connect)
	read, behind := &ops.Read{From: accept.Conn, Buf: own(8)}, &ops.Read{From: accept.Conn, Buf: own(8)}
	write, half := &ops.Write{To: socket, Buf: text("abc")}, &ops.CloseWrite{On: socket}
	e.submit(p, read, behind, newPost(nil), &ops.Timer{After: time.Millisecond})
	is(e, p.Await(e.ctx, write), nil)
	is(e, p.Await(e.ctx, half), nil)
	for range 4 {
		e.next(p)
	}
	equal(e, "bytes", string(read.Buf.Bytes()), "abc")
	is(e, behind.Err(), io.EOF)
	last := &ops.Read{From: socket, Buf: own(1)}
	e.submit(p, last)
	is(e, p.Close(), nil)
	if got := e.next(p); got != completion.Operation(last) {
		e.Fatalf("dequeued %T", got)
	}
	// The other end is closed as well: where the kernel reads by itself, the end of the
	// stream may come first.
	if err := last.Err(); !isNative(p) || !errors.Is(err, io.EOF) {
		is(e, err, net.ErrClosed)
	}
	calls.Lock()
	defer calls.Unlock()
	if after != 0 {
		e.Fatalf("the observer left at %v of %q, and was called %d times after that", step, kind, after)
	}
}

func askedByManyAtOnce(e *env) {
	p, l := observed(e)
	const each = 200
	together(4, func(int) {
		for range each {
			if err := p.Await(e.ctx, newPost(nil)); err != nil {
				e.Error(err)
			}
		}
	})
	for i := range uint32(4 * each) {
		l.steps(e, i+1, "post", completion.StepSubmitted, completion.StepCompleted)
	}
}
