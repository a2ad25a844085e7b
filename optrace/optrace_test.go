package optrace_test

import (
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/completionport/completion"
	"github.com/completionport/completion/internal/race"
	"github.com/completionport/completion/optrace"
)

// submitted records an operation that is submitted, is parked and completes.
func submitted(observe completion.Observer, number uint32, at completion.Deadline, fd int) {
	e := completion.Event{Operation: number, Kind: "read", FD: fd, Step: completion.StepSubmitted, Time: at}
	observe(e)
	e.Step, e.Time = completion.StepParked, at+10
	observe(e)
	e.Step, e.Time, e.N = completion.StepCompleted, at+20, 7
	observe(e)
}

// pageOf returns the data that a trace draws.
func pageOf(t *testing.T, trace *optrace.Trace) pageData {
	t.Helper()
	var text strings.Builder
	must(t, trace.WriteHTML(&text))
	data, _ := dataOf(t, text.String())
	return data
}

// The ring has room for two operations and the last two steps of a third.
func TestRingWraps(t *testing.T) {
	trace := optrace.New(8)
	observe := trace.Observer()
	for i := range 5 {
		if lost := trace.Lost(); lost != uint64(max(0, 3*i-8)) {
			t.Errorf("%d steps are lost after %d operations", lost, i)
		}
		submitted(observe, uint32(i+1), completion.Deadline(100*(i+1)), 5)
	}
	data := pageOf(t, trace)
	if data.Lost != 7 || data.Steps != 8 || len(data.Lanes) != 1 {
		t.Fatalf("the page has %+v", data)
	}
	for i, want := range []struct {
		op, start, end int
		unbegun        bool
	}{{3, 0, 10, true}, {4, 90, 110, false}, {5, 190, 210, false}} {
		o := data.Lanes[0].Ops[i]
		if o.Op != want.op || o.Start != int64(want.start) || o.End != int64(want.end) || o.Unbegun != want.unbegun || o.N != 7 {
			t.Errorf("operation %d is %+v, want %+v", i, o, want)
		}
	}
	if _, lines := decodeTrace(t, trace); !strings.Contains(lines[0], " begun=before the first step that was kept") {
		t.Errorf("the file has %s", lines[0])
	}
}

func decodeTrace(t *testing.T, trace *optrace.Trace) (chrome, []string) {
	t.Helper()
	var text strings.Builder
	must(t, trace.WritePerfetto(&text))
	return decode(t, text.String())
}

func TestNothingRecorded(t *testing.T) {
	trace := optrace.New(1)
	if data := pageOf(t, trace); data.Lanes == nil || len(data.Lanes) != 0 {
		t.Errorf("the page has %+v", data)
	}
	if _, lines := decodeTrace(t, trace); lines != nil {
		t.Errorf("the file has %v", lines)
	}
}

func TestNewPanics(t *testing.T) {
	defer func() {
		if r := recover(); r != "optrace: New: the number of steps must be above 0" {
			t.Errorf("the panic is %v", r)
		}
	}()
	optrace.New(0)
}

// Operations that overlap are in different rows, and two ports in different lanes.
func TestRowsAndPorts(t *testing.T) {
	trace := optrace.New(1000)
	first, second := trace.Observer(), trace.Observer()
	for i := range 12 {
		submitted(first, uint32(i+1), completion.Deadline(100+i), 5)
	}
	submitted(first, 13, 120, 5) // when the first one has ended
	submitted(second, 1, 100, 5)
	data := pageOf(t, trace)
	if len(data.Lanes) != 2 || data.Lanes[0].Name != "port 1, descriptor 5" || data.Lanes[1].Name != "port 2, descriptor 5" {
		t.Fatalf("the page has %+v", data)
	}
	if l := data.Lanes[0]; len(l.Rows) != 8 || l.Rows[7] != "in 8" || l.Ops[0].Row != 0 || l.Ops[11].Row != 7 || l.Ops[12].Row != 0 {
		t.Errorf("the lane is %+v", l)
	}
	f, lines := decodeTrace(t, trace)
	if !strings.HasPrefix(strings.Join(lines, "\n"), "port 1, descriptor 5/in: read") || !strings.Contains(strings.Join(lines, "\n"), "port 1, descriptor 5/in 12: read") {
		t.Errorf("the file has\n%s", strings.Join(lines, "\n"))
	}
	process := map[int]int{} // of a thread
	for _, e := range f.Events {
		if e.Tid != 0 && process[e.Tid] != 0 && process[e.Tid] != e.Pid {
			t.Errorf("the thread %d is in two processes", e.Tid)
		}
		process[e.Tid] = e.Pid
	}
}

