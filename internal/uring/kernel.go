//go:build linux

package uring

import (
	"syscall"
	"unsafe"

	"github.com/completionport/completion/internal/backend"
	"github.com/completionport/completion/internal/sys"
)

var (
	_ backend.ReportsOnce = (*Kernel)(nil)
	_ backend.Selector    = (*Kernel)(nil)
	_ backend.FileReader  = (*Kernel)(nil)
	_ backend.Calls       = (*Kernel)(nil)
	_ hidden              = Kernel{}.hidden // it is used by being there
)

// Kernel performs the operations of one port. The other calls are those of sys.Kernel, which
// do not wait.
type Kernel struct {
	calls
	hidden
	port *Poller
}

// calls are those of sys.Kernel. Tests put faults in between.
type calls = sys.UringCalls

// hidden hides the methods that make calls a backend.Direct: of two embedded types that
// have a method, neither one's is a method of the struct. It is nil.
type hidden interface {
	Accept(int) (int, syscall.Errno)
	Connect(int, backend.Address) syscall.Errno
	Connected(int) syscall.Errno
}

// Start begins an operation. All state is in place before the request is in the queue, since
// its result may be taken before Start returns.
func (k *Kernel) Start(fd int, kind backend.Kind, data []byte, to *backend.Address) (n int, errno syscall.Errno, pending bool) {
	s := k.port.sockets.Get(fd)
	d := s.side(kind)
	if kind == backend.PollIn {
		d.flags &^= peeks // which would take the error that the program is to find
	}
	how := flags(0)
	if kind == backend.PollIn || kind == backend.PollOut || kind == backend.Read && len(data) == 0 ||
		kind == backend.Accept && d.has(isStream) {
		how = waits
	}
	switch {
	case kind == backend.Connect:
		if !d.has(connecting) {
			if errno = k.port.queue.ended(); errno == 0 {
				errno = k.calls.Connect(fd, *to)
			}
			if errno == 0 || k.Classify(kind, errno) != backend.WouldBlock {
				return 0, errno, false
			}
		}
		how = waits
		d.flags |= connecting
	case how != waits && d.has(isStream):
		n, errno = k.move(fd, kind, data)
		if errno != syscall.EAGAIN {
			return n, errno, false
		}
		how = waits
	}
	d.lend(data)
	k.begin(s, d, fd, kind, how)
	return 0, 0, true
}

// move makes the call of sys.Kernel for a stream that is no socket. A write that was interrupted by
// a signal has moved nothing: EAGAIN says so to the engine.
func (k *Kernel) move(fd int, kind backend.Kind, data []byte) (int, syscall.Errno) {
	if kind == backend.Read {
		return k.Read(fd, data)
	}
	n, errno := k.Write(fd, data)
	if errno == syscall.EINTR {
		errno = syscall.EAGAIN
	}
	return n, errno
}

// IsOver asks poll(2).
func (k *Kernel) IsOver(fd int) bool { return sys.IsOver(fd) }

// begin puts the request of d into the queue, whose memory is in place. how is waits, selects or 0.
//
// The new count comes after the last look at d: the leader, which may have the result at once,
// looks at d and changes it when it has seen this count.
func (k *Kernel) begin(s *socket, d *side, fd int, kind backend.Kind, how flags) {
	d.kind, d.flags = kind, d.flags&lasting|how
	count := d.count.Load() + 1
	e := d.entry(s.token(d, count, fd))
	d.count.Store(count)
	k.port.queue.put(&e)
}

// StartMessage waits for readiness, and Finish moves the datagram. It first tries whether it
// has to wait, unless there is nothing to move.
func (k *Kernel) StartMessage(fd int, kind backend.Kind, m *backend.Message) (n int, errno syscall.Errno, pending bool) {
	if kind == backend.Send || len(m.Data) > 0 {
		n, errno = k.moveMessage(fd, kind, m)
		if errno != syscall.EAGAIN {
			return n, errno, false
		}
	}
	s := k.port.sockets.Get(fd)
	d := s.side(kind)
	d.memory, d.extent = unsafe.Pointer(m), 0
	k.begin(s, d, fd, kind, waits)
	return 0, 0, true
}

// moveMessage makes the call of sys.Kernel for a datagram.
func (k *Kernel) moveMessage(fd int, kind backend.Kind, m *backend.Message) (int, syscall.Errno) {
	if kind == backend.Receive {
		return k.Receive(fd, unsafe.Slice(m, 1))
	}
	return k.Send(fd, unsafe.Slice(m, 1))
}

