//go:build windows

package iocp

import (
	"sync/atomic"
	"syscall"

	"github.com/completionport/completion/internal/backend"
	"github.com/completionport/completion/internal/sys"
)

var (
	_ backend.Native = (*Kernel)(nil)
	_ backend.Calls  = (*Kernel)(nil)
)

// Kernel performs the operations of one port. The other calls are those of sys.Kernel.
type Kernel struct {
	sys.Kernel
	port *Poller
}

// socket is the state of one descriptor. Windows writes to it while an operation is
// inside, so it must stay reachable until that operation has ended.
type socket struct {
	generation uint32
	skips      bool // an operation that succeeds at once has no packet
	adopted    bool // of a mark: see Adopt
	in         sys.Transfer
	// Made when first needed: many sockets only read, and few are listeners. They are
	// atomic, since the leader also reads them for packets that the engine has not caused.
	out     atomic.Pointer[sys.Transfer]
	accepts atomic.Pointer[acceptQueue]

	datagrams *datagramSocket // of a datagram socket, else nil
	pipe      *pipeEnd        // of an end of a named pipe, else nil
	pipes     *pipeListener   // of a listener of a named pipe, else nil
}

// Disown closes fd and removes the mark of Adopt, which is there if fd was never armed.
func (k *Kernel) Disown(fd int) {
	if k.port.sockets.Get(fd) != nil {
		k.port.sockets.Set(fd, nil)
	}
	k.Kernel.Disown(fd)
}

// Adopt leaves a mark for Arm, which moves the socket to the port. The move is the last
// step that can fail, so a failure before it leaves the socket with package net.
func (k *Kernel) Adopt(c any, kind backend.SocketKind) (int, error) {
	fd, err := k.Kernel.Adopt(c, kind)
	if err == nil {
		mark := &socket{adopted: true}
		if kind == backend.DatagramSocket {
			mark.datagrams = new(datagramSocket)
		}
		k.port.sockets.Set(fd, mark)
	}
	return fd, err
}

// transfer returns the Transfer for an operation of this kind.
func (s *socket) transfer(kind backend.Kind) *sys.Transfer {
	if kind == backend.Read {
		return &s.in
	}
	out := s.out.Load()
	if out == nil {
		out = new(sys.Transfer)
		s.out.Store(out)
	}
	return out
}

// Start begins an operation. All state is in place before the system call, since the
// packet may be dequeued before the call returns. If there is a packet, nothing of the
// operation may be touched after the call.
func (k *Kernel) Start(fd int, kind backend.Kind, data []byte, to *backend.Address) (n int, errno syscall.Errno, pending bool) {
	s := k.port.sockets.Get(fd)
	switch {
	case s.pipes != nil:
		return s.pipes.start()
	case s.pipe != nil:
		return s.startPipe(fd, kind, data)
	case kind == backend.Accept:
		return s.acceptQueue().start(fd)
	}
	t, skips := s.transfer(kind), s.skips
	switch kind {
	case backend.Connect:
		errno = t.Connect(fd, *to)
	case backend.Write:
		errno = t.Send(fd, data)
	default:
		errno = t.Receive(fd, data)
	}
	switch {
	case errno == sys.Pending || errno == 0 && !skips:
		return 0, 0, true
	case errno != 0:
		t.Failed()
		return 0, errno, false
	}
	n, errno = finish(t, fd, kind)
	return n, errno, false
}

// Finish returns the result of an operation.
func (k *Kernel) Finish(fd int, kind backend.Kind) (int, syscall.Errno) {
	s := k.port.sockets.Get(fd)
	switch {
	case s.pipes != nil:
		return s.pipes.finish()
	case s.pipe != nil:
		return s.transfer(kind).PipeResult(kind)
	case kind == backend.Accept:
		return s.acceptQueue().finish(fd)
	case s.datagrams != nil:
		return s.datagrams.finishMessage(fd, kind)
	}
	return finish(s.transfer(kind), fd, kind)
}

func finish(t *sys.Transfer, fd int, kind backend.Kind) (int, syscall.Errno) {
	n, errno := t.Result(fd)
	if kind == backend.Connect {
		return 0, t.Connected(fd, errno)
	}
	return n, errno
}

// Abandon is one CancelIoEx, or one for each accept that is inside. An accept of a pipe is not
// cancelled, but reported as ended: see pipeListener.
func (k *Kernel) Abandon(fd int, kind backend.Kind) (heard bool) {
	s := k.port.sockets.Get(fd)
	switch {
	case s.pipes != nil:
		return s.pipes.abandon()
	case kind == backend.Accept:
		return s.acceptQueue().abandon(fd)
	case s.datagrams != nil:
		return s.datagrams.side(kind).block.Load().Cancel(fd)
	}
	return s.transfer(kind).Cancel(fd)
}

// AcceptAhead begins accepts until n are inside.
func (k *Kernel) AcceptAhead(fd, n int) (ended bool) {
	if k.port.sockets.Get(fd).pipes != nil { // all its instances wait
		return false
	}
	return k.port.sockets.Get(fd).acceptQueue().ahead(fd, n)
}
