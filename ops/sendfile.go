package ops

import (
	"io"
	"os"
	"syscall"

	"github.com/completionport/completion"
	"github.com/completionport/completion/internal/backend"
	"github.com/completionport/completion/internal/core"
)

var _ completion.Operation = (*SendFile)(nil)

// SendFile sends a part of a file on a stream, as sendfile(2): the bytes do not pass through
// the program. It is in the queue of the Writes of its socket, and the documentation of Write
// holds for it: the order, N, and the broken direction after an error.
//
// The port uses sendfile(2) on Linux, macOS, FreeBSD and DragonFly. Elsewhere, on a Memory,
// with TLS, for a socket that was adopted, and for files that the system can't send from, it
// reads pieces of 64 KiB into its own memory and sends them. While it waits for room, it keeps
// such a piece on Windows only.
//
// A SendFile blocks Submit, or the goroutine that does the port's work, until the bytes have
// come from the disk, up to 256 KiB in one call. If the port must not wait for a slow disk, use
// ReadAt and Write.
//
// On Linux, a program that collects SIGPIPE (package os/signal) may receive it if the connection
// breaks during a call of sendfile(2).
//
// An error of the file is the error of the operation. It matches fs.ErrClosed if the file was
// closed, and syscall.EBADF if the file is not open for reading.
type SendFile struct {
	completion.Op

	// To is the socket.
	To *completion.Socket

	// From is the file, one of the same port. A CloseFile that is submitted later waits for the
	// SendFile. After a CloseFile or a Close of the file, the SendFile ends with an error that
	// matches net.ErrClosed and fs.ErrClosed: one that waits for room does so when there is room.
	//
	// Set either From or File. A SendFile with both or neither is a mistake: Submit panics.
	From *completion.File

	// File is an open file of package os, for files that are not the port's. If the program
	// closes it before the SendFile has sent its last byte, the SendFile ends with an error.
	//
	// The port does not use the position of either file.
	File *os.File

	// Offset is the place of the first byte in the file, in bytes from its start. A negative
	// Offset ends the SendFile with EINVAL.
	Offset int64

	// Count is the number of bytes to send. If the file ends before that, the SendFile ends
	// with io.ErrUnexpectedEOF. With 0, it sends everything up to the end of the file, so submit
	// no SendFile for an empty part of a file. On 32-bit systems it sends at most 2 GiB, also if
	// Count is larger. A negative Count ends the SendFile with EINVAL.
	//
	// A Timeout limits the time for all of Count. To cut off a peer that reads nothing, but not
	// one that is slow, send pieces with a Timeout each.
	Count int64

	vector core.Vector
	source fileSource
}

// Describe is for the port.
func (o *SendFile) Describe(r *core.Request) {
	o.Op.Describe(r)
	o.vector.File = nil
	switch {
	case o.File == nil && o.From == nil:
		panic("completion: a SendFile without a file")
	case o.File != nil && o.From != nil:
		panic("completion: a SendFile with both a From and a File")
	case o.File != nil:
		o.source.of(o.File)
	default:
		file := (*core.File)(o.From)
		calls, _ := file.Calls.(sendable) // nil only if the file is of no port
		o.source.of(calls)
		o.vector.File = file
	}
	r.Kind, r.Handle, r.Vector = backend.Write, (*core.Handle)(o.To), &o.vector
	o.vector.Source, o.vector.Offset, o.vector.Count = &o.source, o.Offset, o.Count
}

// sendable is a file to send from: an *os.File, or that of a completion.File.
type sendable interface {
	io.ReaderAt
	SyscallConn() (syscall.RawConn, error)
}

// fileSource is a file as a source. It keeps what would be allocated for each call.
type fileSource struct {
	sendable
	self *fileSource // that call is bound to: the program may have copied the operation
	raw  syscall.RawConn
	call func(file uintptr)

	// The call under way, and its result.
	kernel    backend.FileSender
	fd, n     int
	at        int64
	moved     int
	errno     backend.Errno
	supported bool
}

var _ core.Source = (*fileSource)(nil)

// of sets the file.
func (f *fileSource) of(file sendable) {
	if f.sendable == file && f.self == f || file == nil {
		return
	}
	f.sendable, f.self = file, f
	f.raw, _ = file.SyscallConn() // fails for a file that is closed: then ReadAt fails, too
	f.call = f.make
}

func (f *fileSource) make(file uintptr) {
	f.moved, f.errno, f.supported = f.kernel.SendFile(f.fd, file, f.at, f.n)
}

// SendFile is for the port. The file is not closed during the call. If it is closed already,
// ReadAt returns the error.
func (f *fileSource) SendFile(k backend.FileSender, fd int, at int64, n int) (moved int, errno backend.Errno, supported bool) {
	if f.raw == nil {
		return 0, 0, false
	}
	f.kernel, f.fd, f.at, f.n = k, fd, at, n
	err := f.raw.Control(f.call)
	f.kernel = nil
	return f.moved, f.errno, f.supported && err == nil
}
