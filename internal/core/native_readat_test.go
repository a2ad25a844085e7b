package core

import (
	"context"
	"errors"
	"io"
	"syscall"
	"testing"

	"github.com/completionport/completion/internal/backend"
)

// readingKernel is a nativeKernel that performs ReadAts of files.
type readingKernel struct {
	*nativeKernel
	inside  map[int]*startedRead // by number
	started []*startedRead       // all there were
	full    bool                 // it takes none
	onRead  func(r *startedRead) // called before StartReadAt returns
}

type startedRead struct {
	number int
	size   int
	offset int64
	owner  any
	n      int
	errno  syscall.Errno
	ended  bool
}

func newReading(t *testing.T) (*readingKernel, *Port, *paper, *Handle) {
	native, _, _ := newNative(t)
	k := &readingKernel{nativeKernel: native, inside: map[int]*startedRead{}}
	p := NewPort(Options{Kernel: k, Poller: nativePoller{native}})
	calls := &paper{}
	f, _ := p.AddFile(calls, false, true)
	return k, p, calls, f.Handle()
}

func (k *readingKernel) StartReadAt(file int, data []byte, offset int64, owner any) bool {
	if file != paperNumber {
		k.t.Errorf("the file has the number %d", file)
	}
	if k.full {
		return false
	}
	k.mu.Lock()
	r := &startedRead{number: 1000 + len(k.started), size: len(data), offset: offset, owner: owner}
	k.inside[r.number] = r
	k.started = append(k.started, r)
	k.mu.Unlock()
	if k.onRead != nil {
		k.onRead(r)
	}
	return true
}

func (k *readingKernel) FinishReadAt(number int) (owner any, n int, errno syscall.Errno) {
	k.mu.Lock()
	defer k.mu.Unlock()
	r := k.inside[number]
	if r == nil || !r.ended {
		k.t.Fatal("finish of what has not ended")
	}
	delete(k.inside, number)
	return r.owner, r.n, r.errno
}

// endRead ends a read, and reports that with an event.
func (k *readingKernel) endRead(r *startedRead, n int, errno syscall.Errno) {
	k.mu.Lock()
	defer k.mu.Unlock()
	r.n, r.errno, r.ended = n, errno, true
	k.events = append(k.events, backend.Event{FD: r.number, Ready: backend.EndedReadAt})
	k.news.Broadcast()
}

// restsAfter checks that nothing is left.
func (k *readingKernel) restsAfter(p *Port, calls *paper) {
	k.t.Helper()
	k.atRest(p)
	if len(k.inside) != 0 || p.readAts.Load() != 0 || calls.closed != 1 {
		k.t.Errorf("%d are inside, %d are counted, the file was closed %d times", len(k.inside), p.readAts.Load(), calls.closed)
	}
}

// newReadAt returns a ReadAt of 8 bytes that must not be performed with a call.
func newReadAt(t *testing.T, h *Handle) *filing {
	r := newFiling(backend.ReadAt, h)
	r.perform = func(Call) (int, error) { t.Error("it is performed"); return 0, nil }
	r.try = func(Call) (int, error, bool) { t.Error("it tries"); return 0, nil, false }
	return r
}

// Many are inside, without a goroutine, and end in any order.
func TestNativeReadAts(t *testing.T) {
	k, p, calls, h := newReading(t)
	var reads [5]*filing
	for i := range reads {
		reads[i] = newReadAt(t, h)
		reads[i].offset = int64(100 * i)
		p.Submit([]Operation{reads[i]}, false)
	}
	if len(k.started) != len(reads) || p.workPool.workers != 0 {
		t.Fatalf("%d are inside, %d goroutines", len(k.started), p.workPool.workers)
	}
	for _, i := range [...]int{3, 0, 4, 1, 2} {
		if r := k.started[i]; r.offset != int64(100*i) || r.size != 8 {
			t.Errorf("%d bytes at %d", r.size, r.offset)
		}
		k.endRead(k.started[i], 8, 0)
		reads[i].ends(t, p, 8, nil)
	}
	k.restsAfter(p, calls)
}

