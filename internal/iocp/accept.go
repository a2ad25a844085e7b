//go:build windows

package iocp

import (
	"slices"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/completionport/completion/internal/sys"
)

// acceptQueue holds the accepts of one listener that are inside the kernel. One of them is
// pending for the engine; there are more if more operations are queued. All accepts are
// alike, so an operation gets the result of the accept that ended first. If an operation
// is cancelled, the connection accepted for it goes to the next operation.
//
// The engine makes one call about a listener's accepts at a time, but a packet may be
// dequeued at any time.
type acceptQueue struct {
	skips bool // as in socket

	mu      sync.Mutex
	inside  []*sys.Acceptance
	ended   []*sys.Acceptance // in the order in which they ended
	free    []*sys.Acceptance // to be used again
	waiting bool              // an accept is pending for the engine, without an event so far
}

// acceptQueue returns the queue of a listener. The first call makes it.
func (s *socket) acceptQueue() *acceptQueue {
	q := s.accepts.Load()
	if q == nil {
		q = &acceptQueue{skips: s.skips}
		s.accepts.Store(q)
	}
	return q
}

// start returns the result of an accept that has ended, or leaves one pending.
func (q *acceptQueue) start(fd int) (n int, errno syscall.Errno, pending bool) {
	errno = q.topUp(fd, 1)
	q.mu.Lock()
	a := q.pop()
	q.waiting = a == nil && len(q.inside) > 0
	pending = q.waiting
	q.mu.Unlock()
	switch {
	case a != nil:
		n, errno = q.result(a, fd)
		return n, errno, false
	case pending:
		return 0, 0, true
	case errno == 0:
		errno = sys.Aborted
	}
	return -1, errno, false
}

// ahead begins accepts until n are inside, or as many as the system has sockets for: a
// lack of sockets is no failure of the pending accept. It reports whether the pending
// accept has ended during the call; then there is no event for it.
func (q *acceptQueue) ahead(fd, n int) (ended bool) {
	q.topUp(fd, n)
	q.mu.Lock()
	defer q.mu.Unlock()
	ended = q.waiting && len(q.ended) > 0
	q.waiting = q.waiting && !ended
	return ended
}

// topUp begins accepts until n are inside or have ended.
func (q *acceptQueue) topUp(fd, n int) (errno syscall.Errno) {
	for errno == 0 {
		a := q.oneMore(n)
		if a == nil {
			break
		}
		errno = q.begin(a, fd)
	}
	return errno
}

// oneMore returns an Acceptance for one more accept, nil if n are inside or have ended.
func (q *acceptQueue) oneMore(n int) *sys.Acceptance {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.inside)+len(q.ended) >= n {
		return nil
	}
	if last := len(q.free) - 1; last >= 0 {
		a := q.free[last]
		q.free = q.free[:last]
		return a
	}
	return new(sys.Acceptance)
}

// begin begins an accept. The accept is in the list before the call, since its packet
// may be dequeued before the call returns.
func (q *acceptQueue) begin(a *sys.Acceptance, fd int) syscall.Errno {
	if errno := a.Prepare(fd); errno != 0 {
		return errno
	}
	q.mu.Lock()
	q.inside = append(q.inside, a)
	q.mu.Unlock()
	errno := a.Accept(fd)
	if errno == sys.Pending || errno == 0 && !q.skips {
		return 0
	}
	q.mu.Lock()
	q.inside = slices.DeleteFunc(q.inside, func(b *sys.Acceptance) bool { return a == b })
	if errno == 0 {
		q.ended = append(q.ended, a)
	}
	q.mu.Unlock()
	if errno != 0 {
		a.Discard()
	}
	return errno
}

