package completion

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"reflect"
	"runtime"
	"slices"

	"github.com/completionport/completion/internal/backend"
	"github.com/completionport/completion/internal/core"
	"github.com/completionport/completion/internal/sys"
)

// ErrCanceled is the error of an operation that was cancelled. errors.Is also matches
// it with context.Canceled.
var ErrCanceled error = canceledError{}

// ErrWriteAborted is the error of a Write, a CloseWrite or a Connect that was
// submitted behind a Write that ended after some of its bytes, and before that Write
// was delivered. The aborted operation would have started in the middle of a message.
// None of its bytes were sent.
var ErrWriteAborted = errors.New("completion: write aborted: an earlier write ended after some of its bytes")

// ErrLimit is the error of an operation above Config.MaxInFlight.
var ErrLimit = errors.New("completion: too many operations in flight")

// ErrHandshake is the error of an operation that a handshake excludes (package iotls): of
// a Read, a Write or a CloseWrite that was submitted to a socket during its handshake, or
// after one that failed; and of a handshake of a socket that had one before, or that has
// operations in flight.
var ErrHandshake = errors.New("completion: a handshake excludes the operation")

// errFileClosed is the error of operations of a file that is closed, or whose port is: it
// matches net.ErrClosed, as for all other operations, and that of package os.
var errFileClosed error = fileClosedError{}

type fileClosedError struct{}

func (fileClosedError) Error() string { return "completion: file already closed" }

// Is makes errors.Is(err, net.ErrClosed) and errors.Is(err, fs.ErrClosed) true.
func (fileClosedError) Is(target error) bool {
	return target == net.ErrClosed || target == fs.ErrClosed
}

type canceledError struct{}

func (canceledError) Error() string { return "completion: operation canceled" }

// Is makes errors.Is(err, context.Canceled) true.
func (canceledError) Is(target error) bool { return target == context.Canceled }

// errorOf returns the Go error of a failure, the same value each time.
func errorOf(f *core.Failure) error {
	if f == nil {
		return nil
	}
	switch f.Code {
	case core.EndOfFile:
		return io.EOF
	case core.UnexpectedEndOfFile:
		return io.ErrUnexpectedEOF
	case core.Closed:
		return net.ErrClosed
	case core.DeadlineExceeded:
		return os.ErrDeadlineExceeded
	case core.Canceled:
		if f.Err != nil { // a context's, too
			return f.Err
		}
		return ErrCanceled
	case core.WriteAborted:
		return ErrWriteAborted
	case core.BufferFull:
		return io.ErrShortBuffer
	case core.LimitExceeded:
		return ErrLimit
	case core.ShutOut:
		return ErrHandshake
	case core.FileClosed:
		return errFileClosed
	}
	return f.Err
}

// explain makes the error of a failure of a system call. The engine calls it once,
// after an operation has failed and before it is delivered: the descriptor, if there
// is one, is still open.
func (p *Port) explain(f *core.Failure, fd int) error {
	err := os.NewSyscallError(p.callOf(f, fd), sys.ErrorOf(f.Errno))
	if errors.Is(err, errors.ErrUnsupported) {
		err = fmt.Errorf("%w (%s, backend %s)", err, runtime.GOOS, p.Backend())
	}
	op := f.Kind.String()
	if f.Kind == backend.Connect {
		to, _ := f.Target.(net.Addr)
		return opError(op, nil, copyOf(to), err)
	}
	switch {
	case f.Kind != backend.Accept:
		local, remote := addressesOf(f.Handle, p.kernel, fd)
		if f.Kind == backend.Send && f.Target != nil {
			remote = receiverOf(f.Target)
		}
		return opError(op, local, remote, err)
	case fd < 0:
		return opError(op, nil, nil, err)
	}
	// The address listened on, as in package net.
	return opError(op, nil, p.kernel.LocalAddr(fd), err)
}

