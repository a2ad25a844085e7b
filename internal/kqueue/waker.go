package kqueue

import "os"

// waker ends a leader's wait: with a User event where the kernel has them, with a pipe
// elsewhere. Its events carry the generation 0, which no handle has.
type waker struct {
	piped       bool
	read, write int
}

// userIdent names the one User event of a queue.
const userIdent = 1

// open tests whether the kernel has User events. With a kernel that accepts a User event
// and never reports it, the leader would sleep for ever, so open triggers one.
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
	// Without Clear: no byte can be written to a full pipe, so there would be no event.
	if errno := change(s, Event{Ident: w.read, Filter: Read, Flags: Add}, Event{}); errno != 0 {
		w.close(s)
		return os.NewSyscallError("kevent", errno)
	}
	return nil
}

// wake ends the wait that is under way, or the next one.
func (w *waker) wake(s System) {
	if w.piped {
		s.Signal(w.write)
		return
	}
	// The trigger alone: with Clear as well, kernels undo the trigger at once.
	change(s, Event{Ident: userIdent, Filter: User, FFlags: Trigger}, Event{})
}

// woken is called by the leader for an event of the waker. Wakes up to the Drain have had
// their effect, since the wait has ended. A later wake leaves a byte in the pipe.
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