// A short read goes on with the rest, until the file ends.
func TestNativeReadAtInPieces(t *testing.T) {
	for _, atEnd := range []error{nil, io.EOF, io.ErrUnexpectedEOF} {
		k, p, calls, h := newReading(t)
		r := newReadAt(t, h)
		r.offset, r.atEnd = 50, atEnd
		p.Submit([]Operation{r}, false)
		k.endRead(k.started[0], 3, 0)
		look(p)
		if rest := k.started[1]; rest.size != 5 || rest.offset != 53 {
			t.Fatalf("the rest has %d bytes at %d", rest.size, rest.offset)
		}
		k.endRead(k.started[1], 0, 0)
		want := map[error]*Failure{io.EOF: endOfFile, io.ErrUnexpectedEOF: unexpectedEndOfFile}[atEnd]
		r.ends(t, p, 3, want)
		k.restsAfter(p, calls)
	}
}

// With an errno, a call decides the outcome, also behind a piece.
func TestNativeReadAtFails(t *testing.T) {
	for _, pieces := range []int{0, 3} {
		k, p, calls, h := newReading(t)
		r, problem := newFiling(backend.ReadAt, h), errors.New("problem")
		r.perform = func(c Call) (int, error) { return 2, problem }
		p.Submit([]Operation{r}, false)
		if pieces > 0 {
			k.endRead(k.started[0], pieces, 0)
			look(p)
		}
		k.endRead(k.started[len(k.started)-1], 0, syscall.EIO)
		got := p.Next(context.Background())
		if n, f, _ := Outcome(&r.Record); got != Operation(r) || n != 2 || f == nil || f.Err != problem {
			t.Errorf("dequeued %v: %d, %+v", got, n, f)
		}
		k.restsAfter(p, calls)
	}
}

// What the kernel does not take is performed by the work pool. What must not be asked of it ends.
func TestNativeReadAtIsNotTaken(t *testing.T) {
	k, p, calls, h := newReading(t)
	k.full = true
	r := newFiling(backend.ReadAt, h)
	p.Submit([]Operation{r}, false)
	r.ends(t, p, 8, nil)
	k.full = false
	r.toRead = func() (error, bool) { return nil, false }
	p.Submit([]Operation{r}, false)
	r.ends(t, p, 8, nil)
	fault := errors.New("fault")
	r = newReadAt(t, h)
	r.toRead = func() (error, bool) { return fault, false }
	p.Submit([]Operation{r}, false)
	if n, f, _ := Outcome(&p.Next(context.Background()).(*filing).Record); n != 0 || f == nil || f.Err != fault {
		t.Errorf("%d, %+v", n, f)
	}
	r = newFiling(backend.ReadAt, h)
	k.onRead = func(*startedRead) { k.full = true } // when the rest is to be read
	p.Submit([]Operation{r}, false)
	k.endRead(k.started[0], 1, 0)
	r.ends(t, p, 8, nil)
	k.restsAfter(p, calls)
}

// What the kernel does not take does not wait for the work pool if it was cancelled in that call, or its
// file was closed.
func TestNativeReadAtIsNotTakenAndMustEnd(t *testing.T) {
	for _, closes := range []bool{false, true} {
		k, p, calls, h := newReading(t)
		p.workPool.workers = p.workPool.limit // none has time
		r, want := newReadAt(t, h), (*Failure)(nil)
		r.toRead = func() (error, bool) {
			if want = canceledFailure; closes {
				want = fileClosedFailure
				h.Close()
			} else if !p.Cancel(r) {
				t.Error("it can't be cancelled")
			}
			return nil, false
		}
		p.Submit([]Operation{r}, false)
		if s := p.Stats(); s.Queued != 1 {
			t.Fatalf("it waits: %+v", s)
		}
		r.ends(t, p, 0, want)
		k.restsAfter(p, calls)
	}
}

