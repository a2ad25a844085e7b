package kqueue

import "os"

// waker ends a leader's wait: by a User event where the kernel has them, by a
// pipe elsewhere. Its events carry the generation 0, which no handle has.
type waker struct {
	piped       bool
	read, write int
}

// userIdent names the one User event of a queue.
const userIdent = 1

// open finds out what the kernel has. A kernel that accepts a User event and
// never reports it would let the leader sleep for ever, so it is tried.
func (w *waker) open(s System) error {
	if change(s, Event{Ident: userIdent, Filter: User, Flags: Add | Clear}, Event{}) == 0 {
		w.wake(s)
		var got [1]Event
		if n, _ := s.Wait(got[:], 0); n == 1 {
			return nil
		}
		change(s, Event{Ident: userIdent, Filter: User, Flags: Delete}, Event{})
	}
	var err error
	if w.read, w.write, err = s.Pipe(); err != nil {
		return os.NewSyscallError("pipe", err)
	}
	w.piped = true
	// Without Clear: a full pipe takes no byte more, and would bring no new event.
	if errno := change(s, Event{Ident: w.read, Filter: Read, Flags: Add}, Event{}); errno != 0 {
		w.close(s)
		return os.NewSyscallError("kevent", errno)
	}
	return nil
}

// wake makes the next wait return, or the one under way.
func (w *waker) wake(s System) {
	if w.piped {
		s.Signal(w.write)
		return
	}
	// Nothing but the trigger: with Clear as well, kernels take it back at once.
	change(s, Event{Ident: userIdent, Filter: User, FFlags: Trigger}, Event{})
}

// woken is called by the leader for an event of the waker. Wakes up to now have
// done what they were for; one that comes from now on leaves a byte behind.
func (w *waker) woken(s System, e *Event) {
	if w.piped && e.Filter == Read {
		s.Drain(w.read)
	}
}

func (w *waker) close(s System) {
	if w.piped {
		s.ClosePipe(w.read, w.write)
	}
}
