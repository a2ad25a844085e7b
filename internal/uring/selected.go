//go:build linux

package uring

import (
	"syscall"

	"github.com/completionport/completion/internal/backend"
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
// are data, as a rule: without data it would go on waiting. The engine makes a call for them.
func (d *side) haveSelected() (n int, errno syscall.Errno) {
	switch {
	case d.result >= 0:
		return int(d.result), 0
	case d.hasLacked():
		return 0, 0
	}
	return 0, d.failed(syscall.Errno(-d.result))
}

// hasLacked reports whether the last request has found no buffer.
func (d *side) hasLacked() bool { return d.has(selects) && d.result == -int32(syscall.ENOBUFS) }

// hadNoData is called when a read has found no data behind hasLacked: what has ended its wait is the
// error queue of the socket, and the next one would end at once, too. So that one peeks: see woken.
func (d *side) hadNoData() { d.flags |= peeks }

// Selected returns what the result of the request says.
func (k *Kernel) Selected(fd int) (number int, lacked bool) {
	d := &k.port.sockets.Get(fd).in
	if !d.has(selects) {
		return -1, false
	}
	return int(max(d.extent, -1)), d.hasLacked()
}