// take records the end of an accept; found reports whether the packet is of an accept of
// this queue. tell reports whether the engine needs an event: because it waits for an
// accept, and either there is a result or no accept is left inside.
func (q *acceptQueue) take(packet *sys.Packet) (found, tell bool) {
	q.mu.Lock()
	i := slices.IndexFunc(q.inside, func(a *sys.Acceptance) bool { return a.IsOf(packet) })
	if i < 0 {
		q.mu.Unlock()
		return false, false
	}
	a := q.inside[i]
	q.inside = slices.Delete(q.inside, i, i+1)
	canceled := a.Canceled()
	if !canceled {
		q.ended = append(q.ended, a)
	}
	tell = q.waiting && (len(q.ended) > 0 || len(q.inside) == 0)
	q.waiting = q.waiting && !tell
	q.mu.Unlock()
	if canceled {
		a.Discard()
	}
	return true, tell
}

// finish returns the result of the accept that was pending for the engine.
func (q *acceptQueue) finish(fd int) (int, syscall.Errno) {
	q.mu.Lock()
	a := q.pop()
	q.mu.Unlock()
	if a == nil {
		return -1, sys.Aborted
	}
	return q.result(a, fd)
}

// pop returns the accept that ended first, nil if there is none. q.mu is held.
func (q *acceptQueue) pop() *sys.Acceptance {
	if len(q.ended) == 0 {
		return nil
	}
	a := q.ended[0]
	q.ended = slices.Delete(q.ended, 0, 1)
	return a
}

func (q *acceptQueue) result(a *sys.Acceptance, fd int) (int, syscall.Errno) {
	n, errno := a.Result(fd)
	q.mu.Lock()
	q.free = append(q.free, a)
	q.mu.Unlock()
	return n, errno
}

// abandon cancels all accepts, since none in particular is the one that is pending for
// the engine. heard is true if it is for each of them.
func (q *acceptQueue) abandon(fd int) (heard bool) {
	var inside []*sys.Acceptance
	q.mu.Lock()
	if q.waiting {
		inside = slices.Clone(q.inside)
	}
	q.mu.Unlock()
	return cancelAll(inside, fd)
}

func cancelAll(accepts []*sys.Acceptance, fd int) (heard bool) {
	heard = true
	for _, a := range accepts {
		heard = a.Cancel(fd) && heard
	}
	return heard
}

// close is called before a listener is closed, when no accept is pending for the engine.
// Accepts that are still inside are cancelled and become orphans.
func (q *acceptQueue) close(fd int, orphans *orphanedAccepts) {
	q.mu.Lock()
	inside, ended := q.inside, q.ended
	addOrphans(orphans, inside) // before they leave this queue: a packet is always found
	q.inside, q.ended = nil, nil
	q.mu.Unlock()
	cancelAll(inside, fd)
	for _, a := range ended {
		a.Discard()
	}
}

// orphan is an accept whose listener is closed.
type orphan interface {
	IsOf(packet *sys.Packet) bool
	Discard()
}

// orphanedAccepts are the accepts whose listener is closed. When their packets come, the
// number of the listener may have a new owner, so they are found by their OVERLAPPED.
// Windows may write to their memory until then.
type orphanedAccepts struct {
	count   atomic.Int32
	mu      sync.Mutex
	accepts []orphan
}

func addOrphans[T orphan](o *orphanedAccepts, accepts []T) {
	o.mu.Lock()
	for _, a := range accepts {
		o.accepts = append(o.accepts, a)
	}
	o.count.Store(int32(len(o.accepts)))
	o.mu.Unlock()
}

// take discards the accept that the packet belongs to, and reports whether there is one.
func (o *orphanedAccepts) take(packet *sys.Packet) bool {
	if o.count.Load() == 0 {
		return false
	}
	o.mu.Lock()
	i := slices.IndexFunc(o.accepts, func(a orphan) bool { return a.IsOf(packet) })
	if i < 0 {
		o.mu.Unlock()
		return false
	}
	a := o.accepts[i]
	o.accepts = slices.Delete(o.accepts, i, i+1)
	o.count.Store(int32(len(o.accepts)))
	o.mu.Unlock()
	a.Discard()
	return true
}
