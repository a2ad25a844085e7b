//go:build linux

package uring

import (
	"os"
	"sync/atomic"
	"syscall"

	"github.com/completionport/completion/internal/backend"
	"github.com/completionport/completion/internal/sys"
)

// A ring ends if io_uring_enter(2) fails for good: a seccomp filter forbids it that was installed
// after the port was opened, or something has damaged the ring or closed its descriptor. From then
// on every operation that needs the ring ends with this errno. Four steps lead there:
//
//   - Who meets the errno stores it, and wakes the leader. One that blocks in the system is woken by
//     a result, which needs no call for the ring: see sys.UringAlarm.
//   - The leader cancels all requests, as far as the system lets it, takes the results that are
//     there, and closes the ring. From here on, requests go to the backlog.
//   - The system ends the requests. Until it has let go of the ring, it may write to the memory of those
//     inside, and so none of these ends. A goroutine waits for that: see sys.Uring.OpenEnd. This takes
//     some milliseconds. But a read of a device is not canceled, and lasts as long as it does.
//   - The leader ends what was inside. What comes to the backlog it ends at any time.
//
// What a request has done is not known if its result came too late for the second step. Its receive
// may have taken data, its send may have sent some, and the connection of its accept stays open
// until the process ends. On Linux 6.0, and if io_uring_register(2) is not forbidden, too, the cancel
// leaves no time for that.
//
// Memory is always the program's when its operation has ended: nothing is written there later. For
// that there is no limit for the third step.
//
// A ReadAt is performed by a call instead, as behind any errno.
type end struct {
	file    *os.File      // see sys.Uring.OpenEnd
	done    chan struct{} // closed when the goroutine has ended; nil if it was not started
	isOver  atomic.Bool   // the system has let go of the ring
	isSwept bool          // lost has what was inside
	lost    []uint64      // the tokens of the requests that are to end
}

// alarm is the request that sys.Uring.Alarm ends.
var alarm = func() sys.UringEntry {
	e := sys.UringAlarm
	e.UserData = tokenOfAlarm
	return e
}()

// enterCall is the call that fails.
const enterCall = "io_uring_enter"

var _ backend.Mortal = (*Kernel)(nil)

// Ended returns why the ring has ended.
func (k *Kernel) Ended() (call string, errno syscall.Errno) { return enterCall, k.port.queue.ended() }

// ended returns the errno with which the ring has ended, 0 if it has not.
func (q *queue) ended() syscall.Errno { return syscall.Errno(q.errno.Load()) }

// judge ends the ring if io_uring_enter(2) has failed for good.
func (q *queue) judge(errno syscall.Errno) {
	if sys.UringEnded(errno) && q.errno.CompareAndSwap(0, uint32(errno)) {
		q.wake()
		q.ring.Alarm()
	}
}

// wakeParked wakes a leader that parks, or the next one.
func (p *Poller) wakeParked() { p.file.SetReadDeadline(sys.Time(1)) }

// openEnd prepares the ring for its end, and submits its own request. If the kernel does not take it
// now, it is the first that a leader submits before it blocks.
func (p *Poller) openEnd() (err error) {
	if p.end.file, err = p.queue.ring.OpenEnd(); err != nil {
		return err
	}
	p.queue.mu.Lock()
	p.queue.insert(&alarm)
	p.queue.mu.Unlock()
	p.queue.submit()
	if errno := p.queue.ended(); errno != 0 {
		err = os.NewSyscallError(enterCall, errno)
	}
	if err != nil {
		p.end.file.Close()
	}
	return err
}

// lookEnded is look for a ring that has ended.
func (p *Poller) lookEnded() {
	if !p.queue.isDead { // only the leader sets it
		p.queue.ring.CancelAll(p.queue.ended())
		if p.take() == len(p.events) {
			return // there may be more
		}
		p.bury()
	}
	p.endLost()
}

// bury closes the ring, of which all results are taken. One that wakes, or the request for it, may
// be in the ring.
func (p *Poller) bury() {
	q := &p.queue
	q.mu.Lock()
	q.isDead = true
	q.ring.Bury(q.ended(), p.eventFD)
	q.mu.Unlock()
	p.woken.Store(false)
	p.wakeParked()
	p.readAts.mu.Lock()
	p.readAts.isOver = true
	p.readAts.mu.Unlock()
	p.groups.mu.Lock()
	p.groups.used = mostGroups
	p.groups.mu.Unlock()
	p.end.done = make(chan struct{})
	go p.awaitEnd()
}

// awaitEnd returns when the system has let go of the ring, or the port is closed.
func (p *Poller) awaitEnd() {
	defer close(p.end.done)
	for left := make([]byte, 4096); ; {
		if _, err := p.end.file.Read(left); err != nil {
			break
		}
	}
	p.end.isOver.Store(true)
	p.wakeParked()
}

