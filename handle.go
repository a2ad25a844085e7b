package completion

import (
	"errors"
	"net"
	"os"
	"syscall"
	"time"

	"github.com/completionport/completion/internal/backend"
	"github.com/completionport/completion/internal/core"
	"github.com/completionport/completion/internal/sys"
)

var _ syscall.Conn = (*Socket)(nil)

// Socket is a stream of a port: a TCP socket over IPv4 or IPv6, a unix stream socket, an end of
// a named pipe, or a pipe or terminal. It belongs to that port until it is closed or detached. It comes from an Accept,
// from Port.Dial or a Dial, from Port.Socket (to be connected), or from Port.AdoptConn,
// Port.AdoptStream or Port.Watch.
type Socket core.Handle

func (s *Socket) core() *core.Handle { return (*core.Handle)(s) }

// Socket returns a socket that is not connected yet, for a Connect. The networks are
// "tcp", "tcp4", "tcp6" and "unix". A "tcp" socket can connect to IPv4 and IPv6
// addresses. On OpenBSD and DragonFly, one socket does not support both: there a
// "tcp" socket can connect to IPv4 addresses only. Nagle's algorithm is off, as in
// package net.
func (p *Port) Socket(network string) (*Socket, error) {
	family := sys.FamilyOf(network, nil)
	if family == 0 {
		return nil, opErrorOn("socket", network, nil, net.UnknownNetworkError(network))
	}
	fd, err := p.kernel.Socket(family)
	if err != nil {
		return nil, opErrorOn("socket", network, nil, err)
	}
	if family != backend.Unix {
		if err := p.kernel.SetNoDelay(fd, true); err != nil {
			p.kernel.Close(fd)
			return nil, opErrorOn("socket", network, nil, err)
		}
	}
	h, failure := p.core.AddHandle(fd, false, nil)
	added, err := p.added("socket", h, failure, family == backend.Unix)
	return (*Socket)(added), err
}

// added returns a handle that the engine has made, or the error of its failure. what
// names the call for that error.
func (p *Port) added(what string, h *core.Handle, failure *core.Failure, isUnix bool) (*core.Handle, error) {
	switch {
	case failure == nil && isUnix:
		h.SetUnix()
		return h, nil
	case failure == nil:
		return h, nil
	case failure.Code == core.System:
		return nil, opError(what, nil, nil, os.NewSyscallError(failure.Call, failure.Errno))
	}
	return nil, errorOf(failure)
}

// Close ends the operations of the socket with net.ErrClosed: those in flight, and
// those that are submitted later. Close never blocks. The descriptor is returned to
// the system when the last operation has ended, before that operation can be
// dequeued. Closing again returns net.ErrClosed.
//
// After Close, the system sends the bytes that it accepted and has not sent yet,
// unless input was left unread. With unread input the system sends a reset, and those
// bytes are lost. To lose nothing, submit a CloseWrite, read to the end of the
// stream, and then close.
//
// With TLS, Close sends close-notify if there is room for it: see package iotls.
//
// Close turns off a positive SO_LINGER, since closing would block. The option belongs
// to the socket, not to the descriptor: it is also off for all others that share the
// socket, for instance with the result of (*net.TCPConn).File.
func (s *Socket) Close() error { return closedUnless(s.core().Close()) }

// LocalAddr returns the local address. It makes a system call each time. The result
// is never nil for a socket that is or was connected: after Close, when the system
// does not know the address any more, it is an empty address, &net.TCPAddr{} or
// &net.UnixAddr{Net: "unix"}, the latter also for a named pipe. For a socket that was never
// connected, LocalAddr returns nil after Close.
func (s *Socket) LocalAddr() net.Addr {
	wasConnected, isUnix := s.core().Past()
	local := ask(s.core(), kernel.LocalAddr)
	if local == nil && wasConnected {
		return noAddr(isUnix)
	}
	return local
}

// RemoteAddr returns the remote address. It makes a system call each time. The result
// is nil for a socket that was never connected, and never nil for a socket that is or
// was connected. After a reset, Linux still knows the address, and the BSDs and macOS
// do not. After Close, no system does. If the system does not know the address,
// RemoteAddr returns an empty address, as LocalAddr does. A program that needs the
// address later must keep it.
func (s *Socket) RemoteAddr() net.Addr {
	wasConnected, isUnix := s.core().Past()
	if !wasConnected {
		return nil
	}
	if remote := ask(s.core(), kernel.RemoteAddr); remote != nil {
		return remote
	}
	return noAddr(isUnix)
}

