package core

import "sync"

// want is what a waiter waits for.
type want uint8

const (
	anItem  want = iota // any finished operation
	oneOp               // the end of one operation
	drained             // the end of all operations
)

// waiter is one goroutine inside Next, Wait, Await or Shutdown. Records are
// kept and used again, together with the context they last heeded.
type waiter struct {
	port   *Port
	number int32
	wake   sync.Cond // signalled once per sleep, by whoever unlists it

	want     want
	room     int  // how many items it can take
	finished bool // its operation has ended
	ended    bool // its context has
	hinted   bool // woken for an item
	heeds    bool // this use looks at the context at all
	ticket   Ticket

	list       *waiterList // it is parked in
	prev, next *waiter

	registered *registration // the context it last heeded, if that has not ended
}

// waiterList is a doubly linked list of parked waiters, newest first.
type waiterList struct {
	head, tail *waiter
	count      int
}

func (l *waiterList) push(w *waiter) {
	w.list, w.prev, w.next = l, nil, l.head
	if l.head != nil {
		l.head.prev = w
	} else {
		l.tail = w
	}
	l.head = w
	l.count++
}

func (l *waiterList) remove(w *waiter) {
	if w.prev != nil {
		w.prev.next = w.next
	} else {
		l.head = w.next
	}
	if w.next != nil {
		w.next.prev = w.prev
	} else {
		l.tail = w.prev
	}
	w.list, w.prev, w.next = nil, nil, nil
	l.count--
}

// wait returns when w has what it wants, and passes the lead on if w came to
// have it. Whoever waits polls: if nobody has the lead, it takes it. mu is held
// on entry and on return, and released in between.
func (p *Port) wait(w *waiter) {
	for !p.satisfied(w) || p.hasMore(w) {
		switch {
		case p.closed: // Close ends what is in flight and rouses us after it
			p.resign(w)
			p.park(w)
		case p.leader == w:
			p.lead(w)
		case p.leader == nil:
			p.leader = w
		default:
			p.park(w)
		}
	}
	p.resign(w)
}

// satisfied tells whether w need not wait any more. mu is held.
func (p *Port) satisfied(w *waiter) bool {
	switch w.want {
	case anItem:
		return p.done.count > 0 || w.ended || p.closed && p.inFlight() == 0
	case oneOp:
		return w.finished
	default:
		return w.ended || p.closed || p.inFlight() == 0
	}
}

// hasMore tells whether a dequeuer that has the lead and an item works on the
// next event before it leaves: because it wants more items, or because others
// sleep who wait for it while the item is worked on. mu is held.
func (p *Port) hasMore(w *waiter) bool {
	if p.leader != w || w.want != anItem || len(p.seen) == 0 || p.standby != nil || p.closed || w.ended {
		return false
	}
	return p.done.count < w.room || p.crowded()
}

// crowded tells whether others sleep. mu is held.
func (p *Port) crowded() bool { return p.dequeuers.head != nil || p.awaiters.head != nil }

// resign gives the lead, if w has it, to a parked waiter. A waiter that was
// made leader while it got what it wanted passes it on here, too; and so does
// one that stood by, if nobody has it. The heir is the one that has waited
// longest, since it is the likeliest to wait on. mu is held.
func (p *Port) resign(w *waiter) {
	if p.leader != nil && p.leader != w {
		return
	}
	p.leader = nil
	if p.closed {
		p.settled()
		return
	}
	if p.standby != nil {
		return
	}
	heir := p.dequeuers.tail
	if heir == nil {
		heir = p.awaiters.tail
	}
	if heir != nil {
		p.leader = heir
		p.rouse(heir)
	}
}

// park sleeps until somebody unlists w. mu is held on entry and on return.
func (p *Port) park(w *waiter) {
	if w.want == anItem {
		p.dequeuers.push(w)
	} else {
		p.awaiters.push(w)
	}
	w.sleep()
	if w.hinted {
		w.hinted = false
		p.hinted--
	}
}

// rouse makes w look again, wherever it sleeps. mu is held.
func (p *Port) rouse(w *waiter) {
	switch {
	case w.list != nil:
		p.roused++
		w.list.remove(w)
		w.wake.Signal()
	case p.leader == w:
		p.wakeLeader()
	}
}

// rouseAll makes every waiter look again. mu is held.
func (p *Port) rouseAll() {
	for p.dequeuers.head != nil {
		p.rouse(p.dequeuers.head)
	}
	for p.awaiters.head != nil {
		p.rouse(p.awaiters.head)
	}
	if p.leader != nil {
		p.wakeLeader()
	}
}

// offerItems sees to it that no finished operation lies in the queue while
// somebody sleeps who would take it. It is called after every change of the
// queue and by every dequeuer that leaves, so a hint given to one that left
// for another reason reaches the next. mu is held.
func (p *Port) offerItems() {
	unclaimed := p.done.count - p.hinted
	if unclaimed <= 0 {
		return
	}
	leads := p.leader != nil && p.leader.want == anItem
	if leads && !p.parked {
		unclaimed-- // it looks at the queue before it sleeps
	}
	for ; unclaimed > 0 && p.dequeuers.head != nil; unclaimed-- {
		w := p.dequeuers.head
		w.hinted = true
		p.hinted++
		p.rouse(w)
	}
	if unclaimed > 0 && leads {
		p.wakeLeader()
	}
}
