package completion

import (
	"context"
	"errors"
	"fmt"
	"net"
	"runtime"
	"strings"

	"github.com/completionport/completion/internal/backend"
)

// PipeAddr is the name of a named pipe of Windows, such as \\.\pipe\name. It is the local and
// the remote address of both ends. Port.Listen makes the pipe, Port.Dial or a Dial opens the
// client's end, and an Accept returns the server's end. No Connect does: Port.Socket knows no
// pipes. On other systems and on a Memory, Listen and Dial return errors that match
// errors.ErrUnsupported.
//
// Both ends are streams, and the operations of a Socket work on them. CloseWrite, SetNoDelay,
// SetKeepAlive, SetReadBuffer, SetWriteBuffer and SetResetOnClose end with errors that match
// errors.ErrUnsupported. Bytes that were written before a Close can still be read. A Write to a
// pipe whose other end is closed ends with EPIPE, and its N is a lower bound, as that of a Write
// that is cancelled.
//
// A Listener keeps the name until it is closed. A Dial that finds no room among the clients that
// wait to be accepted waits, too. After the Listener is closed, its connections keep the name:
// nobody can make the pipe anew until they are closed, and until then a Dial waits.
//
// A Dial of a pipe of another machine, \\machine\pipe\name, can't be cancelled while the system
// opens it. A server can't act in the name of its client. A pipe that Listen has made can be
// opened by its owner, administrators and the system, and not from other machines.
type PipeAddr string

// Network returns "pipe".
func (a PipeAddr) Network() string { return "pipe" }

// String returns the name.
func (a PipeAddr) String() string { return string(a) }

// waitingInstances is how many clients of a pipe may wait to be accepted, unless
// ListenConfig.Backlog says so.
const waitingInstances = 4

// namedPipes returns the calls for a pipe, or why there are none.
func (p *Port) namedPipes(name string) (backend.NamedPipes, error) {
	pipes, ok := p.kernel.(backend.NamedPipes)
	switch {
	case !ok:
		return nil, fmt.Errorf("named pipes on %s, backend %s: %w", runtime.GOOS, p.Backend(), errors.ErrUnsupported)
	case !isPipeName(name):
		return nil, &net.AddrError{Err: `not the name of a pipe (\\.\pipe\name)`, Addr: name}
	}
	return pipes, nil
}

// isPipeName reports whether a path is that of a pipe: \\, the name of a machine, \pipe\ and
// the name of the pipe. Any other path could be that of a file.
func isPipeName(path string) bool {
	rest, ok := strings.CutPrefix(path, `\\`)
	machine, rest, found := strings.Cut(rest, `\`)
	const pipe = `pipe\`
	return ok && found && machine != "" && !strings.ContainsAny(rest, "/\x00") &&
		len(rest) > len(pipe) && strings.EqualFold(rest[:len(pipe)], pipe) && !hasDots(rest)
}

// hasDots reports whether a part of a path has only dots, and perhaps spaces, which the system may
// drop: \\.\pipe\..\C:\file is the path of a file.
func hasDots(path string) bool {
	for part := range strings.SplitSeq(path, `\`) {
		if part != "" && strings.Trim(part, ". ") == "" {
			return true
		}
	}
	return false
}

func (c ListenConfig) listenPipe(port *Port, name string) (*Listener, error) {
	at := PipeAddr(name)
	pipes, err := port.namedPipes(name)
	if err == nil && c.ReusePort {
		err = fmt.Errorf("ReusePort of a named pipe: %w", errors.ErrUnsupported)
	}
	if err != nil {
		return nil, opErrorOn("listen", "pipe", at, err)
	}
	instances := c.Backlog
	if instances <= 0 {
		instances = waitingInstances
	}
	fd, err := pipes.ListenPipe(at, instances)
	if err != nil {
		return nil, opErrorOn("listen", "pipe", at, err)
	}
	return port.addListener(fd, true, nil)
}

// dialPipe opens the client's end of a pipe. If no instance of the pipe waits for a client, it
// waits for one: as in package net, the server may accept later.
func (t *dialing) dialPipe(ctx context.Context, name string) (*Socket, error) {
	at := PipeAddr(name)
	pipes, err := t.port.namedPipes(name)
	if err == nil && t.LocalAddr != nil {
		err = &net.AddrError{Err: "a named pipe has no local address", Addr: t.LocalAddr.String()}
	}
	for err == nil {
		fd, busy, failure := pipes.OpenPipe(at)
		switch {
		case failure == nil:
			h, failure := t.port.core.AddHandle(fd, true, nil)
			added, err := t.port.added("connect", h, failure, true)
			return (*Socket)(added), err
		case !busy:
			err = failure
		case ctx.Err() != nil:
			err = endOfDial(ctx)
		default:
			pipes.AwaitPipe(at)
		}
	}
	return nil, opErrorOn("connect", "pipe", at, err)
}
