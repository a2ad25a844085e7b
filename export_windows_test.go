package completion

import (
	"github.com/completionport/completion/internal/core"
	"github.com/completionport/completion/internal/iocp"
	"github.com/completionport/completion/internal/strict"
)

// AcceptedAhead is how many connections of a listener have been accepted that no
// operation has asked for, and how many accepts are inside the kernel.
func AcceptedAhead(p *Port, l *Listener) (ended, inside int) {
	fd, ok := l.core().Acquire()
	if !ok {
		return 0, 0
	}
	defer l.core().Release()
	return iocp.AcceptedAhead(p.kernel, fd)
}

// MarkedSockets is how many descriptors a port has in its table.
func MarkedSockets(p *Port) int { return iocp.Sockets(p.kernel) }

// CancelPipeInstances cancels the waits of all instances of a pipe, and returns how many.
func CancelPipeInstances(p *Port, l *Listener) int {
	fd, ok := l.core().Acquire()
	if !ok {
		return 0
	}
	defer l.core().Release()
	return iocp.CancelPipeInstances(p.kernel, fd)
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