// addressesOf returns both addresses of a socket for an error. As those that a Socket
// returns, they are not nil if the socket is or was connected: a program that logs them
// calls their String method. fd is negative if the system does not know them any more.
func addressesOf(h *core.Handle, k kernel, fd int) (local, remote net.Addr) {
	local, remote = streamAddressesOf(h, k, fd)
	if h.IsDatagrams() {
		return packetAddr(local), packetAddr(remote)
	}
	return local, remote
}

// receiverOf returns the address of a datagram that was not sent.
func receiverOf(target any) net.Addr {
	if path, ok := target.(string); ok {
		return &net.UnixAddr{Net: "unixgram", Name: path}
	}
	return net.UDPAddrFromAddrPort(target.(netip.AddrPort))
}

func streamAddressesOf(h *core.Handle, k kernel, fd int) (local, remote net.Addr) {
	wasConnected, isUnix := h.Past()
	if fd >= 0 {
		local = k.LocalAddr(fd)
	}
	if !wasConnected {
		return local, nil
	}
	if fd >= 0 {
		remote = k.RemoteAddr(fd)
	}
	if local == nil {
		local = noAddr(isUnix)
	}
	if remote == nil {
		remote = noAddr(isUnix)
	}
	return local, remote
}

// callOf is the name of the system call that failed.
func (p *Port) callOf(f *core.Failure, fd int) string {
	if f.Call != "" {
		return f.Call
	}
	if pipes, ok := p.kernel.(backend.NamedPipes); ok && fd >= 0 {
		if name := pipes.PipeCall(fd, f.Kind); name != "" {
			return name
		}
	}
	return sys.CallName(f.Kind)
}

// copyOf copies an address, since its owner may change it later. A nil pointer is no
// address. An address of the program's own type is not copied, and none of its
// methods is called: a method might not return to a goroutine that must end
// operations.
func copyOf(a net.Addr) net.Addr {
	if v := reflect.ValueOf(a); v.Kind() == reflect.Pointer && v.IsNil() {
		return nil
	}
	switch a := a.(type) {
	case *net.TCPAddr:
		return &net.TCPAddr{IP: slices.Clone(a.IP), Port: a.Port, Zone: a.Zone}
	case *net.UDPAddr:
		return &net.UDPAddr{IP: slices.Clone(a.IP), Port: a.Port, Zone: a.Zone}
	case *net.UnixAddr:
		return &net.UnixAddr{Net: a.Net, Name: a.Name}
	}
	return a
}

// networkOf returns the network of an address from copyOf or from the system, or "" for
// an address of the program's own type.
func networkOf(a net.Addr) string {
	switch a := a.(type) {
	case *net.TCPAddr, *net.UnixAddr, *net.UDPAddr, *net.IPAddr, *net.IPNet, PipeAddr:
		return a.Network()
	}
	return ""
}

// opError is an error in the form of package net. The network is that of the
// addresses, if there is one.
func opError(op string, source, addr net.Addr, err error) *net.OpError {
	e := &net.OpError{Op: op, Source: source, Addr: addr, Err: sys.Explained(err)}
	switch {
	case source != nil:
		e.Net = networkOf(source)
	case addr != nil:
		e.Net = networkOf(addr)
	}
	return e
}

// opErrorOn is opError for something that has no address yet.
func opErrorOn(op, network string, addr net.Addr, err error) *net.OpError {
	e := opError(op, nil, addr, err)
	e.Net = network
	return e
}

// canceledBy returns the error of an operation that was cancelled because the context
// of its Wait ended. It matches ErrCanceled and the error of the context.
func canceledBy(ctx context.Context) error {
	err := ctx.Err()
	if err == nil { // it was another Wait's, which was a mistake
		return ErrCanceled
	}
	if cause := context.Cause(ctx); cause != err {
		return fmt.Errorf("%w: %w: %w", ErrCanceled, err, cause)
	}
	return fmt.Errorf("%w: %w", ErrCanceled, err)
}

// configError is the error of an invalid setting.
type configError struct{ reason string }

func (e *configError) Error() string { return "completion: " + e.reason }
