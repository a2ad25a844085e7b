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
	d.selects = false
	d.waits = kind == backend.PollIn || kind == backend.PollOut || kind == backend.Read && len(data) == 0 ||
		kind == backend.Accept && s.isStream.Load()
	switch {
	case kind == backend.Connect:
		if !d.connecting {
			errno = k.calls.Connect(fd, *to)
			if errno == 0 || k.calls.Classify(kind, errno) != backend.WouldBlock {
				return 0, errno, false
			}
		}
		d.connecting, d.waits = true, true
	case !d.waits && s.isStream.Load():
		n, errno = k.move(fd, kind, data)
		if errno != syscall.EAGAIN {
			return n, errno, false
		}
		d.waits = true
	}
	k.begin(s, d, fd, kind, data)
	return 0, 0, true
}

// move makes the call of sys.Kernel for a stream that is no socket. A write that was interrupted by
// a signal has moved nothing: EAGAIN says so to the engine.
func (k *Kernel) move(fd int, kind backend.Kind, data []byte) (int, syscall.Errno) {
	if kind == backend.Read {
		return k.Read(fd, data)
	}
	n, errno := k.calls.Write(fd, data)
	if errno == syscall.EINTR {
		errno = syscall.EAGAIN
	}
	return n, errno
}

// IsOver asks poll(2).
func (k *Kernel) IsOver(fd int) bool { return sys.IsOver(fd) }

// begin puts the request of d into the queue.
func (k *Kernel) begin(s *socket, d *side, fd int, kind backend.Kind, data []byte) {
	d.kind, d.data = kind, data
	d.abandoned, d.asked = false, false
	if d.count += oneMore; d.count == 0 {
		d.count = oneMore
	}
	token := d.count | uint64(uint32(fd))
	if d != &s.in {
		token |= isOut
	}
	d.token.Store(token)
	e := d.entry(fd)
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
	d.waits, d.selects, d.message = true, false, m
	k.begin(s, d, fd, kind, nil)
	return 0, 0, true
}

// moveMessage makes the call of sys.Kernel for a datagram.
func (k *Kernel) moveMessage(fd int, kind backend.Kind, m *backend.Message) (int, syscall.Errno) {
	if kind == backend.Receive {
		return k.calls.Receive(fd, unsafe.Slice(m, 1))
	}
	return k.calls.Send(fd, unsafe.Slice(m, 1))
}

// Finish returns the result of an operation. What has waited for readiness is performed now.
func (k *Kernel) Finish(fd int, kind backend.Kind) (n int, errno syscall.Errno) {
	s := k.port.sockets.Get(fd)
	d := s.side(kind)
	data, m := d.data, d.message
	d.data, d.message = nil, nil
	if d.selects {
		return d.haveSelected(s)
	}
	d.woken()
	if d.result < 0 {
		return 0, s.failed(d, syscall.Errno(-d.result))
	}
	switch {
	case m != nil && (d.kind == backend.Send || len(m.Data) > 0):
		return k.moveMessage(fd, d.kind, m)
	case !d.waits:
		if d.kind == backend.Accept {
			k.calls.Accepted(fd, int(d.result))
		}
		return int(d.result), 0
	case d.kind == backend.Accept:
		return k.calls.Accept(fd)
	case d.kind == backend.Connect:
		errno = k.calls.Connected(fd)
		if errno != 0 && d.asked { // the end of its listener may have come first
			errno = syscall.ECANCELED
		}
		return 0, errno
	case len(data) > 0:
		return k.move(fd, d.kind, data)
	}
	return 0, 0
}

// woken decides how the next receive of a datagram waits. As long as the error queue of a socket
// has something, a request for readiness ends at once, and a receive finds nothing: it would wait
// again and again without a pause. Such a receive waits with a request that peeks, once. This
// costs a thread of the kernel.
func (d *side) woken() {
	d.peeks = !d.peeks && d.kind == backend.Receive && d.result > 0 && sys.IsOnlyError(d.result)
}

// failed returns the errno of an operation that has moved nothing. A write that was abandoned
// has moved exactly nothing: EAGAIN says so to the engine. So has one that waited for room.
//
// At least up to Linux 5.17, an accept of a listener that is non-blocking does not wait: without a
// connection, it ends with EAGAIN. From then on, accepts of this listener wait for readiness, and
// Finish makes the call. Otherwise they would begin and end again and again.
func (s *socket) failed(d *side, errno syscall.Errno) syscall.Errno {
	switch {
	case (errno == syscall.ENOTSOCK || errno == syscall.EAGAIN && d.kind == backend.Accept) && !s.isStream.Load():
		s.isStream.Store(true)
		return syscall.EAGAIN // the engine starts it again
	case (errno == syscall.ECANCELED || errno == syscall.EINTR) && (d.kind == backend.Write || d.kind == backend.PollOut):
		return syscall.EAGAIN
	}
	return errno
}

// Classify adds the errno of requests that were cancelled.
func (k *Kernel) Classify(kind backend.Kind, errno syscall.Errno) backend.Class {
	if errno == syscall.ECANCELED {
		return backend.Again
	}
	return k.calls.Classify(kind, errno)
}

// Abandon puts a request to cancel the operation into the queue.
//
// What has arrived before a deadline counts. The thread that has submitted the request performs
// it, and may not have run since. A request that need not wait any more ends soon by itself.
func (k *Kernel) Abandon(fd int, kind backend.Kind) (heard bool) {
	d := k.port.sockets.Get(fd).side(kind)
	d.asked = true
	if k.needNotWait(d, fd, kind) {
		return false
	}
	q := &k.port.queue
	q.mu.Lock()
	token := d.token.Load()
	if heard = token != 0; heard {
		d.abandoned = true // and revive does not put the operation behind the request
		e := cancel(token)
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
// waiting: it has to be cancelled. A request for readiness ends.
func (k *Kernel) needNotWait(d *side, fd int, kind backend.Kind) bool {
	switch {
	case kind == backend.Write || kind == backend.Send || kind == backend.PollOut:
		return false
	case kind == backend.Connect:
		return k.calls.Probe(fd, backend.PollOut)
	case k.port.waitsFor(d):
		return k.calls.Probe(fd, backend.PollIn)
	}
	return sys.HasInput(fd)
}

// waitsFor reports whether the request of d waits for what poll(2) reports.
func (p *Poller) waitsFor(d *side) bool {
	p.queue.mu.Lock()
	defer p.queue.mu.Unlock()
	return d.waits && !d.peeks
}

// AcceptAhead does nothing: one accept of a listener is inside.
func (k *Kernel) AcceptAhead(fd, n int) (ended bool) { return false }
