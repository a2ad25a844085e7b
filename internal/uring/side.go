//go:build linux

package uring

import (
	"sync/atomic"
	"syscall"
	"unsafe"

	"github.com/completionport/completion/internal/backend"
	"github.com/completionport/completion/internal/sys"
)

// socket is the state of one descriptor. It takes 48 bytes, since an idle connection has one.
type socket struct{ in, out side }

// side is one direction of a descriptor. The engine makes one call about it at a time. While a
// request is inside the kernel, the leader looks at it, too.
type side struct {
	memory unsafe.Pointer // owned by the kernel: the bytes, or the *backend.Message that Finish moves
	// count is of beginnings and ends: it is odd while a request is inside the kernel.
	count atomic.Uint32
	// extent is how many bytes memory has. A request that selects its buffer has none: then it is
	// the complement of the group, and from its result on the number of the buffer, if it got one.
	extent int32
	result int32
	kind   backend.Kind // of the last request, 0 if there was none
	flags  flags
	half   uint16 // of the generation: see socket.generation
}

// flags belong to one side. While a request is inside, the lock of the queue guards all of them,
// since revive and Abandon change some. At other times only the engine's call uses them.
type flags uint8

const (
	abandoned  flags = 1 << iota // see Kernel.Abandon and Poller.revive
	asked                        // Abandon was called, and may not have been heard
	waits                        // the request is for readiness
	selects                      // the request selects its buffer
	peeks                        // the next requests for readiness are peeks, or for a pause: see woken
	isStream                     // it is no socket, or a listener whose accepts do not wait: see failed
	connecting                   // connect(2) was called

	lasting = peeks | isStream | connecting // they outlive a request
)

func (d *side) has(f flags) bool { return d.flags&f != 0 }

// side returns the side of an operation.
func (s *socket) side(kind backend.Kind) *side {
	switch kind {
	case backend.Accept, backend.Read, backend.Receive, backend.PollIn:
		return &s.in
	}
	return &s.out
}

// newSocket returns the state of a descriptor that was armed with this generation. Its counts begin
// far from those of the descriptor's former owner: the result of a request to cancel an operation of
// that one may come as late as now.
func newSocket(generation uint32) *socket {
	s := &socket{in: side{half: uint16(generation)}, out: side{half: uint16(generation >> 16)}}
	first := generation * 0x9e37_79b1 << 1 // even: nothing is inside
	s.in.count.Store(first)
	s.out.count.Store(first)
	return s
}

// generation puts its halves together. Each side has room for one, and the socket has none.
func (s *socket) generation() uint32 { return uint32(s.in.half) | uint32(s.out.half)<<16 }

// hasAddress reports whether the requests may have been those of a listener, of a datagram socket
// or of a connect.
func (s *socket) hasAddress() bool {
	return s != nil && (s.in.kind != 0 && s.in.kind != backend.Read || s.out.kind != 0 && s.out.kind != backend.Write)
}

// A token has the descriptor in its lower half, and in the upper one the count without its lowest
// bit, the direction and what the result is of.
const (
	ofFile      = 1 << 31 // no descriptor has this bit: the lower half is the number of a ReadAt
	ofCancel    = 1 << 32 // the result is of a request to cancel the operation
	isOut       = 1 << 33
	countShift  = 34 // the count loses its highest bit
	tokenOfWake = 1<<64 - 1
	// The request of the ring's own whose end wakes a leader: see ended.go.
	tokenOfAlarm = tokenOfWake - 1
)

// token returns the token of the request of d that has this count.
func (s *socket) token(d *side, count uint32, fd int) uint64 {
	token := uint64(count>>1)<<countShift | uint64(uint32(fd))
	if d == &s.out {
		token |= isOut
	}
	return token
}

// descriptor returns the descriptor of a token.
func descriptor(token uint64) int { return int(uint32(token)) }

// isInside reports whether count is that of a request that is inside the kernel.
func isInside(count uint32) bool { return count&1 != 0 }

// sideOf returns the side of a token, and its socket: nil if nothing with this token is inside
// the kernel.
func (p *Poller) sideOf(token uint64) (*socket, *side) {
	s := p.sockets.Get(descriptor(token))
	if s == nil {
		return nil, nil
	}
	d := &s.in
	if token&isOut != 0 {
		d = &s.out
	}
	count := d.count.Load()
	if !isInside(count) || uint64(count>>1)<<countShift != token>>countShift<<countShift {
		return nil, nil
	}
	return s, d
}

// haveOwn has the result of a request that is no operation's.
func (p *Poller) haveOwn(r sys.UringResult) {
	switch {
	case r.UserData == tokenOfWake:
		p.woken.Store(false)
		p.wakes = true
	case p.queue.ended() != 0:
		p.wakes = true // a leader that was told to block has taken the result that would wake it
	case r.Value == -int32(syscall.ECANCELED): // its thread has exited
		p.queue.put(&alarm)
	}
}

// lend gives data to the kernel. A request moves no more than largest of it.
func (d *side) lend(data []byte) {
	d.memory, d.extent = nil, int32(min(len(data), largest))
	if len(data) > 0 {
		d.memory = unsafe.Pointer(unsafe.SliceData(data))
	}
}

