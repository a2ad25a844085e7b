package core

import (
	"context"
	"io/fs"
	"runtime"
	"strings"
	"testing"

	"github.com/completionport/completion/internal/backend"
)

// filing is an operation of the work pool.
type filing struct {
	operation
	pool    *Pool
	perform func(Call) (int, error)
	try     func(Call) (int, error, bool)

	// Of a ReadAt that a kernel may perform.
	offset int64
	toRead func() (error, bool) // nil: it may
	atEnd  error
}

func (f *filing) Describe(r *Request) {
	f.operation.Describe(r)
	r.Target = f.perform
	if r.Pool = f.pool; f.pool != nil {
		r.Buffer = nil
	}
}
func (f *filing) Perform(c Call) (int, error)               { return f.perform(c) }
func (f *filing) Try(c Call) (n int, err error, ended bool) { return f.try(c) }

func (f *filing) ToRead(int) (number int, offset int64, err error, ok bool) {
	if f.toRead != nil {
		err, ok = f.toRead()
		return 0, 0, err, ok
	}
	return paperNumber, f.offset, nil, true
}
func (f *filing) AtEnd(int) error { return f.atEnd }

// paperNumber is the system's number for a paper.
const paperNumber = 33

// paper is a file whose operations are filings: its own calls are not used, except Close.
type paper struct {
	FileCalls
	closed int
}

func (p *paper) Close() error               { p.closed++; return nil }
func (p *paper) Stat() (fs.FileInfo, error) { return nil, nil }

func newPaper(t *testing.T, p *Port) (*paper, *Handle) {
	calls := &paper{}
	f, ok := p.AddFile(calls, true, true)
	if !ok {
		t.Fatal("the port takes no file")
	}
	return calls, f.Handle()
}

// ends checks that f is the next finished operation, and its count and failure.
func (f *filing) ends(t *testing.T, p *Port, n int64, want *Failure) {
	t.Helper()
	if got := p.Next(context.Background()); got != Operation(f) {
		t.Fatalf("dequeued %v, want %v", got, f)
	}
	if got, failure, _ := Outcome(&f.Record); got != n || failure != want {
		t.Fatalf("outcome %d, %+v; want %d, %+v", got, failure, n, want)
	}
}

func newFiling(kind backend.Kind, h *Handle) *filing {
	f := &filing{operation: operation{kind: kind, handle: h}}
	f.buffer.Set(make([]byte, 8))
	f.perform = func(Call) (int, error) { return 8, nil }
	f.try = func(Call) (int, error, bool) { return 8, nil, true }
	return f
}

// A cancel during a try that finds nothing is the outcome: the read does not wait for a
// goroutine.
func TestCancelDuringTry(t *testing.T) {
	p := newWorkPort(t)
	_, h := newPaper(t, p)
	r := newFiling(backend.ReadAt, h)
	r.try = func(Call) (int, error, bool) {
		if !p.Cancel(r) {
			t.Error("it can't be cancelled")
		}
		return 0, nil, false
	}
	r.perform = func(Call) (int, error) { t.Error("it is performed"); return 0, nil }
	p.Submit([]Operation{r}, false)
	r.ends(t, p, 0, canceledFailure)
	p.Close()
}

// A close of the file during a try lets the try end first, and closes the file once.
func TestCloseDuringTry(t *testing.T) {
	for _, succeeds := range []bool{true, false} {
		p := newWorkPort(t)
		calls, h := newPaper(t, p)
		r := newFiling(backend.ReadAt, h)
		r.try = func(Call) (int, error, bool) {
			h.Close()
			if calls.closed != 0 {
				t.Error("it is closed during the call")
			}
			return 8, nil, succeeds
		}
		p.Submit([]Operation{r}, false)
		if succeeds {
			r.ends(t, p, 8, nil)
		} else {
			r.ends(t, p, 0, fileClosedFailure)
		}
		if calls.closed != 1 || p.Stats().Handles != 0 {
			t.Errorf("closed %d times, %d handles", calls.closed, p.Stats().Handles)
		}
		p.Close()
	}
}

