package core

import (
	"context"
	"testing"

	"github.com/completionport/completion/internal/backend"
)

// The phases of a read that waits, of one that is cancelled, of a post and of an
// operation inside a Native kernel, one after the other.
func TestPhases(t *testing.T) {
	k, p, h := newScript(t)
	k.idle = true
	read := newOperation(backend.Read, h, 4)
	isIn := func(o *operation, want Phase) {
		t.Helper()
		if got := PhaseOf(&o.Record); got != want {
			t.Errorf("%v is %v, want %v", o.kind, got, want)
		}
	}
	isIn(read, Idle)
	p.Submit([]Operation{read}, false)
	isIn(read, Queued)
	ticket := TicketOf(&read.Record)
	p.Cancel(read)
	isIn(read, Done)
	if p.CancelTicket(ticket) || TicketOf(&read.Record) != (Ticket{}) {
		t.Error("an operation that is Done has a ticket")
	}
	p.Next(context.Background())
	isIn(read, Idle)

	native, q, g := newNative(t)
	inside := newOperation(backend.Read, g, 4)
	q.Submit([]Operation{inside}, true)
	isIn(inside, Inside)
	native.end(g, in, 2, 0)
	q.Wait(context.Background(), inside)
	isIn(inside, Idle)
}

// A stale ticket misses, whatever the phase of the slot by now.
func TestTicketOfAnEarlierUse(t *testing.T) {
	s := new(Slot)
	tickets := map[Ticket]bool{}
	for range 100 {
		s.enter(Accepted)
		ticket := s.ticket()
		if ticket == (Ticket{}) || tickets[ticket] {
			t.Fatalf("ticket %+v was there before", ticket)
		}
		tickets[ticket] = true
		s.enter(Queued)
		s.enter(Calling)
		s.enterDone()
		if s.has(ticket) || s.ticket() != (Ticket{}) {
			t.Fatal("a ticket of what is Done")
		}
		s.enter(Idle)
		for old := range tickets {
			if s.has(old) {
				t.Fatal("a ticket of a free slot")
			}
		}
	}
}
