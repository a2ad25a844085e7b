package core

import (
	"bytes"
	"context"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/completionport/completion/internal/backend"
)

// queued returns writes of these texts.
func queued(h *Handle, texts ...string) (list []*operation, ops []Operation) {
	for _, s := range texts {
		o := newOperation(backend.Write, h, len(s))
		copy(o.buffer.Memory(), s)
		list, ops = append(list, o), append(ops, o)
	}
	return list, ops
}

// takes returns a step that checks what it is given, and has room for n bytes.
func takes(t *testing.T, want string, n int, errno syscall.Errno) func([]byte) (int, syscall.Errno) {
	return func(p []byte) (int, syscall.Errno) {
		t.Helper()
		if string(p) != want {
			t.Errorf("a call with %q, want %q", p, want)
		}
		return n, errno
	}
}

// A call that takes a part ends the first writes, gives the next one a part, and leaves the
// others as they were.
func TestGatheredInPart(t *testing.T) {
	k, p, h := newScript(t)
	w, ops := queued(h, "ab", "cde", "f", "gh")
	k.write = append(k.write, takes(t, "abcdefgh", 3, 0))
	p.Submit(ops, false)
	ends(t, p, w[0], 2, nil)
	for i, want := range []int64{0, 1, 0, 0} {
		if n, phase := w[i].n, PhaseOf(&w[i].Record); i > 0 && (n != want || phase != Queued) {
			t.Errorf("write %d has %d bytes, and is %v", i, n, phase)
		}
	}
	k.write = append(k.write, takes(t, "defgh", 5, 0))
	k.edge(h, backend.Writable)
	ends(t, p, w[1], 3, nil)
	ends(t, p, w[2], 1, nil)
	ends(t, p, w[3], 2, nil)
	if calls := p.Stats().Calls; calls != 2 {
		t.Errorf("%d calls", calls)
	}
}

// A call that takes everything may have left room: the next write is tried at once.
func TestGatheredWhole(t *testing.T) {
	k, p, h := newScript(t)
	w, ops := queued(h, "ab", "c")
	last, _ := queued(h, "d")
	k.write = append(k.write, func(b []byte) (int, syscall.Errno) {
		p.Submit([]Operation{last[0]}, false) // meanwhile
		return len(b), 0
	}, takes(t, "d", 1, 0))
	p.Submit(ops, false)
	ends(t, p, w[0], 2, nil)
	ends(t, p, w[1], 1, nil)
	ends(t, p, last[0], 1, nil)
}

// A call that moves nothing, with or without an errno, leaves all in their queue.
func TestGatheredFindsNoRoom(t *testing.T) {
	for _, errno := range []syscall.Errno{0, syscall.EAGAIN} {
		k, p, h := newScript(t)
		w, ops := queued(h, "ab", "c")
		k.write = append(k.write, gives(0, syscall.EINTR), gives(0, errno))
		p.Submit(ops, false)
		k.write = append(k.write, takes(t, "abc", 3, 0))
		k.edge(h, backend.Writable)
		ends(t, p, w[0], 2, nil)
		ends(t, p, w[1], 1, nil)
	}
}

// An errno belongs to the head. The others are tried by themselves, unless the head has
// sent some of its bytes: then they are aborted.
func TestGatheredFails(t *testing.T) {
	for _, c := range []struct {
		errno syscall.Errno
		sent  int
	}{{errReset, 0}, {syscall.EPIPE, 0}, {errReset, 1}, {syscall.EPIPE, 1}} {
		k, p, h := newScript(t)
		w, ops := queued(h, "ab", "c", "d")
		if c.sent > 0 {
			k.write = append(k.write, gives(c.sent, 0))
		}
		k.write = append(k.write, gives(0, c.errno))
		if c.sent == 0 {
			k.write = append(k.write, takes(t, "cd", 0, syscall.EPIPE), takes(t, "d", 0, syscall.EPIPE))
		}
		p.Submit(ops, false)
		if c.sent > 0 {
			k.edge(h, backend.Writable)
		}
		for i, o := range w {
			p.Next(context.Background())
			n, f, _ := Outcome(&o.Record)
			aborted := i > 0 && c.sent > 0
			want := c.errno
			if f == nil || aborted != (f == abortedFailure) || !aborted && f.Errno != want || i == 0 && int(n) != c.sent || i > 0 && n != 0 {
				t.Errorf("%+v: write %d ends with %d bytes and %+v", c, i, n, f)
			}
		}
		if len(k.write) > 0 {
			t.Errorf("%+v: %d calls are missing", c, len(k.write))
		}
	}
}

// An intent that is recorded during the call ends what the call has not ended, and nothing
// else, wherever it stands.
func TestGatheredAndCancelled(t *testing.T) {
	k, p, h := newScript(t)
	w, ops := queued(h, "ab", "c", "de", "f")
	k.write = append(k.write, func([]byte) (int, syscall.Errno) {
		for _, i := range []int{1, 2} {
			if !p.Cancel(w[i]) {
				t.Errorf("write %d can't be cancelled", i)
			}
		}
		if p.Cancel(w[2]) {
			t.Error("a second cancel is recorded")
		}
		return 4, 0 // the first two, and half of the third
	})
	p.Submit(ops, false)
	ends(t, p, w[0], 2, nil)
	ends(t, p, w[1], 1, nil)
	ends(t, p, w[2], 1, &Failure{Code: Canceled})
	ends(t, p, w[3], 0, abortedFailure)

	edgeOf(p, backend.Event{FD: 7, Generation: h.generation, Ready: backend.Writable})
	w, ops = queued(h, "ab", "c", "d")
	k.write = append(k.write, func([]byte) (int, syscall.Errno) {
		p.Cancel(w[1]) // nothing of it is sent: it breaks nothing
		return 0, syscall.EAGAIN
	}, takes(t, "abd", 3, 0))
	p.Submit(ops, false)
	ends(t, p, w[1], 0, canceledFailure)
	k.edge(h, backend.Writable)
	ends(t, p, w[0], 2, nil)
	ends(t, p, w[2], 1, nil)
}