// endLost ends operations whose requests are lost, as far as there is room for events: those in the
// backlog, which the kernel has never had, and those inside if the kernel has let go of them.
func (p *Poller) endLost() {
	e := &p.end
	if !e.isSwept && e.isOver.Load() {
		e.isSwept = true
		e.lost = append(e.lost, p.inside()...)
	}
	q := &p.queue
	q.mu.Lock()
	for i := range q.backlog {
		e.lost = append(e.lost, q.backlog[i].UserData)
	}
	q.backlog = q.backlog[:0]
	q.left.Store(0)
	q.mu.Unlock()
	for len(e.lost) > 0 && p.n < len(p.events) {
		last := len(e.lost) - 1
		p.have(sys.UringResult{UserData: e.lost[last], Value: -int32(q.ended())})
		e.lost = e.lost[:last]
	}
	if p.wakes { // a request to wake was lost
		p.wakeParked()
	}
}

// inside returns the tokens of all operations that have begun and not ended. What begins from now on
// is in the backlog. It may be there, too: the second time a token is nobody's.
func (p *Poller) inside() (tokens []uint64) {
	for fd := range p.sockets.End() {
		s := p.sockets.Get(fd)
		if s == nil {
			continue
		}
		for _, d := range []*side{&s.in, &s.out} {
			if count := d.count.Load(); isInside(count) {
				tokens = append(tokens, s.token(d, count, fd))
			}
		}
	}
	if all := p.readAts.all.Load(); all != nil {
		for number := range all {
			if all[number].isInside.Load() {
				tokens = append(tokens, ofFile|uint64(number))
			}
		}
	}
	return tokens
}

// closeEnd ends the goroutine, if it waits.
func (p *Poller) closeEnd() {
	p.end.file.Close()
	if p.end.done != nil {
		<-p.end.done
	}
}

// The calls that do not wait fail as well: otherwise some operations would go on, and others of the
// same socket not.

// Read is that of sys.Kernel.
func (k *Kernel) Read(fd int, p []byte) (int, syscall.Errno) {
	if errno := k.port.queue.ended(); errno != 0 {
		return 0, errno
	}
	n, errno := k.calls.Read(fd, p)
	if s := k.port.sockets.Get(fd); errno == syscall.EAGAIN && s != nil && s.in.hasLacked() {
		s.in.hadNoData()
	}
	return n, errno
}

// Write is that of sys.Kernel.
func (k *Kernel) Write(fd int, p []byte) (int, syscall.Errno) {
	if errno := k.port.queue.ended(); errno != 0 {
		return 0, errno
	}
	return k.calls.Write(fd, p)
}

// ReadV is that of sys.Kernel.
func (k *Kernel) ReadV(fd int, parts [][]byte) (int, syscall.Errno) {
	if errno := k.port.queue.ended(); errno != 0 {
		return 0, errno
	}
	return k.calls.ReadV(fd, parts)
}

// WriteV is that of sys.Kernel.
func (k *Kernel) WriteV(fd int, parts [][]byte) (int, syscall.Errno) {
	if errno := k.port.queue.ended(); errno != 0 {
		return 0, errno
	}
	return k.calls.WriteV(fd, parts)
}

// Receive is that of sys.Kernel.
func (k *Kernel) Receive(fd int, messages []backend.Message) (int, syscall.Errno) {
	if errno := k.port.queue.ended(); errno != 0 {
		return 0, errno
	}
	return k.calls.Receive(fd, messages)
}

// Send is that of sys.Kernel.
func (k *Kernel) Send(fd int, messages []backend.Message) (int, syscall.Errno) {
	if errno := k.port.queue.ended(); errno != 0 {
		return 0, errno
	}
	return k.calls.Send(fd, messages)
}

// ReadControl is that of sys.Kernel.
func (k *Kernel) ReadControl(fd int, parts [][]byte, c *backend.Control) (int, syscall.Errno) {
	if errno := k.port.queue.ended(); errno != 0 {
		return 0, errno
	}
	return k.calls.ReadControl(fd, parts, c)
}

// WriteControl is that of sys.Kernel.
func (k *Kernel) WriteControl(fd int, parts [][]byte, c *backend.Control) (int, syscall.Errno) {
	if errno := k.port.queue.ended(); errno != 0 {
		return 0, errno
	}
	return k.calls.WriteControl(fd, parts, c)
}

// CloseWrite is that of sys.Kernel. Behind a write of which a part may have been sent, the end of the
// stream would hide that.
func (k *Kernel) CloseWrite(fd int) syscall.Errno {
	if errno := k.port.queue.ended(); errno != 0 {
		return errno
	}
	return k.calls.CloseWrite(fd)
}

// SendFile is that of sys.Kernel.
func (k *Kernel) SendFile(fd int, file uintptr, at int64, n int) (moved int, errno syscall.Errno, supported bool) {
	if errno := k.port.queue.ended(); errno != 0 {
		return 0, errno, true
	}
	return k.calls.SendFile(fd, file, at, n)
}
