package memory

import (
	"math/rand/v2"
	"os"
	"slices"
	"time"

	"github.com/completionport/completion/internal/backend"
	"github.com/completionport/completion/internal/kqueue"
	"github.com/completionport/completion/internal/sys"
)

var _ kqueue.System = (*Kqueue)(nil)

// Habits are the behaviours in which kernels differ. The zero Habits are the plainest
// kernel's.
type Habits struct {
	UserEvents  bool // the kernel has EVFILT_USER
	DeafUser    bool // it accepts EVFILT_USER and never reports it
	EchoesFlags bool // events carry Add and Clear as well
	WriteFirst  bool // of two events of a descriptor, Write comes first
	ExtraWrites bool // there are Write events without a reason
	Interrupted bool // signals come during waits and changes
	Late        bool // a wait may return fewer events than there are

	// These concern sockets, and the whole network.

	PromptConnects bool // a connect that is answered at once returns the answer itself
	ResetsOverflow bool // with a full backlog, a connection is made and then reset
}

// HabitsOf draws habits from a seed.
func HabitsOf(seed uint64) Habits {
	r := rand.New(rand.NewPCG(seed, 0))
	flip := func() bool { return r.IntN(2) == 0 }
	return Habits{
		UserEvents: flip(), DeafUser: r.IntN(4) == 0, EchoesFlags: flip(), WriteFirst: flip(),
		ExtraWrites: flip(), Interrupted: flip(), Late: flip(),
		PromptConnects: flip(), ResetsOverflow: r.IntN(4) == 0,
	}
}

// Kqueue imitates a kernel's queue of events of the BSDs, on a network. It accepts
// descriptors of the network and of its own pipes.
type Kqueue struct {
	network *Network
	habits  Habits
	random  *rand.Rand
	knotes  []*knote // active ones in the order in which they became so; idle ones anywhere
	pipes   []*pipe
	last    int // the last descriptor of a pipe
	closed  bool

	told  chan struct{} // has room for one message: look again
	timer *time.Timer   // only the leader uses it
}

// knote is the registration of one descriptor and filter with a queue.
type knote struct {
	queue  *Kqueue
	event  kqueue.Event // as it was added
	socket *Socket
	pipe   *pipe
	active bool // something has happened
	fired  bool // a User event was triggered
}

// pipe is a pipe that a queue has opened.
type pipe struct{ read, write, bytes int }

// pipeSize is small, in bytes, so that pipes do get full.
const pipeSize = 3

// firstPipe keeps the descriptors of pipes above those of sockets.
const firstPipe = 1 << 20

// NewKqueue returns a queue. The seed decides when its habits take effect.
func (n *Network) NewKqueue(habits Habits, seed uint64) *Kqueue {
	q := &Kqueue{
		network: n, habits: habits, random: rand.New(rand.NewPCG(seed, 1)),
		last: firstPipe, told: make(chan struct{}, 1),
	}
	n.lock()
	defer n.mu.Unlock()
	n.system.queues = append(n.system.queues, q)
	n.system.habits = habits
	return q
}

// tell makes a goroutine that waits look again. It never blocks.
func (q *Kqueue) tell() {
	select {
	case q.told <- struct{}{}:
	default:
	}
}

// sometimes reports true for one of eight calls, on average, if the queue has the habit.
func (q *Kqueue) sometimes(habit bool) bool { return habit && q.random.IntN(8) == 0 }

// Change registers, changes and removes knotes. It ends at the first failure.
func (q *Kqueue) Change(first, second kqueue.Event) backend.Errno {
	q.network.lock()
	defer q.network.mu.Unlock()
	defer q.tell()
	for _, e := range [...]kqueue.Event{first, second} {
		if q.sometimes(q.habits.Interrupted) { // an earlier change has been made
			return errInterrupted
		}
		if e.Filter == 0 {
			continue
		}
		if errno := q.change(e); errno != 0 {
			return errno
		}
	}
	return 0
}