// A close during the call ends what the call has not ended, and what is queued behind it at
// once.
func TestGatheredAndClosed(t *testing.T) {
	k, p, h := newScript(t)
	w, ops := queued(h, strings.Split("a b cc d", " ")...)
	large := newOperation(backend.Write, h, gatheredBytes)
	k.write = append(k.write, func([]byte) (int, syscall.Errno) {
		h.Close()
		ends(t, p, large, 0, closedFailure)
		return 3, 0
	})
	p.Submit(append(ops, large), false)
	ends(t, p, w[0], 1, nil)
	ends(t, p, w[1], 1, nil)
	ends(t, p, w[2], 1, closedFailure)
	ends(t, p, w[3], 0, closedFailure)
	if len(k.closed) != 1 {
		t.Errorf("closed %v", k.closed)
	}
}

// A shutdown finds the write that has no intent behind those that have one.
func TestWriteLeftBehindCancelledOnes(t *testing.T) {
	k, p, h := newScript(t)
	w, ops := queued(h, "a", "b", "c")
	k.write = append(k.write, func([]byte) (int, syscall.Errno) {
		for i, want := range []bool{true, true, false} {
			p.Cancel(w[i])
			if got := h.hasWriteLeft(); got != want {
				t.Errorf("%d are cancelled: left is %v", i+1, got)
			}
		}
		return 3, 0
	})
	p.Submit(ops, false)
	for _, o := range w {
		ends(t, p, o, 1, nil)
	}
}

// A call has a limited number of parts and bytes. What is no write, or needs no call, is not
// among them.
func TestGatheredLimits(t *testing.T) {
	k, p, h := newScript(t)
	var all []Operation
	sizes := []int{}
	add := func(o *operation) { all = append(all, o) }
	for range backend.MostParts + 2 {
		add(newOperation(backend.Write, h, 1))
	}
	add(newOperation(backend.Write, h, 0))
	add(newOperation(backend.Write, h, gatheredBytes-1))
	add(newOperation(backend.Write, h, 1))
	add(newOperation(backend.Write, h, 1))
	add(newOperation(backend.CloseWrite, h, 0))
	for range 4 {
		k.write = append(k.write, func(b []byte) (int, syscall.Errno) {
			sizes = append(sizes, len(b))
			return len(b), 0
		})
	}
	p.Submit(all, false)
	for _, o := range all {
		ends(t, p, o.(*operation), int64(o.(*operation).buffer.n), nil)
	}
	if want := []int{backend.MostParts, 2, gatheredBytes, 1}; !slices.Equal(sizes, want) {
		t.Errorf("calls of %v bytes, want %v", sizes, want)
	}
}

// A turn ends a limited number of operations.
func TestGatheredTurn(t *testing.T) {
	k, p, h := newScript(t)
	w, ops := queued(h, strings.Split(strings.Repeat("x ", 2000), " ")[:2000]...)
	for range 2000 / backend.MostParts {
		k.write = append(k.write, func(b []byte) (int, syscall.Errno) { return len(b), 0 })
	}
	k.write = append(k.write, func(b []byte) (int, syscall.Errno) { return len(b), 0 })
	p.Submit(ops, false)
	if want := turnBudget / gatheredCost; k.calls != want {
		t.Errorf("%d calls in a turn, want %d", k.calls, want)
	}
	for _, o := range w {
		ends(t, p, o, 1, nil)
	}
}

// A Native kernel takes what there is room for without having it inside, and the rest one by
// one, since a cancel inside would hit all of them.
func TestNativeGathered(t *testing.T) {
	k, p, h := newNative(t)
	w, ops := queued(h, "ab", "c", "def", "g")
	k.vector.write = append(k.vector.write, takes(t, "abcdefg", 4, 0))
	p.Submit(ops, false)
	ends(t, p, w[0], 2, nil)
	ends(t, p, w[1], 1, nil)
	if len(k.begun) != 1 || !bytes.Equal(k.begun[0].data, []byte("ef")) {
		t.Fatalf("%d are begun", len(k.begun))
	}
	if !p.Cancel(w[3]) {
		t.Error("not cancelled")
	}
	ends(t, p, w[3], 0, canceledFailure)
	k.end(h, out, 2, 0)
	ends(t, p, w[2], 3, nil)
	k.atRest(p)
}

// An observer learns of the call for each write that has moved bytes, with its own number.
func TestGatheredAndObserved(t *testing.T) {
	k := &script{t: t, now: 1}
	var called []Trace
	p := NewPort(Options{Kernel: k, Poller: pollerOf{k}, Observe: func(tr Trace) {
		if tr.Step == StepCalled {
			called = append(called, tr)
		}
	}})
	h, _ := p.AddHandle(7, true, nil)
	_, ops := queued(h, "ab", "cd", "e", "f")
	k.write = append(k.write, gives(3, 0))
	p.Submit(ops, false)
	if len(called) != 2 || called[0].N != 2 || called[1].N != 1 || called[0].Serial == called[1].Serial {
		t.Errorf("%+v", called)
	}
	called = nil
	k.write = append(k.write, gives(0, syscall.EAGAIN))
	edgeOf(p, backend.Event{FD: 7, Generation: h.generation, Ready: backend.Writable})
	if len(called) != 1 || called[0].Errno != syscall.EAGAIN {
		t.Errorf("%+v", called)
	}
	h.Close()
}
