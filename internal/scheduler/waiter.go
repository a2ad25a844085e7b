package scheduler

import "sync"

// Want is what a waiter waits for.
type Want uint8

const (
	Item    Want = iota // any item
	OneEnd              // the end of one operation: Ended says so
	AllEnds             // the end of all operations
)

// Waiter is one goroutine that waits. Records are kept and used again, together with
// the context that they last heeded.
type Waiter struct {
	scheduler *Scheduler
	number    int32
	wake      sync.Cond // signalled once per sleep, by the goroutine that takes it out of its list

	want       Want
	room       int  // how many items it can take
	ended      bool // its operation has
	over       bool // its context is
	forItem    bool // woken for an item, and has not looked yet
	hasContext bool // this use heeds its context

	list       *waiterList // it sleeps in
	prev, next *Waiter

	registered *registration // the context it last heeded, if that is not over
}

// Number identifies the waiter among those of its scheduler, from 0.
func (w *Waiter) Number() int32 { return w.number }

// ContextOver reports whether the context of the waiter is over.
func (w *Waiter) ContextOver() bool { return w.over }

// waiterList is a doubly linked list of sleeping waiters, newest first.
type waiterList struct {
	head, tail *Waiter
	count      int
}

func (l *waiterList) push(w *Waiter) {
	w.list, w.prev, w.next = l, nil, l.head
	if l.head != nil {
		l.head.prev = w
	} else {
		l.tail = w
	}
	l.head = w
	l.count++
}

func (l *waiterList) remove(w *Waiter) {
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
