package completion

import (
	"os"

	"github.com/completionport/completion/internal/sys"
)

// AdoptStream takes over a stream that is no socket: an end of a pipe, a FIFO, a terminal, or
// anything else that the system reports as ready, such as an inotify descriptor. The result is
// a Socket without addresses: LocalAddr and RemoteAddr return empty ones.
// Reads and Writes work on it as on any Socket, also pooled, with several buffers and with
// ionet. What only sockets have, such as CloseWrite, SetNoDelay and Detach, ends with an error
// that matches errors.ErrUnsupported. A Read of an end that can only be written to, and a
// Write of one that can only be read from, end with EBADF.
//
// The port gets its own descriptor. AdoptStream then closes file, except the standard input,
// output and error output: their numbers must not get another owner. If AdoptStream fails,
// the caller still owns file. For a regular file, a directory, a block device and a socket,
// the error matches errors.ErrUnsupported: Port.AdoptFile takes files, and net.FileConn with
// Port.AdoptConn takes sockets. For other devices that the system does not report as ready,
// such as /dev/null on Linux, the error is EPERM. On Windows, on a Memory, and where no other
// backend is, the error always matches errors.ErrUnsupported.
//
// AdoptStream never changes O_NONBLOCK, which the stream shares with all processes that have
// inherited it, such as the shell that started the program. The port avoids blocking calls in
// these ways:
//
//   - A pipe on Linux: each call has RWF_NOWAIT, if the kernel accepts it for pipes.
//   - A terminal on Linux: the port opens it again and has a description of its own.
//   - All else, such as FIFOs, and other systems: the port makes plain calls while O_NONBLOCK is
//     set, as it mostly is if package os has opened the stream. While it is not set, the port
//     asks poll(2) before each read, and before each piece of a write, which has PIPE_BUF bytes
//     for a pipe and one byte for a terminal. If another process takes these bytes or this room
//     in between, the call blocks, and the port with it, as an Accept of a shared listener
//     does: see Port.AdoptListener.
//
// A Write to a pipe without a reader ends with EPIPE. It does not end the process, not even on
// the standard output, where a write of package os does. A program that collects SIGPIPE
// (package os/signal) receives the signal.
func (p *Port) AdoptStream(file *os.File) (*Socket, error) {
	fd, err := p.kernel.AdoptStream(file)
	if err != nil {
		return nil, opError("adopt", nil, nil, err)
	}
	h, failure := p.core.AddStream(fd, p.kernel.Disown)
	if h, err = p.added("adopt", h, failure, true); err != nil {
		return nil, err
	}
	if !sys.IsStandard(file) {
		file.Close()
	}
	return (*Socket)(h), nil
}