// A read that has tried gives its buffer back before it waits: a read that came meanwhile may
// need it to end.
func TestTryKeepsNoBuffer(t *testing.T) {
	p := newWorkPort(t)
	_, h := newPaper(t, p)
	pool := p.NewPool(8, 1)
	first, second := newFiling(backend.ReadAt, h), newFiling(backend.ReadAt, h)
	first.pool, second.pool = pool, pool
	first.try = func(Call) (int, error, bool) {
		p.Submit([]Operation{second}, false) // waits for the buffer
		return 0, nil, false
	}
	p.Submit([]Operation{first}, false)
	for range 2 {
		f := p.Next(context.Background()).(*filing)
		if n, failure, _ := Outcome(&f.Record); n != 8 || failure != nil {
			t.Fatalf("%d, %+v", n, failure)
		}
		f.result.Buffer.Release()
	}
	p.Close()
}

// A CloseFile that is submitted during a try waits for the read, also if that has to wait for
// a goroutine.
func TestCloseFileDuringTry(t *testing.T) {
	for _, succeeds := range []bool{true, false} {
		p := newWorkPort(t)
		_, h := newPaper(t, p)
		r, c := newFiling(backend.ReadAt, h), newFiling(backend.CloseFile, h)
		var order []*filing
		c.perform = func(Call) (int, error) { order = append(order, c); return 0, nil }
		r.perform = func(Call) (int, error) { order = append(order, r); return 8, nil }
		r.try = func(Call) (int, error, bool) {
			p.Submit([]Operation{c}, false)
			if succeeds {
				order = append(order, r)
			}
			return 8, nil, succeeds
		}
		p.Submit([]Operation{r}, false)
		r.ends(t, p, 8, nil)
		c.ends(t, p, 0, nil)
		if len(order) != 2 || order[0] != r {
			t.Errorf("the order is wrong: %v", order)
		}
		p.Close()
	}
}

// One goroutine serves a burst of short operations, or a few do: each starts the next only
// when it has taken an operation. The pool has none left afterwards.
func TestWorkersEnd(t *testing.T) {
	p := newWorkPort(t)
	p.workPool.limit = 4
	const n = 100
	running := make(chan bool)
	for range n {
		w := newFiling(backend.Work, nil)
		w.perform = func(Call) (int, error) { running <- true; return 0, nil }
		p.Submit([]Operation{w}, false)
	}
	for range n {
		<-running
		p.workPool.mu.Lock()
		if p.workPool.workers > 4 {
			t.Errorf("%d goroutines", p.workPool.workers)
		}
		p.workPool.mu.Unlock()
	}
	for range n {
		p.Next(context.Background())
	}
	p.Close()
	for workers := 1; workers > 0; {
		p.workPool.mu.Lock()
		workers = p.workPool.workers
		p.workPool.mu.Unlock()
	}
}

// rude is the value of a panic. To print it is a mistake of its own.
type rude struct{ print func() }

func (r rude) Error() string { r.print(); return "rude" }

// A panic is the outcome of its operation, whatever its value does when it is printed.
func TestPanicThatCannotBePrinted(t *testing.T) {
	for name, print := range map[string]func(){
		"Goexit": runtime.Goexit,
		"Panic":  func() { panic(rude{func() { panic("again") }}) },
		"Prints": func() {},
	} {
		t.Run(name, func(t *testing.T) {
			p := newWorkPort(t)
			for range 3 { // the pool of one goroutine goes on
				w := newFiling(backend.Work, nil)
				w.perform = func(Call) (int, error) { panic(rude{print}) }
				p.Submit([]Operation{w}, false)
				p.Next(context.Background())
				if _, f, _ := Outcome(&w.Record); f == nil || f.Code != Foreign || !strings.Contains(f.Err.Error(), "panic") {
					t.Errorf("it ends with %+v", f)
				}
			}
			p.Close()
		})
	}
}