// Goroutines tell steps late, and some steps have the same time.
func TestStepsOutOfOrder(t *testing.T) {
	trace := optrace.New(100)
	observe := trace.Observer()
	e := completion.Event{Operation: 1, Kind: "read", FD: 5, Time: 1000}
	for _, step := range []completion.Step{completion.StepDequeued, completion.StepCompleted, completion.StepCalled, completion.StepSubmitted} {
		e.Step = step
		observe(e)
	}
	e.Step, e.Time = completion.StepParked, 2000
	observe(e)
	for i, step := range []completion.Step{completion.StepCompleted, completion.StepParked, completion.StepDequeued} {
		observe(completion.Event{Operation: 2, Kind: "write", FD: 5, Step: step, Time: completion.Deadline(1000 + 500*i)})
	}
	observe(completion.Event{Step: completion.StepAwake, FD: -1, Time: 500})
	observe(completion.Event{Step: completion.StepAsleep, FD: -1, Time: 1500})
	_, lines := decodeTrace(t, trace)
	want := []string{
		"leader/leader: asleep 1e-06+5e-07 events=0",
		"descriptor 5/in: read 5e-07+0 operation=1 bytes=0",
		"descriptor 5/in: called 5e-07+0 bytes=0",
		"descriptor 5/out: write 5e-07+1e-06 operation=2 bytes=0 begun=before the first step that was kept",
		"descriptor 5/out: complete 5e-07+1e-06",
	}
	if got := strings.Join(lines, "\n"); got != strings.Join(want, "\n") {
		t.Errorf("the file has\n%s\nwant\n%s", got, strings.Join(want, "\n"))
	}
}

// The text of an error does not end the data.
func TestTextsAreEscaped(t *testing.T) {
	trace := optrace.New(10)
	trace.Observer()(completion.Event{Step: completion.StepCompleted, Operation: 1, Kind: "dial", FD: -1, Time: 1, Err: errors.New(`</script><b>&"`)})
	if data := pageOf(t, trace); data.Lanes[0].Ops[0].Err != `</script><b>&"` {
		t.Errorf("the page has %+v", data)
	}
}

func TestRecordingAllocatesNothing(t *testing.T) {
	observe := optrace.New(100).Observer()
	e := completion.Event{Step: completion.StepCalled, Operation: 1, Kind: "read", Err: io.EOF}
	if n := testing.AllocsPerRun(1000, func() { observe(e) }); n != 0 && !race.Enabled {
		t.Errorf("%v allocations for each step", n)
	}
}

func TestConcurrentUse(t *testing.T) {
	trace := optrace.New(50)
	var work sync.WaitGroup
	for range 4 {
		observe := trace.Observer()
		work.Go(func() {
			for i := range 500 {
				submitted(observe, uint32(i+1), completion.Deadline(i), i%7)
			}
		})
	}
	for range 20 {
		pageOf(t, trace)
		decodeTrace(t, trace)
	}
	work.Wait()
	if lost := trace.Lost(); lost != 4*3*500-50 {
		t.Errorf("%d steps are lost", lost)
	}
}

// failing is a writer that fails.
type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

func TestWriterFails(t *testing.T) {
	trace := optrace.New(10)
	for _, write := range []func(io.Writer) error{trace.WriteHTML, trace.WritePerfetto} {
		if err := write(failing{}); !errors.Is(err, io.ErrClosedPipe) {
			t.Errorf("error is %v", err)
		}
	}
}

// flags parses a command line.
func flags(args ...string) (trace *optrace.Trace, err error) {
	set := flag.NewFlagSet("test", flag.ContinueOnError)
	set.SetOutput(io.Discard)
	optrace.Flag(set, &trace)
	err = set.Parse(args)
	return trace, err
}

// newFolder returns a folder that the end of the test removes. With TempDir, Wine can't.
func newFolder(t *testing.T) string {
	folder, err := os.MkdirTemp("", "optrace")
	must(t, err)
	t.Cleanup(func() {
		files, err := filepath.Glob(filepath.Join(folder, "*"))
		must(t, err)
		for _, name := range append(files, folder) {
			must(t, os.Remove(name))
		}
	})
	return folder
}

func TestFlag(t *testing.T) {
	for name, begin := range map[string]string{"a.json": `{"displayTimeUnit"`, "b.JSON": `{"displayTimeUnit"`, "c.html": "<!DOCTYPE html>", "d": "<!DOCTYPE html>"} {
		path := filepath.Join(newFolder(t), name)
		trace, err := flags("-trace", path)
		must(t, err)
		submitted(trace.Observer(), 1, 100, 5)
		must(t, trace.Close())
		text, err := os.ReadFile(path)
		must(t, err)
		if !strings.HasPrefix(string(text), begin) || !strings.Contains(string(text), `"read"`) {
			t.Errorf("%s has %.300s", name, text)
		}
		if err := trace.Close(); !errors.Is(err, os.ErrClosed) {
			t.Errorf("the second Close returns %v", err)
		}
	}
}

func TestFlagRefuses(t *testing.T) {
	folder := newFolder(t)
	if _, err := flags("-trace", filepath.Join(folder, "no", "file.html")); err == nil || strings.Contains(err.Error(), "\n") {
		t.Errorf("error is %v", err)
	}
	trace, err := flags("-trace", filepath.Join(folder, "a"), "-trace", filepath.Join(folder, "b"))
	if err == nil || !strings.Contains(err.Error(), "there is a file already") {
		t.Errorf("error is %v", err)
	}
	must(t, trace.Close())
}

// Without the flag, or without a name, nothing happens.
func TestNoTrace(t *testing.T) {
	for _, args := range [][]string{nil, {"-trace", ""}} {
		trace, err := flags(args...)
		must(t, err)
		if trace != nil || trace.Observer() != nil || trace.Lost() != 0 {
			t.Errorf("%v: %v", args, trace)
		}
		must(t, trace.WriteHTML(failing{}))
		must(t, trace.WritePerfetto(failing{}))
		must(t, trace.Close())
	}
	must(t, optrace.New(1).Close())
}