// The event may be served before the call has returned: then the goroutine in that call goes on,
// and the file stays open until then, whoever closes it.
func TestNativeReadAtEndsBeforeTheCallReturns(t *testing.T) {
	for _, pieces := range [][]int{{8}, {3, 5}, {3, 0}, {0}} {
		k, p, calls, h := newReading(t)
		r := newReadAt(t, h)
		k.onRead = func(s *startedRead) {
			k.endRead(s, pieces[len(k.started)-1], 0)
			look(p)
			h.Close()
			if s := p.Stats(); calls.closed != 0 || s.InFlight != 1 {
				t.Errorf("closed %d times, %d in flight", calls.closed, s.InFlight)
			}
		}
		p.Submit([]Operation{r}, false)
		if calls.closed != 1 {
			t.Errorf("closed %d times", calls.closed)
		}
		n := int64(pieces[0])
		if len(pieces) > 1 {
			n += int64(pieces[1])
		}
		r.ends(t, p, n, nil)
		k.restsAfter(p, calls)
	}
}

// An intent changes nothing: the result counts.
func TestNativeReadAtCancelled(t *testing.T) {
	k, p, calls, h := newReading(t)
	cancelled, late := newReadAt(t, h), newReadAt(t, h)
	p.Submit([]Operation{cancelled, late}, false)
	p.SetDeadline(late, 5)
	if !p.Cancel(cancelled) {
		t.Error("it can't be cancelled")
	}
	k.now = 6
	look(p)
	k.endRead(k.started[1], 8, 0)
	late.ends(t, p, 8, nil)
	k.endRead(k.started[0], 8, 0)
	cancelled.ends(t, p, 8, nil)
	k.restsAfter(p, calls)
}

// A CloseFile waits for what is inside.
func TestNativeReadAtAndCloseFile(t *testing.T) {
	k, p, calls, h := newReading(t)
	r, c := newReadAt(t, h), newFiling(backend.CloseFile, h)
	c.perform = func(Call) (int, error) { return 0, calls.Close() }
	p.Submit([]Operation{r, c}, false)
	if calls.closed != 0 || PhaseOf(&c.Record) != Queued {
		t.Errorf("closed %d times, %v", calls.closed, PhaseOf(&c.Record))
	}
	k.endRead(k.started[0], 8, 0)
	r.ends(t, p, 8, nil)
	c.ends(t, p, 0, nil)
	k.restsAfter(p, calls)
}

// A file that is closed stays open for what is inside. If that has ended and nobody has looked, the
// Close does.
func TestNativeReadAtAndClose(t *testing.T) {
	for _, before := range []bool{false, true} {
		k, p, calls, h := newReading(t)
		r := newReadAt(t, h)
		p.Submit([]Operation{r}, false)
		if !before {
			if h.Close(); calls.closed != 0 {
				t.Error("it is closed while a read is inside")
			}
		}
		k.endRead(k.started[0], 8, 0)
		if before {
			h.Close()
		} else {
			look(p)
		}
		if calls.closed != 1 {
			t.Error("it is not closed")
		}
		r.ends(t, p, 8, nil)
		k.restsAfter(p, calls)
	}
}

// The close of a port waits in the poller for what is inside.
func TestNativeReadAtAndCloseOfThePort(t *testing.T) {
	k, p, calls, h := newReading(t)
	r, closed := newReadAt(t, h), make(chan bool)
	p.Submit([]Operation{r}, false)
	go func() { p.Close(); close(closed) }()
	for !p.Stats().Parked {
	}
	k.endRead(k.started[0], 8, 0)
	<-closed
	r.ends(t, p, 8, nil)
	k.restsAfter(p, calls)
}

// Reads that have waited for a buffer are given to the kernel, too.
func TestNativeReadAtWithAPool(t *testing.T) {
	k, p, calls, h := newReading(t)
	pool := p.NewPool(8, 1)
	begun := make(chan *startedRead)
	k.onRead = func(r *startedRead) { go func() { begun <- r }() }
	reads := [3]*filing{}
	for i := range reads {
		reads[i] = newReadAt(t, h)
		reads[i].pool = pool
		p.Submit([]Operation{reads[i]}, false)
	}
	for _, r := range reads {
		look(p)
		k.endRead(<-begun, 8, 0)
		r.ends(t, p, 8, nil)
		r.result.Buffer.Release()
	}
	k.restsAfter(p, calls)
}