// isMessage reports whether the memory of d is a *backend.Message.
func (d *side) isMessage() bool { return d.kind == backend.Receive || d.kind == backend.Send }

// entry returns the request of d with that token, which has all that belongs to it.
func (d *side) entry(token uint64) sys.UringEntry {
	e := sys.UringEntry{FD: int32(descriptor(token)), UserData: token}
	switch {
	case d.has(selects):
		e.Op, e.Flags, e.Buffer, e.Priority = sys.UringRecv, sys.UringSelect, uint16(^d.extent), sys.UringPollFirst
		e.Len = largest // or as much as the buffer has: Linux 5.19 takes 0 for no bytes
		return e
	case d.has(waits) && d.has(peeks) && token&isOut != 0:
		e.Op, e.FD, e.Addr, e.Len = sys.UringTimeout, -1, uint64(uintptr(unsafe.Pointer(&pause))), 1
	case d.has(waits) && d.has(peeks):
		e.Op, e.OpFlags = sys.UringRecv, sys.UringPeek
		e.Addr, e.Len = uint64(uintptr(unsafe.Pointer(&peeked))), 1
	case d.has(waits) && token&isOut != 0:
		e.Op, e.OpFlags = sys.UringPollAdd, sys.UringPollOut
	case d.has(waits):
		e.Op, e.OpFlags = sys.UringPollAdd, sys.UringPollIn
	case d.kind == backend.Accept:
		e.Op, e.OpFlags = sys.UringAccept, sys.UringAcceptFlags
	case d.kind == backend.Read:
		e.Op = sys.UringRecv
	default:
		e.Op, e.OpFlags = sys.UringSend, sys.UringSendFlags
	}
	if d.extent > 0 && !d.has(waits) {
		e.Addr, e.Len = uint64(uintptr(d.memory)), uint32(d.extent)
	}
	return e
}

// peeked is written by requests that peek, and read by nobody.
var peeked byte

// pause is how long a request for a pause lasts: seconds and nanoseconds.
var pause = [2]int64{0, 5e6}

// largest is the largest number of bytes that one request moves.
const largest = 1 << 30

// take takes results out of the completion queue as long as there is room for events, and
// returns how many events there are. If a result was dropped, nobody knows whose: the ring ends.
func (p *Poller) take() int {
	ring := p.queue.ring
	head, tail := ring.CQHead.Load(), ring.CQTail.Load()
	for ; head != tail && p.n < len(p.events); head++ {
		p.have(ring.Result(head))
	}
	ring.CQHead.Store(head)
	if p.n == 0 && ring.CQDropped.Load() != 0 {
		p.queue.judge(sys.UringDropped)
	}
	return p.n
}

// have makes an event of a result.
func (p *Poller) have(r sys.UringResult) {
	switch {
	case r.UserData >= tokenOfAlarm:
		p.haveOwn(r)
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
	d.result = r.Value
	if number := r.Selected(); number >= 0 {
		d.extent = int32(number)
	}
	d.count.Add(1)
	ended := backend.EndedIn
	if r.UserData&isOut != 0 {
		ended = backend.EndedOut
	}
	p.events[p.n] = backend.Event{FD: descriptor(r.UserData), Generation: s.generation(), Ready: ended}
	p.n++
}

// revive puts a request into the queue once more that has ended since its thread has exited, and
// reports whether it did so. Under the lock of the queue, it comes before a request to cancel it,
// or after that was asked for: then the request was canceled, whatever has ended it.
//
// EFAULT may also say that the memory can't be used. So a request that ends with it becomes one for
// readiness, and Finish makes a call, whose errno is right.
//
// A request that has selected a buffer is over, since the next one would select another: the engine
// gives that back, and starts the operation again.
func (p *Poller) revive(d *side, r *sys.UringResult) (revived bool) {
	isFault := r.Value == -int32(syscall.EFAULT)
	switch {
	case r.Value != -int32(syscall.ECANCELED) && !isFault:
		return false
	case r.Selected() >= 0:
		r.Value = -int32(syscall.ECANCELED)
		return false
	}
	q := &p.queue
	q.mu.Lock()
	errno := q.ended()
	switch revived = !d.has(abandoned) && errno == 0; {
	case revived:
		if isFault {
			d.flags = d.flags&^selects | waits
		}
		e := d.entry(r.UserData)
		q.insert(&e)
	case errno != 0: // it was canceled since the ring has ended
		r.Value = -int32(errno)
	default:
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
// A ring that has ended takes no request.
func (p *Poller) canceled(r sys.UringResult) {
	missed := r.Value == -int32(syscall.EALREADY) || r.Value == -int32(syscall.ENOENT)
	if _, d := p.sideOf(r.UserData &^ ofCancel); d != nil && missed && p.queue.ended() == 0 {
		e := cancel(r.UserData &^ ofCancel)
		p.queue.put(&e)
	}
}

// cancel returns the request to cancel the one with that token.
func cancel(token uint64) sys.UringEntry {
	return sys.UringEntry{Op: sys.UringAsyncCancel, FD: -1, Addr: token, UserData: token | ofCancel}
}
