package scheduler

import "sync"

// Want is what a waiter waits for.
type Want uint8

const (
	Item    Want = iota // any item
	OneEnd              // the end of one operation: End reports it
	AllEnds             // the end of all operations
)

// Waiter is the record of a goroutine that waits. Records are reused, together with their
// registration at the last context.
type Waiter struct {
	scheduler *Scheduler
	number    int32
	wake      sync.Cond // signalled once per sleep, by the goroutine that takes it out of its list

	want       Want
	room       int  // how many items it can take
	ended      bool // its operation has ended
	over       bool // its context has ended
	forItem    bool // woken for an item, and has not looked yet
	hasContext bool // its context, if it ends, ends this wait

	list       *waiterList // the list that it sleeps in, nil if it does not
	prev, next *Waiter

	registered *registration // at the last context, if that has not ended
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