// Finish returns the result of an operation. What has waited for readiness is performed now.
func (k *Kernel) Finish(fd int, kind backend.Kind) (n int, errno syscall.Errno) {
	d := k.port.sockets.Get(fd).side(kind)
	if d.has(selects) {
		return d.haveSelected()
	}
	memory := d.memory
	d.memory = nil
	d.woken(kind)
	switch {
	case d.result < 0:
		return 0, d.failed(syscall.Errno(-d.result))
	case d.isMessage():
		if m := (*backend.Message)(memory); d.kind == backend.Send || len(m.Data) > 0 {
			return k.moveMessage(fd, d.kind, m)
		}
	case !d.has(waits):
		if d.kind == backend.Accept {
			k.calls.Accepted(fd, int(d.result))
		}
		return int(d.result), 0
	case d.kind == backend.Accept:
		return k.calls.Accept(fd)
	case d.kind == backend.Connect:
		errno = k.calls.Connected(fd)
		if errno != 0 && d.has(asked) { // the end of its listener may have come first
			errno = syscall.ECANCELED
		}
		return 0, errno
	case d.extent > 0:
		return k.move(fd, d.kind, unsafe.Slice((*byte)(memory), d.extent))
	}
	return 0, 0
}

// woken decides how the next operation of d waits. As long as the error queue of a socket has
// something, a request for readiness ends at once, and a call finds nothing: the operation would wait
// again and again without a pause. So it waits in another way, once. A read, or a receive of a
// datagram, waits with a request that peeks, which costs a thread of the kernel. What sends waits for
// some time: nothing else tells of room. kind is that of the operation.
func (d *side) woken(kind backend.Kind) {
	if d.has(peeks) && d.result == -int32(syscall.ETIME) { // this time is over
		d.result = 0
		if kind == backend.PollOut {
			d.result = -int32(syscall.EAGAIN) // there need be no room: the engine starts it again
		}
	}
	again := d.has(waits) && !d.has(peeks|isStream) && d.result > 0 && sys.IsOnlyError(d.result) &&
		d.kind != backend.Accept && d.kind != backend.PollIn && kind != backend.PollOut // a poll of the program ends
	d.flags &^= peeks
	if again {
		d.flags |= peeks
	}
}

// failed returns the errno of an operation that has moved nothing. A write that was abandoned
// has moved exactly nothing: EAGAIN says so to the engine. So has one that waited for room.
//
// At least up to Linux 5.17, an accept of a listener that is non-blocking does not wait: without a
// connection, it ends with EAGAIN. From then on, accepts of this listener wait for readiness, and
// Finish makes the call. Otherwise they would begin and end again and again.
func (d *side) failed(errno syscall.Errno) syscall.Errno {
	switch {
	case (errno == syscall.ENOTSOCK || errno == syscall.EAGAIN && d.kind == backend.Accept) && !d.has(isStream):
		d.flags |= isStream
		return syscall.EAGAIN // the engine starts it again
	case (errno == syscall.ECANCELED || errno == syscall.EINTR) && (d.kind == backend.Write || d.kind == backend.PollOut):
		return syscall.EAGAIN
	}
	return errno
}

// Classify adds the errno of requests that were cancelled, and the one with which the ring has ended.
func (k *Kernel) Classify(kind backend.Kind, errno syscall.Errno) backend.Class {
	switch errno {
	case syscall.ECANCELED:
		return backend.Again
	case k.port.queue.ended():
		return backend.Failed
	}
	return k.calls.Classify(kind, errno)
}

// Abandon puts a request to cancel the operation into the queue.
//
// What has arrived before a deadline counts. The thread that has submitted the request performs
// it, and may not have run since. A request that need not wait any more ends soon by itself.
func (k *Kernel) Abandon(fd int, kind backend.Kind) (heard bool) {
	s := k.port.sockets.Get(fd)
	d := s.side(kind)
	q := &k.port.queue
	q.mu.Lock()
	d.flags |= asked
	forPoll := d.has(waits) && !d.has(peeks)
	q.mu.Unlock()
	if k.needNotWait(fd, kind, forPoll) {
		return false
	}
	q.mu.Lock()
	count := d.count.Load()
	if heard = isInside(count); heard {
		d.flags |= abandoned // and revive does not put the operation behind the request
		e := cancel(s.token(d, count, fd))
		q.insert(&e)
	}
	q.mu.Unlock()
	if heard {
		q.published()
	}
	return heard
}

// needNotWait reports whether an operation that brings something can be performed now. While the
// error queue of a socket has something, poll(2) reports an error (POLLERR), but a read goes on
// waiting: it has to be cancelled. A request for readiness ends: it is forPoll, which says that it
// waits for what poll(2) reports.
func (k *Kernel) needNotWait(fd int, kind backend.Kind, forPoll bool) bool {
	switch {
	case kind == backend.Write || kind == backend.Send || kind == backend.PollOut:
		return false
	case kind == backend.Connect:
		return k.calls.Probe(fd, backend.PollOut)
	case forPoll:
		return k.calls.Probe(fd, backend.PollIn)
	}
	return sys.HasInput(fd)
}

// AcceptAhead does nothing: one accept of a listener is inside.
func (k *Kernel) AcceptAhead(fd, n int) (ended bool) { return false }
