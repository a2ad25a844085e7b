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
	// much is how many bytes a raw call moves at most, since nothing else runs on its processor.
	much = 512 << 10
	// likely is how many bytes a receive that does not wait for data first finds at most, as a rule.
	likely = 4 << 10
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
//     there has returned. In case it does not, put starts a timer, unless it runs. The leader
//     stops it before it sleeps.
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
	moves   atomic.Int64     // bytes that requests in the ring may move while they are submitted
	inside  atomic.Int32     // threads in a call that submits

	// See ended.go.
	errno  atomic.Uint32 // why the ring has ended
	isDead bool          // it is closed, and requests go to backlog
	wake   func()        // wakes a leader that parks

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
		if q.isEmpty() {
			return
		}
	}
	q.startTimer()
}

// startTimer starts the timer, unless it runs.
func (q *queue) startTimer() {
	if q.timed.CompareAndSwap(false, true) {
		q.overdue.Store(q.ring.SQTail.Load())
		q.timer.Reset(soon)
	}
}

// stopTimer is called by a leader that has set sleeps, and calls timeRest later. With a timer, Go
// would sleep until a moment, and a virtual machine pays much for setting the clock for each sleep.
func (q *queue) stopTimer() {
	if q.timed.Load() {
		q.timer.Stop()
		q.timed.Store(false)
	}
}

// timeRest starts the timer if there are requests. Who has put one there, and could not submit it,
// may have found that the timer ran: the request was in the ring before that look at timed, and
// timed is cleared before this look for requests.
func (q *queue) timeRest() {
	if !q.isEmpty() {
		q.startTimer()
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
	if n := movedAtOnce(e); n > 0 {
		q.moves.Add(n)
	}
	q.tail++
	q.ring.SQTail.Store(q.tail)
}

// makeRoom reports whether the ring has room for one more request, and submits a full one for
// that. q.mu is held.
func (q *queue) makeRoom() bool {
	if q.isDead {
		return false
	}
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
	for n < len(q.backlog) && !q.isFull() && !q.isDead {
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

// isEmpty reports whether no request waits to be submitted. backlog comes first: what refill moves
// meanwhile is in the ring before left says that it has left backlog.
func (q *queue) isEmpty() bool { return q.left.Load() == 0 && q.waiting() == 0 }

// submit submits what is there. If the kernel takes nothing now, it returns false: the next
// leader or the timer tries again. If the ring has ended, it wakes the leader instead.
func (q *queue) submit() bool {
	for n := q.pending(); n > 0; n = q.pending() {
		if q.enter(n) != 0 {
			return false
		}
	}
	if q.ended() != 0 {
		q.wake()
	}
	return true
}

// enter submits n requests of the ring. The call is raw, unless the requests move much, or another
// thread submits now: the kernel would let this one wait for it.
//
// moves limits how long a raw call lasts, and need not be exact: it may count a request that was put
// there behind n, and that the next call submits.
func (q *queue) enter(n uint32) syscall.Errno {
	moves := q.moves.Swap(0)
	errno := q.ring.Enter(n, q.inside.Add(1) == 1 && moves <= much)
	q.inside.Add(-1)
	if errno != 0 {
		q.moves.Add(moves) // they are still there
		q.judge(errno)
	}
	return errno
}

// movedAtOnce returns how many bytes a request may move in the call that submits it. A read of a file
// may, in addition, wait there: not each file system of each kernel heeds that it is not to.
func movedAtOnce(e *sys.UringEntry) int64 {
	switch {
	case e.Op == sys.UringSend:
		return int64(e.Len)
	case e.Op == sys.UringRead:
		return much + 1
	case e.Op == sys.UringRecv && e.Priority&sys.UringPollFirst == 0:
		return min(int64(e.Len), likely)
	}
	return 0
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
	if q.ended() != 0 {
		q.wake()
		return
	}
	if int32(q.ring.SQHead.Load()-q.overdue.Load()) < 0 || q.left.Load() > 0 {
		q.submit()
	}
	q.timeRest()
}

// close closes the ring.
func (q *queue) close() {
	q.closing.Lock()
	q.closed = true
	q.timer.Stop()
	q.ring.Close(q.ended())
	q.closing.Unlock()
}
