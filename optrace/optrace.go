// Package optrace records the steps of ports and draws them: as a trace for Perfetto and
// Chrome, or as one HTML page that needs nothing else.
//
//	trace := optrace.New(100_000)
//	port, err := completion.Open(&completion.Config{Observer: trace.Observer()})
//	…
//	err = trace.WriteHTML(file)
//
// A program with a flag for the name of a file uses Flag and Close instead: without the flag
// they do nothing.
//
// The page and the trace have a lane for each descriptor, with the operations that it had
// at a time, one above the other. An operation is a bar from its submit to its delivery. An
// operation that was started, for a Wait, ends when it is complete, since its delivery is
// not a step. The parts of a bar are:
//
//	queued    accepted, and not tried yet
//	called    in a system call
//	waiting   in its queue: the last call would have blocked, or it waits for another
//	          operation or for a buffer
//	complete  has its outcome, and waits to be dequeued
//
// A gap means that the steps do not tell. On Windows, the system performs operations by
// itself: such an operation is waiting until then. An observer costs about 1 µs for each
// step. So a trace shows the order of steps and how long operations wait, and overstates
// how long the port works.
package optrace

import (
	"bufio"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/completionport/completion"
)

// Trace records the last steps of the ports that observe with it. It comes from New or
// Create. Its methods are safe for concurrent use. The methods of a nil *Trace do nothing.
type Trace struct {
	file *os.File // of Create

	mu    sync.Mutex
	ring  []step // the step with number i is at i modulo its length
	count uint64 // how many steps were recorded
	ports int
}

// step is a step of one of the ports.
type step struct {
	completion.Event
	port int // from 1
}

// New returns a Trace that keeps the last n steps. An operation has about 4 steps. New
// allocates 100 bytes for each step, and recording allocates nothing. New panics if n is
// below 1.
func New(n int) *Trace {
	if n < 1 {
		panic("optrace: New: the number of steps must be above 0")
	}
	return &Trace{ring: make([]step, n)}
}

// createdSteps is how many steps a Trace of Create keeps.
const createdSteps = 1 << 17

// Create returns a Trace that keeps the last 131,072 steps, in 13 MB of memory. Its Close
// writes them to the named file: for Perfetto if the name ends in ".json", else as an HTML
// page. Create makes the file, so that a bad name is an error at once. For an empty name,
// Create returns nil, which is a Trace that does nothing.
func Create(name string) (*Trace, error) {
	if name == "" {
		return nil, nil
	}
	file, err := os.Create(name)
	if err != nil {
		return nil, err
	}
	t := New(createdSteps)
	t.file = file
	return t, nil
}

// Flag adds the flag -trace FILE to flags: it sets *t to the Trace that Create returns for
// the file. Without the flag, *t stays nil.
func Flag(flags *flag.FlagSet, t **Trace) {
	usage := "`file` for a trace of the last operations, written at the end: .json for Perfetto, else a web page"
	flags.Func("trace", usage, func(name string) (err error) {
		if *t != nil {
			return errors.New("there is a file already")
		}
		*t, err = Create(name)
		return err
	})
}

// Close writes the steps to the file of Create, and closes it. Call it when the ports are
// closed. For a Trace of New, Close does nothing.
func (t *Trace) Close() error {
	if t == nil || t.file == nil {
		return nil
	}
	write := t.WriteHTML
	if strings.EqualFold(filepath.Ext(t.file.Name()), ".json") {
		write = t.WritePerfetto
	}
	err := write(t.file)
	if closing := t.file.Close(); err == nil {
		err = closing
	}
	return err
}

// Observer returns an observer for the Config of one port. Ports that share a Trace need
// one each: the trace shows them as port 1, port 2 and so on. For a nil Trace, Observer
// returns nil, which is no observer.
func (t *Trace) Observer() completion.Observer {
	if t == nil {
		return nil
	}
	t.mu.Lock()
	t.ports++
	port := t.ports
	t.mu.Unlock()
	return func(e completion.Event) { t.record(step{e, port}) }
}

func (t *Trace) record(s step) {
	t.mu.Lock()
	t.ring[t.count%uint64(len(t.ring))] = s
	t.count++
	t.mu.Unlock()
}

// Lost returns how many steps were overwritten by later ones. Operations that began before
// the oldest step that is kept are shown without their beginning.
func (t *Trace) Lost() uint64 {
	if t == nil {
		return 0
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.count - min(t.count, uint64(len(t.ring)))
}

// WritePerfetto writes the steps in Chrome's JSON format, which ui.perfetto.dev and
// chrome://tracing open. A descriptor is a process there, and each of its rows a thread.
// Ports may go on meanwhile: later steps are left out. It returns the error of w.
func (t *Trace) WritePerfetto(w io.Writer) error { return t.write(w, writePerfetto) }

// WriteHTML writes the steps as an HTML page that loads nothing from elsewhere. It shows
// all lanes, zooms and scrolls, and has the details of each operation under the pointer.
// Ports may go on meanwhile: later steps are left out. It returns the error of w.
func (t *Trace) WriteHTML(w io.Writer) error { return t.write(w, writeHTML) }

// write writes the picture of the steps so far.
func (t *Trace) write(to io.Writer, write func(*bufio.Writer, *picture) error) error {
	if t == nil {
		return nil
	}
	steps, lost, ports := t.kept()
	w := bufio.NewWriter(to)
	if err := write(w, draw(steps, lost, ports > 1)); err != nil {
		return fmt.Errorf("optrace: %w", err)
	}
	return w.Flush()
}

// kept returns the steps that are kept, the oldest first.
func (t *Trace) kept() (steps []step, lost uint64, ports int) {
	n := uint64(len(t.ring))
	steps = make([]step, 0, n) // before the lock: observers wait for it
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.count <= n {
		return append(steps, t.ring[:t.count]...), 0, t.ports
	}
	oldest := t.count % n
	steps = append(steps, t.ring[oldest:]...)
	return append(steps, t.ring[:oldest]...), t.count - n, t.ports
}
