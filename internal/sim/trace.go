package sim

import (
	"fmt"
	"runtime"
	"strings"
)

var verbNames = [verbs]string{
	"Submit", "Next", "NextBatch", "Await", "Submit started", "Wait", "Cancel", "CancelTicket", "SetDeadline",
	"Handle.Close", "Pool.Take", "Release", "broadcast", "AddHandle", "Acquire", "Stats", "dequeue in a loop", "mistake",
	"flood", "reads in turn", "Close", "Shutdown",
}

var actorNames = [...]string{"Anna", "Bert", "Cleo", "Dora", "Emil"}

var codeNames = [...]string{"success", "end of file", "unexpected end of file", "closed", "deadline exceeded", "cancelled",
	"write aborted", "limit exceeded", "buffer full", "foreign", "system", "shut out", "file closed"}

// trace adds a line about the actor that runs, or about the surroundings.
func (w *world) trace(format string, args ...any) {
	if !w.tracing {
		return
	}
	who := "world"
	if a := w.current; a != nil {
		who = a.name
	}
	w.lines = append(w.lines, fmt.Sprintf("%5d %-9s %s", w.steps, who, fmt.Sprintf(format, args...)))
}

// tracePoint adds where in the engine the actor is.
func (w *world) tracePoint(what string) {
	if w.tracing {
		w.trace("%s %s", what, place())
	}
}

func (w *world) traceCall(call string, fd int) {
	if w.tracing {
		w.trace("calls %s on descriptor %d", call, fd)
	}
}

// place returns the innermost function of the engine among the callers.
func place() string {
	var pcs [16]uintptr
	frames := runtime.CallersFrames(pcs[:runtime.Callers(3, pcs[:])])
	for {
		f, more := frames.Next()
		name := f.Function[strings.LastIndex(f.Function, "/")+1:]
		inEngine := strings.HasPrefix(name, "core.")
		switch name {
		case "core.(*Port).lock", "core.(*Handle).lock", "core.(*Pool).lock", "core.(*Port).step", "core.(*waiter).sleep":
			inEngine = false
		}
		if inEngine {
			return fmt.Sprintf("in %s, %s:%d", strings.TrimPrefix(name, "core."), f.File[strings.LastIndex(f.File, "/")+1:], f.Line)
		}
		if !more {
			return ""
		}
	}
}
