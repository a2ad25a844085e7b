package memory

import (
	"github.com/completionport/completion/internal/backend"
)

// Watcher collects edges of the descriptors that were armed with it, as an
// epoll descriptor does. It belongs to the System that made it.
type Watcher struct {
	system  *System
	pending []*registration // in the order of their edges, each once

	// Told, if not nil, is called after each edge, and when something is put under
	// way to a socket that is armed here. It must not call the System.
	Told func()
}

// registration is one armed descriptor.
type registration struct {
	watcher    *Watcher
	socket     *Socket
	fd         int
	generation uint32
	pending    bool
}

// NewWatcher returns a Watcher of this System.
func (s *System) NewWatcher() *Watcher { return &Watcher{system: s} }

// Arm registers a descriptor for both directions. What is ready already counts as an
// edge. A socket can be armed once at a time.
func (w *Watcher) Arm(fd int, generation uint32) backend.Errno {
	k := w.system.Lookup(fd)
	switch {
	case k == nil:
		return errBadDescriptor
	case k.armed != nil:
		return errExists
	}
	k.armed = &registration{watcher: w, socket: k, fd: fd, generation: generation}
	k.edge(backend.Readable | backend.Writable)
	return 0
}

// Disarm ends a registration and drops its pending edge.
func (w *Watcher) Disarm(fd int) {
	k := w.system.Lookup(fd)
	if k == nil || k.armed == nil || k.armed.watcher != w {
		return
	}
	r := k.armed
	k.armed = nil
	if r.pending {
		for i, other := range w.pending {
			if other == r {
				w.pending = append(w.pending[:i], w.pending[i+1:]...)
				break
			}
		}
	}
}

// Pending reports whether Collect may find something.
func (w *Watcher) Pending() bool { return len(w.pending) > 0 }

// Collect moves edges into events, and returns how many. It drops an edge whose reason is
// gone by now.
func (w *Watcher) Collect(events []backend.Event) int {
	n, seen := 0, 0
	for ; seen < len(w.pending) && n < len(events); seen++ {
		r := w.pending[seen]
		r.pending = false
		if ready := r.socket.Ready(); ready != 0 {
			events[n] = backend.Event{FD: r.fd, Generation: r.generation, Ready: ready}
			n++
		}
	}
	left := copy(w.pending, w.pending[seen:])
	clear(w.pending[left:])
	w.pending = w.pending[:left]
	return n
}

// Nudge makes an edge of what is ready at a descriptor, now or as soon as there is room.
func (s *System) Nudge(fd int) {
	if k := s.Lookup(fd); k != nil {
		k.starved = k.starved || k.phase == connected && k.room() == 0
		k.edge(backend.Readable | backend.Writable)
	}
}

// edge records that something has happened in a direction, for the watcher and the knotes
// of the socket, and wakes those that wait.
func (k *Socket) edge(about backend.Readiness) {
	if r := k.armed; r != nil && !r.pending && k.Ready() != 0 {
		r.pending = true
		r.watcher.pending = append(r.watcher.pending, r)
	}
	for _, n := range k.knotes {
		n.note(about)
	}
	k.tell()
}

// tell wakes the goroutines that wait for something of this socket.
func (k *Socket) tell() {
	if k.armed != nil && k.armed.watcher.Told != nil {
		k.armed.watcher.Told()
	}
	for _, n := range k.knotes {
		n.queue.tell()
	}
	if k.Told != nil {
		k.Told()
	}
}

// Ready returns what is ready now.
func (k *Socket) Ready() (r backend.Readiness) {
	switch k.phase {
	case listening:
		if len(k.backlog) > 0 {
			r = backend.Readable
		}
	case fresh, failed:
		r = backend.Readable | backend.Writable
	case ofDatagrams:
		if k.hasDatagram() {
			r = backend.Readable
		}
		if k.canSend() {
			r |= backend.Writable
		}
	case connected:
		if k.in.readable() > 0 || k.in.ended || k.dead {
			r = backend.Readable
		}
		if k.room() > 0 || k.finSent || k.dead {
			r |= backend.Writable
		}
		// As on Linux, urgent data and the end are reported, and ends of messages are
		// not: so all events of a unix socket have it.
		if k.family == backend.Unix || k.in.marked() || k.in.ended || k.dead {
			r |= backend.StopsShort
		}
	}
	return r
}

// Probe reports whether a read, or for PollOut a write, would not wait. After false, an edge
// follows.
func (k *Socket) Probe(kind backend.Kind) bool {
	if kind == backend.PollIn {
		return k.Ready()&backend.Readable != 0
	}
	if k.Ready()&backend.Writable != 0 {
		return true
	}
	k.starved = k.phase == connected
	return false
}
