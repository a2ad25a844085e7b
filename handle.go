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

// Socket is a stream socket that belongs to a port for its whole life: TCP
// over IPv4 or IPv6, or unix. It comes from an Accept, from Port.Socket to be
// connected, or from Port.AdoptConn.
type Socket core.Handle

func (s *Socket) core() *core.Handle { return (*core.Handle)(s) }

// Socket returns a socket that is not connected yet, for a Connect. The
// networks are "tcp", "tcp4", "tcp6" and "unix"; a "tcp" socket can connect to
// addresses of both families, but on OpenBSD and DragonFly to IPv4 only, where
// one socket does not speak both. Nagle's algorithm is off, as in package net.
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

// added returns a handle that the engine has made, or says why it hasn't. what is
// being done by it.
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

// Close refuses new operations and ends those in flight with net.ErrClosed. It
// never blocks: the descriptor goes back to the system when the last of them
// has ended, which is before that one can be dequeued. What was written and not
// sent yet is sent in the background, unless input was left unread: then the system
// sends a reset, and the rest is lost. To be safe submit a CloseWrite, read to the end
// of the stream, and close then. A positive SO_LINGER, for which closing would
// have to wait, is turned off: for all who share the socket, with what
// (*net.TCPConn).File has returned for instance, as the option belongs to the socket
// and not to the descriptor. Closing again returns net.ErrClosed.
func (s *Socket) Close() error { return closedUnless(s.core().Close()) }

// LocalAddr returns this side's address. It asks the system each time. It is never
// nil for a socket that is connected or has been: when that is closed, and the
// system can't be asked any more, LocalAddr returns an address without content, a
// &net.TCPAddr{} or a &net.UnixAddr{Net: "unix"}. A socket that was never connected
// has nil once it is closed.
func (s *Socket) LocalAddr() net.Addr {
	wasConnected, isUnix := s.core().Past()
	local := ask(s.core(), kernel.LocalAddr)
	if local == nil && wasConnected {
		return noAddr(isUnix)
	}
	return local
}

// RemoteAddr returns the other side's address. It asks the system each time. It is
// nil for a socket that was never connected, and never nil for one that is or has
// been. After a reset Linux still knows the address, the BSDs and macOS don't, and
// nobody does after Close: then RemoteAddr returns an address without content, as
// LocalAddr. Who needs the address at the end keeps it from the beginning.
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

// ask asks for an address of an open handle.
func ask(h *core.Handle, which func(kernel, int) net.Addr) net.Addr {
	fd, ok := h.Acquire()
	if !ok {
		return nil
	}
	defer h.Release()
	return which(kernelOf(h), fd)
}

// noAddr stands for an address that nobody knows any more.
func noAddr(isUnix bool) net.Addr {
	if isUnix {
		return &net.UnixAddr{Net: "unix"}
	}
	return &net.TCPAddr{}
}

// SyscallConn gives access to the descriptor, for options this package does
// not know. Its Read and Write return errors.ErrUnsupported: waiting is the
// port's. So is receiving, also of urgent data (MSG_OOB): what is received behind
// the port's back may take along the event that a read waits for.
func (s *Socket) SyscallConn() (syscall.RawConn, error) { return rawConn{s.core()}, nil }

// SetNoDelay turns Nagle's algorithm off (true, the default) or on.
func (s *Socket) SetNoDelay(on bool) error {
	return s.set("set no delay", func(k kernel, fd int) error { return k.SetNoDelay(fd, on) })
}

// SetKeepAlive makes the system probe a silent peer after idle, and at that
// interval from then on, in whole seconds rounded up. Zero or less turns it
// off, the default. If the system refuses so long a time, nothing changes.
func (s *Socket) SetKeepAlive(idle time.Duration) error {
	return s.set("set keep-alive", func(k kernel, fd int) error { return k.SetKeepAlive(fd, idle) })
}

// SetReadBuffer sets the size of the system's receive buffer.
func (s *Socket) SetReadBuffer(bytes int) error {
	return s.set("set read buffer", func(k kernel, fd int) error { return k.SetReadBuffer(fd, bytes) })
}

// SetWriteBuffer sets the size of the system's send buffer.
func (s *Socket) SetWriteBuffer(bytes int) error {
	return s.set("set write buffer", func(k kernel, fd int) error { return k.SetWriteBuffer(fd, bytes) })
}

// SetResetOnClose makes closing drop what was not sent yet and send a reset:
// linger with zero seconds.
func (s *Socket) SetResetOnClose(on bool) error {
	return s.set("set linger", func(k kernel, fd int) error { return k.SetResetOnClose(fd, on) })
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

// rawConn is a handle's descriptor, lent out.
type rawConn struct{ handle *core.Handle }

// Control runs f while the descriptor is kept open. f must not close the port.
// Where there is no descriptor, on a Memory, it returns errors.ErrUnsupported.
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
