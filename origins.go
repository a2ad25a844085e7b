package completion

import (
	"fmt"
	"path"
	"runtime"
	"strings"
	"sync"

	"github.com/completionport/completion/internal/core"
)

// origins records when and by whom each operation in flight was submitted, for Dump. Only
// ports with COMPLETIONDEBUG=dump=callers have it.
//
// The key of an operation is its record. The entry is stored before the engine accepts
// the operation, and removed when the operation is delivered, before the program gets it
// and can submit it again.
type origins struct {
	mu    sync.Mutex
	of    map[*core.Record]origin
	count uint64
}

// callersKept is how many frames of a caller are kept, with those of this module that
// Dump leaves out.
const callersKept = 16

// origin says when an operation was submitted, and by whom.
type origin struct {
	number  uint64 // of the submission, from 1
	at      int64  // on the port's clock
	callers [callersKept]uintptr
}

// submit is Port.Submit, or Port.Start, with a note of the caller.
func (o *origins) submit(p *Port, operations []Operation, start bool) error {
	o.note(p.kernel.Now(), operations...)
	accepted := p.core.Submit(operations, start)
	if !accepted {
		o.forget(operations)
	}
	return closedUnless(accepted)
}

// note stores the origin of operations that are about to be submitted. One that is in
// flight is a mistake, for which the engine panics: its entry stays.
func (o *origins) note(now int64, operations ...Operation) {
	from := origin{at: now}
	runtime.Callers(2, from.callers[:])
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.of == nil {
		o.of = make(map[*core.Record]origin)
	}
	for _, op := range operations {
		rec := core.RecordOf(op) // panics for nil, as the engine would
		if core.PhaseOf(rec) == core.Idle {
			o.count++
			from.number = o.count
			o.of[rec] = from
		}
	}
}

// forget removes the entries of operations that are not in flight any more.
func (o *origins) forget(operations []Operation) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, op := range operations {
		delete(o.of, core.RecordOf(op))
	}
}

// find returns the origin of an operation in flight. ok is false if the port keeps none, or
// if the operation has been delivered.
func (o *origins) find(rec *core.Record) (from origin, ok bool) {
	if o == nil {
		return origin{}, false
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	from, ok = o.of[rec]
	return from, ok
}

// delivered is called for operations that the engine has delivered, before the program
// gets them.
func (p *Port) delivered(operations ...Operation) {
	if p.origins != nil {
		p.origins.forget(operations)
	}
}

// callersShown is how many frames of a caller Dump shows.
const callersShown = 4

// text returns the callers, the nearest first, such as
// "main.serve (server.go:42) from main.main (main.go:12)". It leaves out this module's
// packages that submit for the program, unless there is nobody else.
func (o *origin) text() string {
	var own, others []string
	for frames := runtime.CallersFrames(o.callers[:]); ; {
		f, more := frames.Next()
		text := fmt.Sprintf("%s (%s:%d)", path.Base(f.Function), path.Base(f.File), f.Line)
		switch {
		case f.Function == "":
		case isOwn(f.Function):
			own = append(own, text)
		default:
			others = append(others, text)
		}
		if !more {
			break
		}
	}
	if others == nil {
		others = own
	}
	return strings.Join(others[:min(len(others), callersShown)], " from ")
}

// isOwn reports whether a function is one of packages completion and ops, or of the
// runtime.
func isOwn(function string) bool {
	const module = "github.com/completionport/completion"
	for _, prefix := range []string{module + ".", module + "/ops.", module + "/internal/", "runtime."} {
		if strings.HasPrefix(function, prefix) {
			return true
		}
	}
	return false
}
