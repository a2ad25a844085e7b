package core

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"testing"

	"github.com/completionport/completion/internal/backend"
)

// dialing is an operation with a goroutine, which waits until it is told to go on or its
// context ends.
type dialing struct {
	operation
	began chan any // Options.Owner, when it runs
	goOn  chan error
}

func newDialing() *dialing {
	d := &dialing{began: make(chan any, 1), goOn: make(chan error)}
	d.kind = backend.Dial
	d.run = func(ctx context.Context, owner any) (Result, error) {
		d.began <- owner
		select {
		case err := <-d.goOn:
			return Result{Accepted: new(Handle)}, err
		case <-ctx.Done():
			return Result{}, ctx.Err()
		}
	}
	return d
}

// outcome is that of a dialing which Next delivers.
func (d *dialing) outcome(t *testing.T, p *Port) *Failure {
	t.Helper()
	if op := p.Next(context.Background()); op != Operation(d) {
		t.Fatalf("Next returned %v", op)
	}
	_, f, ok := Outcome(&d.Record)
	if !ok || d.delivered != 1 || (d.result.Accepted != nil) != (f == nil) {
		t.Errorf("%v, delivered %d times: %+v, %+v", ok, d.delivered, d.result, f)
	}
	if n := p.Stats().InFlight; n != 0 {
		t.Errorf("%d are in flight", n)
	}
	return f
}

func newWorkPort(t *testing.T) *Port {
	k := &script{t: t, now: 1, idle: true}
	return NewPort(Options{Kernel: k, Poller: wakingPoller{make(chan bool, 100)}, Owner: "the owner"})
}

// wakingPoller sleeps until it is woken.
type wakingPoller struct{ wakes chan bool }

func (w wakingPoller) Arm(int, uint32) backend.Errno { return 0 }
func (w wakingPoller) Disarm(int)                    {}
func (w wakingPoller) SetTimeout(int64)              {}
func (w wakingPoller) Wake(backend.Waiting)          { w.wakes <- true }
func (w wakingPoller) Close() error                  { return nil }
func (w wakingPoller) Wait(how backend.Waiting, _ []backend.Event) (int, bool) {
	if how != backend.Look {
		<-w.wakes
	}
	return 0, false
}

func TestWorkEnds(t *testing.T) {
	p := newWorkPort(t)
	d := newDialing()
	p.Submit([]Operation{d}, false)
	if owner := <-d.began; owner != "the owner" {
		t.Errorf("Run was given %v", owner)
	}
	d.goOn <- nil
	if f := d.outcome(t, p); f != nil {
		t.Errorf("it failed: %+v", f)
	}
	fault := errors.New("a fault")
	d = newDialing()
	p.Submit([]Operation{d}, false)
	<-d.began
	d.goOn <- fault
	if f := d.outcome(t, p); f == nil || f.Code != Foreign || f.Err != fault {
		t.Errorf("it ended with %+v", f)
	}
}

// An intent ends it, at whatever moment it is recorded.
func TestWorkInterrupted(t *testing.T) {
	for i := range 200 {
		p := newWorkPort(t)
		d := newDialing()
		p.Submit([]Operation{d}, false)
		if i%2 == 0 { // else it may not have begun
			<-d.began
		}
		if !p.Cancel(d) || p.Cancel(d) {
			t.Fatal("it can't be cancelled, or twice")
		}
		if f := d.outcome(t, p); f != canceledFailure {
			t.Fatalf("it ended with %+v", f)
		}
	}
}

// A result that comes all the same is the outcome.
func TestWorkResultAfterCancel(t *testing.T) {
	p := newWorkPort(t)
	d := newDialing()
	begun := make(chan bool)
	d.run = func(ctx context.Context, _ any) (Result, error) {
		close(begun)
		<-ctx.Done()
		return Result{Accepted: new(Handle)}, nil
	}
	p.Submit([]Operation{d}, false)
	<-begun
	p.Cancel(d)
	if f := d.outcome(t, p); f != nil {
		t.Errorf("it ended with %+v", f)
	}
}

// Closing the port and shutting it down end it, and refuse the next.
func TestWorkOfAClosedPort(t *testing.T) {
	for _, end := range []func(p *Port){
		func(p *Port) { p.Close() },
		func(p *Port) { p.Shutdown(context.Background()) },
	} {
		p := newWorkPort(t)
		d := newDialing()
		p.Submit([]Operation{d}, false)
		<-d.began
		end(p)
		if f := d.outcome(t, p); f != closedFailure {
			t.Errorf("it ended with %+v", f)
		}
		late := newDialing()
		if p.Submit([]Operation{late}, false) || late.delivered != 1 {
			t.Error("a closed port accepts it, or leaves an old result")
		}
	}
}

// A Run that panics, or ends its goroutine, completes the operation with an error, and the
// port can be closed.
func TestWorkCrashes(t *testing.T) {
	for text, crash := range map[string]func(){
		"a panic during a dial: my text": func() { panic("my text") },
		"runtime.Goexit":                 runtime.Goexit,
	} {
		for _, cancelled := range []bool{false, true} {
			p := newWorkPort(t)
			d := newDialing()
			d.run = func(ctx context.Context, _ any) (Result, error) {
				d.began <- nil
				if cancelled {
					<-ctx.Done()
				}
				crash()
				return Result{Accepted: new(Handle)}, nil
			}
			p.Submit([]Operation{d}, false)
			<-d.began
			if cancelled {
				p.Cancel(d)
			}
			if f := d.outcome(t, p); f == nil || f.Code != Foreign || !strings.Contains(f.Err.Error(), text) {
				t.Errorf("it ended with %+v", f)
			}
			p.Close()
		}
	}
}

// An intent that comes between the accept and the queue ends a Dial there.
func TestCancelAcceptedDial(t *testing.T) {
	p := newWorkPort(t)
	d := newDialing()
	st := p.lock()
	b := batch{ops: []Operation{d}}
	st.claimAll(&b)
	s := st.accept(d, &b, false)
	st.unlock()
	if !p.Cancel(d) {
		t.Error("it can't be cancelled")
	}
	p.begin(s)
	if f := d.outcome(t, p); f != canceledFailure {
		t.Errorf("it ended with %+v", f)
	}
}

// A panic while the goroutine of an operation does the port's work is not the operation's.
func TestPanicOfPortInWork(t *testing.T) {
	end := endProcess
	defer func() { endProcess = end }()
	ended := make(chan string, 1)
	endProcess = func(text string) { ended <- text }
	p := newWorkPort(t)
	d := newDialing()
	d.run = func(context.Context, any) (Result, error) {
		WaitInWork(func() { panic("of the port") })
		return Result{}, nil
	}
	p.Submit([]Operation{d}, false)
	if text := <-ended; !strings.HasPrefix(text, "of the port\n") || !strings.Contains(text, "work_test.go") {
		t.Errorf("it ends with %q", text)
	}
	p.Next(context.Background())
}

// TestPanicThatCannotBePrinted for an operation with a goroutine of its own.
func TestRunPanicThatCannotBePrinted(t *testing.T) {
	p := newWorkPort(t)
	d := newDialing()
	d.run = func(context.Context, any) (Result, error) {
		panic(rude{runtime.Goexit})
	}
	p.Submit([]Operation{d}, false)
	if f := d.outcome(t, p); f == nil || f.Code != Foreign || !strings.Contains(f.Err.Error(), "panic") {
		t.Errorf("it ended with %+v", f)
	}
	p.Close()
}
