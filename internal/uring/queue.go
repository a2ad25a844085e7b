//go:build linux

package uring

import (
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/completionport/completion/internal/sys"
)

const (
	// many is how many requests are submitted before the leader does it: one call for so many
	// costs little for each, and the others need not wait for the end of a long loop body.
	many = 128
	// much is how many bytes sends may move in a call during which nothing else can run.
	much = 256 << 10
	// soon is the time after which a timer submits requests that nobody has submitted.
	soon = time.Millisecond
)

// queue is the submission queue. Any goroutine puts requests there, and any submits them: the
// kernel takes those that are in the ring, in their order, whoever asks it to.
//
// No request is left there:
//
//   - The leader sets sleeps before it looks for requests to submit in the call in which it
//     waits. put looks at sleeps after the request is in the ring. So the leader sees the
//     request, or put sees that the leader sleeps, and submits.
//   - Without a leader that sleeps, one comes soon: when the loop body that has put the request
//     there has returned. In case it does not, put starts a timer, unless it runs.
//   - If the kernel has no memory for a request, or must get rid of results first, what is left
//     is submitted by the next leader or by the timer.
//   - If the ring is full, it is submitted at once. What still finds no room waits in backlog,
//     which goes into the ring before any later request. Whoever submits looks there.
type queue struct {
	ring   *sys.Uring
	sleeps atomic.Bool // the leader waits, or is about to

	mu      sync.Mutex
	tail    uint32           // of the ring
	backlog []sys.UringEntry // in their order
	left    atomic.Int32     // the length of backlog
	sends   atomic.Int64     // bytes of the sends put into the ring since the last submission

	submits atomic.Bool // a thread submits

	timer   *time.Timer
	timed   atomic.Bool   // the timer runs
	overdue atomic.Uint32 // the tail when it was started
	closing sync.RWMutex  // keeps the timer and Wake from a ring that is closed
	closed  bool
}

func (q *queue) prepare() {
	q.tail = q.ring.SQTail.Load()
	q.timer = time.AfterFunc(time.Hour, q.submitOverdue)
	q.timer.Stop()
}

// put puts a request into the ring, and submits it if the leader sleeps.
func (q *queue) put(e *sys.UringEntry) {
	q.mu.Lock()
	q.insert(e)
	q.mu.Unlock()
	q.published()
}

// published is called after a request was inserted.
func (q *queue) published() {
	if q.sleeps.Load() || q.waiting() >= many {
		q.submit()
		if q.waiting() == 0 {
			return
		}
	}
	if q.timed.CompareAndSwap(false, true) {
		q.overdue.Store(q.ring.SQTail.Load())
		q.timer.Reset(soon)
	}
}

// insert puts a request into the ring, or into backlog. q.mu is held.
func (q *queue) insert(e *sys.UringEntry) {
	if !q.makeRoom() {
		q.backlog = append(q.backlog, *e)
		q.left.Store(int32(len(q.backlog)))
		return
	}
	q.store(e)
}

// store puts a request into the ring, which has room. q.mu is held.
func (q *queue) store(e *sys.UringEntry) {
	q.ring.Put(q.tail, e)
	if e.Op == sys.UringSend {
		q.sends.Add(int64(e.Len))
	}
	q.tail++
	q.ring.SQTail.Store(q.tail)
}

// makeRoom reports whether the ring has room for one more request, and submits a full one for
// that. q.mu is held.
func (q *queue) makeRoom() bool {
	if len(q.backlog) == 0 && !q.isFull() {
		return true
	}
	q.enter(q.waiting())
	q.refill()
	return len(q.backlog) == 0 && !q.isFull()
}

func (q *queue) isFull() bool { return q.waiting() == uint32(len(q.ring.Entries)) }

// waiting returns how many requests of the ring are not submitted. The head comes first: it
// never passes a tail that is read later.
func (q *queue) waiting() uint32 {
	head := q.ring.SQHead.Load()
	return q.ring.SQTail.Load() - head
}

// refill moves requests from backlog to the ring. q.mu is held.
func (q *queue) refill() {
	n := 0
	for n < len(q.backlog) && !q.isFull() {
		q.store(&q.backlog[n])
		n++
	}
	if n > 0 {
		q.backlog = append(q.backlog[:0], q.backlog[n:]...)
		q.left.Store(int32(len(q.backlog)))
	}
}

// pending returns how many requests of the ring can be submitted, after a look at backlog.
func (q *queue) pending() uint32 {
	if q.left.Load() > 0 {
		q.mu.Lock()
		q.refill()
		q.mu.Unlock()
	}
	return q.waiting()
}

// submit submits what is there. If the kernel takes nothing now, it returns false: the next
// leader or the timer tries again.
//
// One thread at a time submits, since the kernel would let a second one wait. What others have put
// into the ring before they find submits set, this thread sees: it looks once more after it has
// cleared submits.
func (q *queue) submit() bool {
	for n := q.pending(); n > 0; n = q.pending() {
		if !q.submits.CompareAndSwap(false, true) {
			return true
		}
		errno := q.enter(n)
		q.submits.Store(false)
		if errno != 0 {
			return false
		}
	}
	return true
}

// enter submits n requests of the ring.
func (q *queue) enter(n uint32) syscall.Errno {
	return q.ring.Enter(n, q.sends.Swap(0) <= much)
}

// submitOverdue is called by the timer. What was put into the ring before the timer was started
// is submitted. For later requests the timer runs once more.
func (q *queue) submitOverdue() {
	q.closing.RLock()
	defer q.closing.RUnlock()
	if q.closed {
		return
	}
	q.timed.Store(false)
	if int32(q.ring.SQHead.Load()-q.overdue.Load()) < 0 || q.left.Load() > 0 {
		q.submit()
	}
	// As in published: the request is in the ring before timed is looked at, and timed is
	// cleared before this looks for requests.
	if q.waiting() > 0 && q.timed.CompareAndSwap(false, true) {
		q.overdue.Store(q.ring.SQTail.Load())
		q.timer.Reset(soon)
	}
}

// close closes the ring.
func (q *queue) close() {
	q.closing.Lock()
	q.closed = true
	q.timer.Stop()
	q.ring.Close()
	q.closing.Unlock()
}
