package completion

import (
	"github.com/completionport/completion/internal/core"
	"github.com/completionport/completion/internal/strict"
)

// SetSkipOnSuccess sets the mode of ports that are opened until undo.
func SetSkipOnSuccess(on bool) (undo func()) {
	before := skipOnSuccess
	skipOnSuccess = on
	return func() { skipOnSuccess = before }
}

// OpenNativePorts is how many ports have not been closed.
func OpenNativePorts() (n int) {
	openPorts.Range(func(any, any) bool { n++; return true })
	return n
}

// AcceptedAhead is how many connections of a listener have been accepted that no
// operation has asked for, and how many accepts are inside the kernel.
func AcceptedAhead(p *Port, l *Listener) (ended, inside int) {
	fd, ok := l.core().Acquire()
	if !ok {
		return 0, 0
	}
	defer l.core().Release()
	q := p.kernel.(*iocpKernel).sockets.get(fd).acceptQueue()
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.ended), len(q.inside)
}

// MarkedSockets is how many descriptors a port has in its table.
func MarkedSockets(p *Port) (n int) {
	chunks := p.kernel.(*iocpKernel).sockets.chunks.Load()
	if chunks == nil {
		return 0
	}
	for _, chunk := range *chunks {
		for i := range chunk {
			if chunk[i].Load() != nil {
				n++
			}
		}
	}
	return n
}

// HasEnded tells whether an operation of a handle that is inside the kernel, a write or
// another, has ended, though its packet is still in the port. Ports must be strict.
func HasEnded(h *core.Handle, isWrite bool) bool {
	fd, ok := h.Acquire()
	if !ok {
		return false
	}
	defer h.Release()
	return strict.HasEnded(fd, isWrite)
}

// HandleOf is what a socket or a listener stands for.
func HandleOf(h interface{ core() *core.Handle }) *core.Handle { return h.core() }
