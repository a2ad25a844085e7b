//go:build linux

package uring

import (
	"sync/atomic"
	"syscall"
	"unsafe"

	"github.com/completionport/completion/internal/backend"
	"github.com/completionport/completion/internal/sys"
)

// socket is the state of one descriptor.
type socket struct {
	generation uint32
	isStream   atomic.Bool // it is no socket, or a listener whose accepts do not wait: see failed
	in         side
	out        atomic.Pointer[side] // made when first needed: many sockets only read
}

// side is one direction of a descriptor. The engine makes one call about it at a time. While a
// request is inside the kernel, the leader looks at it, too.
type side struct {
	token atomic.Uint64 // of the request inside the kernel, 0 if there is none
	count uint64        // of the requests so far, in the bits of a token
	kind  backend.Kind
	// These two are guarded by the lock of the queue while a request is inside: see
	// Kernel.Abandon and Poller.revive.
	abandoned  bool
	waits      bool // the request is for readiness
	connecting bool // connect(2) was called
	asked      bool // Abandon was called, and may not have been heard
	selects    bool // the request selects its buffer
	peeks      bool // the request for readiness is a peek: see woken
	group      uint16
	selected   int16 // the number of the buffer, or -1
	result     int32
	data       []byte           // owned by the kernel
	message    *backend.Message // which Finish moves
}

// side returns the side of an operation.
func (s *socket) side(kind backend.Kind) *side {
	switch kind {
	case backend.Accept, backend.Read, backend.Receive, backend.PollIn:
		return &s.in
	}
	out := s.out.Load()
	if out == nil {
		out = new(side)
		s.out.Store(out)
	}
	return out
}

// hasAddress reports whether the requests may have been those of a listener, of a datagram socket
// or of a connect.
func (s *socket) hasAddress() bool {
	if s == nil {
		return false
	}
	out := s.out.Load()
	return s.in.count > 0 && s.in.kind != backend.Read ||
		out != nil && out.count > 0 && out.kind != backend.Write
}

// A token has the descriptor in its lower half, and in the upper one a count, the direction
// and what the result is of.
const (
	ofFile      = 1 << 31 // no descriptor has this bit: the lower half is the number of a ReadAt
	ofCancel    = 1 << 32 // the result is of a request to cancel the operation
	isOut       = 1 << 33
	oneMore     = 1 << 34
	tokenOfWake = 1<<64 - 1
)

// descriptor returns the descriptor of a token.
func descriptor(token uint64) int { return int(uint32(token)) }

// sideOf returns the side of a token, and its socket: nil if nothing with this token is inside
// the kernel.
func (p *Poller) sideOf(token uint64) (*socket, *side) {
	s := p.sockets.Get(descriptor(token))
	if s == nil {
		return nil, nil
	}
	d := &s.in
	if token&isOut != 0 {
		d = s.out.Load()
	}
	if d == nil || d.token.Load() != token {
		return nil, nil
	}
	return s, d
}

// entry returns the request of d, which has all that belongs to it.
func (d *side) entry(fd int) sys.UringEntry {
	e := sys.UringEntry{FD: int32(fd), UserData: d.token.Load()}
	switch {
	case d.waits && d.peeks:
		e.Op, e.OpFlags = sys.UringRecv, sys.UringPeek
		e.Addr, e.Len = uint64(uintptr(unsafe.Pointer(&peeked))), 1
	case d.waits && e.UserData&isOut != 0:
		e.Op, e.OpFlags = sys.UringPollAdd, sys.UringPollOut
	case d.waits:
		e.Op, e.OpFlags = sys.UringPollAdd, sys.UringPollIn
	case d.kind == backend.Accept:
		e.Op, e.OpFlags = sys.UringAccept, sys.UringAcceptFlags
	case d.selects:
		e.Op, e.Flags, e.Buffer, e.Priority = sys.UringRecv, sys.UringSelect, d.group, sys.UringPollFirst
	case d.kind == backend.Read:
		e.Op = sys.UringRecv
	default:
		e.Op, e.OpFlags = sys.UringSend, sys.UringSendFlags
	}
	if len(d.data) > 0 && !d.waits {
		e.Addr, e.Len = uint64(uintptr(unsafe.Pointer(unsafe.SliceData(d.data)))), uint32(min(len(d.data), largest))
	}
	return e
}

// peeked is written by requests that peek, and read by nobody.
var peeked byte

// largest is the largest number of bytes that one request moves.
const largest = 1 << 30

// take takes results out of the completion queue as long as there is room for events, and
// returns how many events there are.
func (p *Poller) take() int {
	ring := p.queue.ring
	head, tail := ring.CQHead.Load(), ring.CQTail.Load()
	for ; head != tail && p.n < len(p.events); head++ {
		p.have(ring.Result(head))
	}
	ring.CQHead.Store(head)
	return p.n
}

// have makes an event of a result.
func (p *Poller) have(r sys.UringResult) {
	switch {
	case r.UserData == tokenOfWake:
		p.woken.Store(false)
		p.wakes = true
		return
	case r.UserData&ofCancel != 0:
		p.canceled(r)
		return
	case r.UserData&ofFile != 0:
		p.haveReadAt(r)
		return
	}
	s, d := p.sideOf(r.UserData)
	if d == nil || p.revive(d, &r) {
		return
	}
	d.result, d.selected = r.Value, int16(r.Selected())
	d.token.Store(0)
	ended := backend.EndedIn
	if r.UserData&isOut != 0 {
		ended = backend.EndedOut
	}
	p.events[p.n] = backend.Event{FD: descriptor(r.UserData), Generation: s.generation, Ready: ended}
	p.n++
}

// revive puts a request into the queue once more that has ended since its thread has exited, and
// reports whether it did so. Under the lock of the queue, it comes before a request to cancel it,
// or after that was asked for: then the request was canceled, whatever has ended it.
//
// EFAULT may also say that the memory can't be used. So a request that ends with it becomes one for
// readiness, and Finish makes a call, whose errno is right.
func (p *Poller) revive(d *side, r *sys.UringResult) (revived bool) {
	isFault := r.Value == -int32(syscall.EFAULT)
	if r.Value != -int32(syscall.ECANCELED) && !isFault {
		return false
	}
	q := &p.queue
	q.mu.Lock()
	if revived = !d.abandoned; revived {
		if isFault {
			d.waits, d.selects = true, false
		}
		e := d.entry(descriptor(r.UserData))
		q.insert(&e)
	} else {
		r.Value = -int32(syscall.ECANCELED)
	}
	q.mu.Unlock()
	if revived {
		q.published() // the leader may be about to park
	}
	return revived
}

// canceled has the result of a request to cancel. The request is made once more if the operation
// was being performed by a thread of the kernel (EALREADY), and if it was not found, but is still
// inside (ENOENT). Its result may come behind this one. But the system also finds no operation
// that was woken and has not been tried again yet: if that finds nothing to do, it goes on waiting.
func (p *Poller) canceled(r sys.UringResult) {
	missed := r.Value == -int32(syscall.EALREADY) || r.Value == -int32(syscall.ENOENT)
	if _, d := p.sideOf(r.UserData &^ ofCancel); d != nil && missed {
		e := cancel(r.UserData &^ ofCancel)
		p.queue.put(&e)
	}
}

// cancel returns the request to cancel the one with that token.
func cancel(token uint64) sys.UringEntry {
	return sys.UringEntry{Op: sys.UringAsyncCancel, FD: -1, Addr: token, UserData: token | ofCancel}
}
