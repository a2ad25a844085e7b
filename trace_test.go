package completion_test

import (
	"context"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/completionport/completion"
	"github.com/completionport/completion/ops"
)

// readTrace records the steps of a port, as its Observer gets them, and the system calls
// that the port makes between them. docs/readiness.md shows such traces of one read, and
// the tests of this file hold the page to them.
type readTrace struct {
	mu    sync.Mutex
	lines []string
	waits chan struct{} // gets a value when the port begins to wait in the system
}

func newReadTrace() *readTrace { return &readTrace{waits: make(chan struct{}, 1)} }

func (r *readTrace) add(line string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lines = append(r.lines, line)
}

// step is an Observer.
func (r *readTrace) step(e completion.Event) { r.add(stepLine(e)) }

// stepLine is what a trace says of a step.
func stepLine(e completion.Event) string {
	line := e.Step.String()
	switch {
	case e.Step == completion.StepAwake:
		line += fmt.Sprintf(", events: %d", e.N)
	case e.Step == completion.StepCalled && e.Err == nil:
		line += fmt.Sprintf(", %d bytes", e.N)
	case e.Err != nil:
		line += ", " + e.Err.Error()
	}
	return line
}

// call records a system call, or its result.
func (r *readTrace) call(line string) { r.add("    " + line) }

// wait records a call that waits until something happens.
func (r *readTrace) wait(line string) {
	r.call(line)
	select {
	case r.waits <- struct{}{}:
	default:
	}
}

// record makes reads that wait, and returns the trace of the third: those before have taken
// all that is reported of a new connection.
func (r *readTrace) record(t *testing.T, port *completion.Port, read *ops.Read, peer net.Conn) []string {
	t.Helper()
	for range 3 {
		r.mu.Lock()
		r.lines = nil
		r.mu.Unlock()
		r.one(t, port, read, peer)
	}
	return r.lines
}

// one makes one read that waits. The peer sends when the port waits in the system.
func (r *readTrace) one(t *testing.T, port *completion.Port, read *ops.Read, peer net.Conn) {
	t.Helper()
	sent := make(chan error)
	go func() {
		<-r.waits
		_, err := peer.Write([]byte("hello"))
		sent <- err
	}()
	must(t, port.Submit(read))
	op, err := port.Next(context.Background())
	must(t, err)
	must(t, <-sent)
	if op != completion.Operation(read) || read.Err() != nil || string(read.Buf.Bytes()) != "hello" {
		t.Fatalf("delivered %T with %v", op, op.Err())
	}
	read.Release()
	select { // it may have waited twice
	case <-r.waits:
	default:
	}
}

// checkTrace compares a trace with the one of that name in docs/readiness.md.
func checkTrace(t *testing.T, name string, lines []string) {
	t.Helper()
	got := strings.Join(lines, "\n") + "\n"
	t.Logf("the trace:\n%s", got)
	_, want, found := strings.Cut(readFile(t, "docs/readiness.md"), "<!-- trace "+name+" -->\n```text\n")
	want, _, _ = strings.Cut(want, "```\n")
	switch {
	case !found:
		t.Errorf("docs/readiness.md has no trace %s", name)
	case got != want:
		t.Errorf("docs/readiness.md has another trace %s:\n%s", name, want)
	}
}