func (q *Kqueue) change(e kqueue.Event) backend.Errno {
	i := slices.IndexFunc(q.knotes, func(n *knote) bool {
		return n.event.Ident == e.Ident && n.event.Filter == e.Filter
	})
	switch {
	case e.Filter == kqueue.User && !q.habits.UserEvents:
		return errInvalid
	case e.Filter != kqueue.User && q.lookup(e.Ident) == nil:
		return errBadDescriptor
	case e.Flags&kqueue.Add != 0:
		if i < 0 {
			q.add(q.lookup(e.Ident), e)
			return 0
		}
		q.knotes[i].change(e)
	case i < 0:
		return errNotThere
	case e.Flags&kqueue.Delete != 0:
		q.remove(q.knotes[i])
	default:
		q.knotes[i].change(e)
	}
	return 0
}

// lookup returns the object of a descriptor: a *Socket, a *pipe or nil.
func (q *Kqueue) lookup(fd int) any {
	for _, p := range q.pipes {
		if fd == p.read || fd == p.write {
			return p
		}
	}
	if k := q.network.system.Lookup(fd); k != nil {
		return k
	}
	return nil
}

func (q *Kqueue) add(to any, e kqueue.Event) {
	n := &knote{queue: q, event: e, active: true}
	if e.Filter != kqueue.User {
		switch to := to.(type) {
		case *Socket:
			n.socket = to
			to.knotes = append(to.knotes, n)
		case *pipe:
			n.pipe = to
		}
	}
	q.knotes = append(q.knotes, n)
}

func (q *Kqueue) remove(n *knote) {
	is := func(other *knote) bool { return other == n }
	q.knotes = slices.DeleteFunc(q.knotes, is)
	if n.socket != nil {
		n.socket.knotes = slices.DeleteFunc(n.socket.knotes, is)
	}
}

// change applies a change to an existing knote: it sets udata, triggers a User event, and
// makes the queue look at the knote again.
func (n *knote) change(e kqueue.Event) {
	n.event.Generation = e.Generation
	if e.Flags&kqueue.Add != 0 {
		n.event.Flags = e.Flags
	}
	if e.FFlags&kqueue.Trigger != 0 {
		n.fired = true
	}
	if n.event.Filter == kqueue.User && e.Flags&kqueue.Clear != 0 {
		n.fired = false
	}
	n.activate()
}

// activate puts a knote at the end of those that collect looks at.
func (n *knote) activate() {
	if n.active {
		return
	}
	n.active = true
	q := n.queue
	at := slices.Index(q.knotes, n)
	q.knotes = append(slices.Delete(q.knotes, at, at+1), n)
}

// note is called when something has happened to a knote's socket.
func (n *knote) note(about backend.Readiness) {
	switch {
	case n.event.Filter == kqueue.Read && about&backend.Readable != 0,
		n.event.Filter == kqueue.Write && about&backend.Writable != 0,
		n.event.Filter == kqueue.Write && n.queue.habits.ExtraWrites:
		n.activate()
	}
}

// forgetKnotes removes the knotes of a descriptor that is closed.
func (s *System) forgetKnotes(fd int) {
	for _, q := range s.queues {
		for _, n := range slices.Clone(q.knotes) {
			if n.event.Ident == fd && n.event.Filter != kqueue.User {
				q.remove(n)
			}
		}
	}
}

// Wait is kevent(2) with room for events.
func (q *Kqueue) Wait(events []kqueue.Event, nanoseconds int64) (int, backend.Errno) {
	until := int64(Never)
	if nanoseconds >= 0 {
		until = sys.Now() + nanoseconds
	}
	for {
		q.network.lock()
		n := q.collect(events)
		arrival := q.network.system.NextArrival()
		interrupted := n == 0 && nanoseconds != 0 && q.sometimes(q.habits.Interrupted)
		q.network.mu.Unlock()
		switch {
		case n > 0 || nanoseconds == 0:
			return n, 0
		case interrupted:
			return 0, errInterrupted
		}
		now := int64(0)
		if until != Never || arrival != Never {
			now = sys.Now()
		}
		if until <= now {
			return 0, 0
		}
		sleep(q.told, &q.timer, min(until, arrival), now)
	}
}

// collect moves events out of the queue.
func (q *Kqueue) collect(events []kqueue.Event) (n int) {
	waiting := slices.Clone(q.knotes)
	if q.habits.WriteFirst {
		slices.SortStableFunc(waiting, func(a, b *knote) int { return int(b.event.Filter) - int(a.event.Filter) })
	}
	for _, k := range waiting {
		if n == len(events) || n > 0 && q.sometimes(q.habits.Late) {
			return n
		}
		if !k.active {
			continue
		}
		e, ready := k.look()
		switch {
		case !ready:
			k.active = false
			continue
		case e.Flags&kqueue.Clear != 0:
			k.active, k.fired = false, false
		}
		if !q.habits.EchoesFlags {
			e.Flags &^= kqueue.Add | kqueue.Clear
		}
		events[n] = e
		n++
	}
	return n
}

