//go:build linux

package uring

import (
	"syscall"

	"github.com/completionport/completion/internal/backend"
	"github.com/completionport/completion/internal/sys"
)

// mostGroups is the largest number of groups of one port: each has its buffers until the port is
// closed.
const mostGroups = 16

// OpenGroup registers a ring of buffers. Linux has it since 5.19.
func (k *Kernel) OpenGroup(n int) (g backend.BufferGroup, ok bool) {
	p := k.port
	p.groups.mu.Lock()
	defer p.groups.mu.Unlock()
	id := p.groups.used
	if id == mostGroups {
		return 0, false
	}
	b, err := p.queue.ring.OpenBuffers(uint16(id), n)
	if err != nil {
		return 0, false
	}
	p.groups.of[id] = b
	p.groups.used++
	return backend.BufferGroup(id), true
}

// Provide makes no call.
func (k *Kernel) Provide(g backend.BufferGroup, number int, memory []byte) {
	k.port.groups.of[g].Provide(number, memory)
}

// StartSelected is IORING_OP_RECV that first waits for data, and then selects its buffer. A stream
// that is no socket waits for readiness, and so does a read that is to peek: see woken.
func (k *Kernel) StartSelected(fd int, g backend.BufferGroup) {
	s := k.port.sockets.Get(fd)
	d := &s.in
	if d.has(isStream | peeks) {
		d.lend(nil)
		k.begin(s, d, fd, backend.Read, waits)
		return
	}
	d.extent = ^int32(g)
	k.begin(s, d, fd, backend.Read, selects)
}

// haveSelected returns the result of a request that selects its buffer. If there was none, there
// are data: without data it would go on waiting. But it has waited for errors, too, and if the error
// queue of the socket has something, the next one finds no buffer at once: then it peeks.
func (d *side) haveSelected(fd int) (n int, errno syscall.Errno) {
	switch {
	case d.result >= 0:
		return int(d.result), 0
	case d.result == -int32(syscall.ENOBUFS) && !sys.HasInput(fd):
		d.flags |= peeks
		return 0, syscall.EAGAIN // the engine starts it again
	case d.result == -int32(syscall.ENOBUFS):
		return 0, 0
	}
	return 0, d.failed(syscall.Errno(-d.result))
}

// Selected returns what the result of the request says.
func (k *Kernel) Selected(fd int) (number int, lacked bool) {
	d := &k.port.sockets.Get(fd).in
	if !d.has(selects) {
		return -1, false
	}
	return int(max(d.extent, -1)), d.result == -int32(syscall.ENOBUFS)
}
