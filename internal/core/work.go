package core

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"

	"github.com/completionport/completion/internal/backend"
)

// ofWork is the key of workContext.
type ofWork struct{}

// workContext is above the contexts of all operations that have a goroutine of their own.
var workContext = context.WithValue(context.Background(), ofWork{}, true)

// IsOfWork reports whether what is done with ctx is done for an operation that has a
// goroutine of its own.
func IsOfWork(ctx context.Context) bool { return ctx.Value(ofWork{}) != nil }

// WaitInWork calls f, in which the goroutine of an operation waits on the port, and may do
// the port's work meanwhile. A panic there is not one of the operation: recovered from, it
// would leave the port without its leader. So it ends the process, as it does on a goroutine
// of the program.
func WaitInWork(f func()) {
	defer func() {
		if p := recover(); p != nil {
			endProcess(fmt.Sprintf("%v\n\n%s", p, debug.Stack()))
		}
	}()
	f()
}

var endProcess = func(text string) {
	go panic(text)
	select {}
}

// begin starts the goroutine of s, which is Queued. The lock of the worker is held.
func (w *worker) begin(s *Slot) { go w.run(s.ticket()) }

// run performs the operation that t names, unless an intent has ended it before.
func (w *worker) run(t Ticket) {
	h := w.handle.lock()
	s := t.slot
	if !s.has(t) {
		h.mu.Unlock()
		return
	}
	var req Request
	s.op.Describe(&req)
	ctx, cancel := context.WithCancel(workContext)
	if w.cancel == nil {
		w.cancel, w.shakes = make(map[*Slot]context.CancelFunc), make(map[*Handle]*Slot)
	}
	w.cancel[s] = cancel
	if req.Handle != nil {
		w.shakes[req.Handle] = s
	}
	s.enter(Calling) // from here on nobody else ends it
	h.mu.Unlock()

	w.call(ctx, s, &req)
}

var errExited = errors.New("completion: a function of the program has called runtime.Goexit")

// call calls Run and completes the operation. Run calls functions of the program, such as
// those of a tls.Config. One that panics, perhaps since a peer has found a defect of it,
// must not end the process with all its connections, and one that ends the goroutine must
// not leave the operation in flight.
func (w *worker) call(ctx context.Context, s *Slot, req *Request) {
	var result Result
	err, crashed := errExited, true
	defer func() { // also runs if printing the panic ends the goroutine
		h := w.handle.lock()
		w.cancel[s]()
		delete(w.cancel, s)
		delete(w.shakes, req.Handle)
		h.ran(s, result, err, crashed)
		h.unlock()
	}()
	defer func() { panicked(&err, s.kind, recover()) }()
	result, err = req.Run(ctx, w.handle.port.owner)
	crashed = false
}

// panicked sets err to the error of a panic with the value p, if that is not nil. A value may
// have methods of the program's, which are called to print it. They may panic, or end the
// goroutine: then the value is left out.
func panicked(err *error, kind backend.Kind, p any) {
	if p == nil {
		return
	}
	stack := debug.Stack()
	*err = fmt.Errorf("completion: a panic during a %v, with a value that can't be printed\n\n%s", kind, stack)
	defer func() { recover() }()
	*err = fmt.Errorf("completion: a panic during a %v: %v\n\n%s", kind, p, stack)
}

// ran completes an operation whose Run has ended, also by a panic or Goexit.
func (h *locked) ran(s *Slot, result Result, err error, crashed bool) {
	var f *Failure
	switch {
	case err == nil && result == Result{}: // what it produced is in the operation
	case err == nil:
		s.op.Deliver(result)
	case !crashed && h.intentOf(s) != noIntent:
		f = h.intentOf(s).failure()
	default:
		f = &Failure{Code: Foreign, Err: err}
	}
	h.complete(s, f)
}

// interrupt ends the context of an operation that is Calling. One that is Accepted has none
// yet: its intent ends it when it is put in its queue. The lock of the worker is held:
// cancelling a context calls nothing of the program's.
func (w *worker) interrupt(s *Slot) {
	if cancel := w.cancel[s]; cancel != nil {
		cancel()
	}
}

// interruptShake ends the context of the handshake of h, which is closing, if one is under
// way: its reads and writes have ended, but a function of the program may wait. No lock is
// held.
func (w *worker) interruptShake(h *Handle) {
	l := w.handle.lock()
	defer l.mu.Unlock()
	if s := w.shakes[h]; s != nil {
		w.interrupt(s)
	}
}