// look returns the event that a knote's filter reports now. ready reports whether there
// is one.
func (n *knote) look() (e kqueue.Event, ready bool) {
	e = n.event
	e.FFlags = 0
	switch {
	case e.Filter == kqueue.User:
		return e, n.fired && !n.queue.habits.DeafUser
	case n.pipe != nil:
		e.Data = int64(n.pipe.bytes)
		return e, n.pipe.bytes > 0
	case e.Filter == kqueue.Read:
		return n.socket.readEvent(e)
	}
	return n.socket.writeEvent(e)
}

// readEvent is the Read filter of a socket.
func (k *Socket) readEvent(e kqueue.Event) (kqueue.Event, bool) {
	switch k.phase {
	case listening:
		e.Data = int64(len(k.backlog))
	case connected:
		e.Data = int64(k.in.readable())
		if k.in.ended || k.dead {
			e.Flags |= kqueue.EOF
		}
	case failed:
		e.Flags |= kqueue.EOF
	case ofDatagrams: // the bytes of the next one, which may be 0
		return e, k.hasDatagram()
	}
	e.FFlags = uint32(k.errno)
	return e, e.Data > 0 || e.Flags&kqueue.EOF != 0
}

// writeEvent is the Write filter of a socket. It reports nothing for a socket that was
// never connected, or that listens.
func (k *Socket) writeEvent(e kqueue.Event) (kqueue.Event, bool) {
	switch k.phase {
	case connected:
		e.Data = int64(k.room())
		if k.finSent || k.dead {
			e.Flags |= kqueue.EOF
		}
	case failed:
		e.Flags |= kqueue.EOF
	case ofDatagrams:
		e.Data = int64(k.sendSize)
		return e, k.canSend()
	}
	e.FFlags = uint32(k.errno)
	return e, e.Data > 0 || e.Flags&kqueue.EOF != 0
}

// Pipe opens a pipe.
func (q *Kqueue) Pipe() (read, write int, err error) {
	q.network.lock()
	defer q.network.mu.Unlock()
	p := &pipe{read: q.last + 1, write: q.last + 2}
	q.last += 2
	q.pipes = append(q.pipes, p)
	return p.read, p.write, nil
}

// Signal writes a byte.
func (q *Kqueue) Signal(write int) {
	q.network.lock()
	defer q.network.mu.Unlock()
	for _, p := range q.pipes {
		if p.write == write && p.bytes < pipeSize {
			p.bytes++
			q.notePipe(p)
		}
	}
}

// Drain empties a pipe.
func (q *Kqueue) Drain(read int) {
	q.network.lock()
	defer q.network.mu.Unlock()
	for _, p := range q.pipes {
		if p.read == read {
			p.bytes = 0
		}
	}
}

func (q *Kqueue) notePipe(p *pipe) {
	for _, n := range q.knotes {
		if n.pipe == p {
			n.active = true
		}
	}
	q.tell()
}

// ClosePipe closes both ends.
func (q *Kqueue) ClosePipe(read, write int) {
	q.network.lock()
	defer q.network.mu.Unlock()
	q.network.system.forgetKnotes(read)
	q.pipes = slices.DeleteFunc(q.pipes, func(p *pipe) bool { return p.read == read && p.write == write })
}

// Now returns the time of package sys.
func (q *Kqueue) Now() int64 { return sys.Now() }

// Close closes the queue and removes its knotes. It fails if a pipe is still open.
func (q *Kqueue) Close() error {
	q.network.lock()
	defer q.network.mu.Unlock()
	if q.closed || len(q.pipes) > 0 {
		return os.NewSyscallError("close", errBadDescriptor)
	}
	q.closed = true
	for _, n := range slices.Clone(q.knotes) {
		q.remove(n)
	}
	s := &q.network.system
	s.queues = slices.DeleteFunc(s.queues, func(other *Kqueue) bool { return other == q })
	return nil
}