// ask returns an address of an open handle, or nil if the handle is closed.
func ask(h *core.Handle, which func(kernel, int) net.Addr) net.Addr {
	fd, ok := h.Acquire()
	if !ok {
		return nil
	}
	defer h.Release()
	return which(kernelOf(h), fd)
}

// noAddr returns the empty address, for an address that the system does not know.
func noAddr(isUnix bool) net.Addr {
	if isUnix {
		return &net.UnixAddr{Net: "unix"}
	}
	return &net.TCPAddr{}
}

// SyscallConn returns access to the descriptor, for socket options that this package
// does not support. The Read and Write methods of the result return
// errors.ErrUnsupported: only the port waits for readiness. The program must not
// receive from the descriptor, and must not receive urgent data (MSG_OOB): that can
// consume the event that a Read waits for.
func (s *Socket) SyscallConn() (syscall.RawConn, error) { return rawConn{s.core()}, nil }

// SetNoDelay turns Nagle's algorithm off (noDelay is true, the default) or on (false).
func (s *Socket) SetNoDelay(noDelay bool) error {
	return s.set("set no delay", func(k kernel, fd int) error { return k.SetNoDelay(fd, noDelay) })
}

// SetKeepAlive makes the system probe a silent peer after idle, and then again after
// each interval of the same length. The system gets idle in whole seconds, rounded
// up. If idle is zero or negative, SetKeepAlive turns keep-alive off, which is the
// default. If the system refuses so long a time, nothing changes.
func (s *Socket) SetKeepAlive(idle time.Duration) error {
	return s.set("set keep-alive", func(k kernel, fd int) error { return k.SetKeepAlive(fd, idle) })
}

// SetReadBuffer sets the size of the system's receive buffer, in bytes.
func (s *Socket) SetReadBuffer(bytes int) error {
	return s.set("set read buffer", func(k kernel, fd int) error { return k.SetReadBuffer(fd, bytes) })
}

// SetWriteBuffer sets the size of the system's send buffer, in bytes.
func (s *Socket) SetWriteBuffer(bytes int) error {
	return s.set("set write buffer", func(k kernel, fd int) error { return k.SetWriteBuffer(fd, bytes) })
}

// SetResetOnClose selects whether Close drops the bytes that were not sent yet and
// sends a reset: SO_LINGER with 0 seconds. The default is false.
func (s *Socket) SetResetOnClose(reset bool) error {
	return s.set("set linger", func(k kernel, fd int) error { return k.SetResetOnClose(fd, reset) })
}

func (s *Socket) set(what string, f func(k kernel, fd int) error) error {
	return control(s.core(), what, f)
}

// control runs f with the descriptor of an open handle.
func control(h *core.Handle, what string, f func(k kernel, fd int) error) error {
	fd, ok := h.Acquire()
	if !ok {
		return net.ErrClosed
	}
	defer h.Release()
	k := kernelOf(h)
	if err := f(k, fd); err != nil {
		local, remote := addressesOf(h, k, fd)
		return opError(what, local, remote, err)
	}
	return nil
}

// rawConn gives access to the descriptor of a handle.
type rawConn struct{ handle *core.Handle }

// Control runs f and keeps the descriptor open meanwhile. f must not close the port.
// On a Memory there is no descriptor, and Control returns an error that matches
// errors.ErrUnsupported.
func (r rawConn) Control(f func(fd uintptr)) error {
	fd, ok := r.handle.Acquire()
	if !ok {
		return net.ErrClosed
	}
	defer r.handle.Release()
	descriptor, err := kernelOf(r.handle).Descriptor(fd)
	if err == nil {
		f(descriptor)
	}
	return err
}

// Read is not supported.
func (r rawConn) Read(func(fd uintptr) bool) error { return errors.ErrUnsupported }

// Write is not supported.
func (r rawConn) Write(func(fd uintptr) bool) error { return errors.ErrUnsupported }
