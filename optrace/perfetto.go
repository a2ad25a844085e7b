package optrace

import (
	"bufio"
	"cmp"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/completionport/completion"
)

// traceEvent is an event of Chrome's format. Times are in microseconds.
type traceEvent struct {
	Name     string         `json:"name"`
	Category string         `json:"cat,omitempty"`
	Phase    string         `json:"ph"`
	Process  int            `json:"pid"`
	Thread   int            `json:"tid"`
	Time     float64        `json:"ts"`
	Duration *float64       `json:"dur,omitempty"`
	Scope    string         `json:"s,omitempty"`
	Args     map[string]any `json:"args,omitempty"`
}

// perfetto writes the events of a picture.
type perfetto struct {
	*picture
	w      *bufio.Writer
	thread int // the number of the first row of the lane
	any    bool
	err    error
}

func writePerfetto(w *bufio.Writer, p *picture) error {
	f := perfetto{picture: p, w: w, thread: 1}
	fmt.Fprintf(w, `{"displayTimeUnit":"ns","otherData":{"steps":%d,"lost":%d},"traceEvents":[`, p.steps, p.lost)
	for i, l := range p.lanes {
		f.lane(i+1, l)
		f.thread += len(l.rows)
	}
	fmt.Fprintln(w, "\n]}")
	return f.err
}

// lane writes a lane as a process, whose threads are the rows.
func (f *perfetto) lane(process int, l *lane) {
	f.event(traceEvent{Name: "process_name", Phase: "M", Process: process, Args: map[string]any{"name": l.name}})
	f.event(traceEvent{Name: "process_sort_index", Phase: "M", Process: process, Args: map[string]any{"sort_index": process}})
	for i, r := range l.rows {
		name := cmp.Or(r.String(), l.name)
		f.event(traceEvent{Name: "thread_name", Phase: "M", Process: process, Thread: f.thread + i, Args: map[string]any{"name": name}})
	}
	for _, s := range l.sleeps {
		f.slice(process, f.thread, "leader", s.name, s.start, s.end, map[string]any{"events": s.n})
	}
	for _, at := range l.ready {
		f.event(traceEvent{Name: "ready", Category: "poller", Phase: "i", Scope: "p", Process: process, Thread: f.thread, Time: f.micros(at)})
	}
	for _, o := range l.operations {
		f.operation(process, f.thread+o.row, o)
	}
}

// operation writes a slice for an operation, and slices inside it for its parts.
func (f *perfetto) operation(process, thread int, o *operation) {
	args := map[string]any{"operation": o.number, "bytes": o.n}
	describe(args, o.err)
	if !o.begun {
		args["begun"] = "before the first step that was kept"
	}
	if !o.ended {
		args["ended"] = "not yet"
	}
	f.slice(process, thread, "operation", o.kind, o.start, o.end, args)
	for _, part := range o.parts {
		args := map[string]any(nil)
		if part.name == called {
			args = map[string]any{"bytes": part.n}
			describe(args, part.err)
		}
		f.slice(process, thread, "part", part.name, part.start, part.end, args)
	}
}

// describe adds an error, and its number if it is one of the system.
func describe(args map[string]any, err error) {
	if err == nil {
		return
	}
	args["error"] = err.Error()
	if n, ok := errno(err); ok {
		args["errno"] = n
	}
}

func (f *perfetto) slice(process, thread int, category, name string, start, end completion.Deadline, args map[string]any) {
	took := float64(end-start) / 1000
	f.event(traceEvent{
		Name: name, Category: category, Phase: "X", Process: process, Thread: thread,
		Time: f.micros(start), Duration: &took, Args: args,
	})
}

// micros returns the time since the start of the picture, in microseconds.
func (f *perfetto) micros(at completion.Deadline) float64 { return float64(at-f.start) / 1000 }

func (f *perfetto) event(e traceEvent) {
	text, err := json.Marshal(e)
	if f.err == nil {
		f.err = err
	}
	separator := ",\n"
	if !f.any {
		f.any, separator = true, "\n"
	}
	f.w.Write(slices.Concat([]byte(separator), text)) // the writer keeps its first error
}
