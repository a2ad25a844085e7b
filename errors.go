package completion

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"

	"github.com/completionport/completion/internal/core"
	"github.com/completionport/completion/internal/sys"
)

// ErrCanceled is the outcome of an operation that was cancelled. It matches
// context.Canceled, too.
var ErrCanceled error = canceledError{}

// ErrWriteAborted is the outcome of writes, and of a CloseWrite, queued behind
// a write that ended after some of its bytes: they would have started in the
// middle of a message. None of their bytes were sent.
var ErrWriteAborted = errors.New("completion: write aborted: the one before it ended half-way")

// ErrLimit is the outcome of an operation above Config.MaxInFlight.
var ErrLimit = errors.New("completion: too many operations in flight")

type canceledError struct{}

func (canceledError) Error() string { return "completion: operation canceled" }

// Is makes errors.Is(err, context.Canceled) true.
func (canceledError) Is(target error) bool { return target == context.Canceled }

// OpError is an error of the system, with the operation that met it. Unwrap
// leads to an *os.SyscallError and from there to the syscall.Errno.
type OpError struct {
	Op     string   // "read", "write", "accept", "connect", "listen", …
	Local  net.Addr // of the handle, nil if it has none any more
	Remote net.Addr // likewise; a reset connection has lost it
	Err    error
}

// Error has the form of package net: "read tcp local->remote: read: reset".
func (e *OpError) Error() string {
	s := e.Op
	if e.Local != nil {
		s += " " + e.Local.Network() + " " + e.Local.String()
	}
	if e.Remote != nil {
		if e.Local == nil {
			s += " " + e.Remote.Network() + " "
		}
		s += "->" + e.Remote.String()
	}
	return s + ": " + e.Err.Error()
}

// Unwrap returns the system's error.
func (e *OpError) Unwrap() error { return e.Err }

// Timeout tells whether the system gave up waiting (ETIMEDOUT).
func (e *OpError) Timeout() bool {
	var t interface{ Timeout() bool }
	return errors.As(e.Err, &t) && t.Timeout()
}

// errorOf puts an outcome into Go's words.
func errorOf(f *core.Failure) error {
	if f == nil {
		return nil
	}
	err := bareErrorOf(f)
	if f.Code != core.System {
		return err
	}
	e := &OpError{Op: f.Kind.String(), Err: err}
	if f.Handle != nil {
		e.Local, e.Remote = addresses(f.Handle)
	}
	return e
}

// bareErrorOf is errorOf without the operation and the addresses, which would
// have to be asked for.
func bareErrorOf(f *core.Failure) error {
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
		return ErrCanceled
	case core.WriteAborted:
		return ErrWriteAborted
	case core.LimitExceeded:
		return ErrLimit
	}
	return os.NewSyscallError(f.Call, sys.Errno(f.Errno))
}

// contextError says that a wait's context ended and its operation was
// cancelled for it: it matches ErrCanceled and the context's own error.
func contextError(err error, ctx context.Context) error {
	if ctx.Err() == nil || !errors.Is(err, ErrCanceled) {
		return err
	}
	if cause := context.Cause(ctx); cause != ctx.Err() {
		return fmt.Errorf("%w: %w: %w", err, ctx.Err(), cause)
	}
	return fmt.Errorf("%w: %w", err, ctx.Err())
}
