package ops

import (
	"io"
	"io/fs"
	"math"
	"syscall"

	"github.com/completionport/completion"
	"github.com/completionport/completion/internal/backend"
	"github.com/completionport/completion/internal/core"
)

var (
	_ completion.Operation = (*OpenFile)(nil)
	_ completion.Operation = (*ReadAt)(nil)
	_ completion.Operation = (*WriteAt)(nil)
	_ completion.Operation = (*Append)(nil)
)

// OpenFile opens a file, as os.OpenFile, on a goroutine of the work pool. Opening a named
// pipe occupies that goroutine until the other end is opened.
type OpenFile struct {
	completion.Op

	// Path, Flag and Perm are those of os.OpenFile.
	Path string
	Flag int
	Perm fs.FileMode

	// File is the file, or nil if the OpenFile failed. It belongs to the port that the
	// OpenFile was submitted to.
	File *completion.File
}

// Describe is for the port.
func (o *OpenFile) Describe(r *core.Request) {
	o.Op.Describe(r)
	r.Kind = backend.OpenFile
}

// Perform is for the port. Its parameter cannot be made outside this module.
func (o *OpenFile) Perform(c core.Call) (_ int, err error) {
	o.File, err = c.Owner.(*completion.Port).OpenFile(o.Path, o.Flag, o.Perm)
	return 0, err
}

// Deliver is for the port.
func (o *OpenFile) Deliver(core.Result) { o.File = nil }

// ReadAt reads from a place of a file, as pread(2), until its buffer is full or the file
// ends. If the file ends before the buffer is full, the ReadAt ends with the bytes that are
// there and no error; with Full, it ends with io.ErrUnexpectedEOF. At the end of the file and
// behind it, a ReadAt ends with io.EOF and 0 bytes.
//
// The ReadAts of a file begin in the order in which they were submitted. Several of them are
// performed at a time, except on Windows, where package os makes one call of a file at a time.
// A ReadAt may see the bytes before or after a write that is in flight at the same time.
//
// On Linux, Submit itself performs a ReadAt of at most 64 KiB whose bytes are in the page
// cache, without a goroutine of the work pool. On io_uring, the kernel performs one whose bytes are
// not there, and any with direct I/O, up to 256 at a time.
type ReadAt struct {
	completion.Op

	// From is the file.
	From *completion.File

	// Buf is the buffer to read into, from the start of its memory. Its length becomes N.
	// Set either Buf or Pool, not both. A Buf without memory is a mistake: Submit panics.
	Buf *completion.Buffer

	// Pool makes the ReadAt acquire a buffer of the pool when it begins. If N is above 0, Buf
	// is the buffer, and the program owns it. If N is 0, Buf is nil. Release returns the
	// buffer and makes the ReadAt ready for its next use. If the pool is empty, the ReadAt
	// waits for its turn, and the ReadAts of the file behind it wait, too.
	Pool *completion.Pool

	// Offset is the place in the file, in bytes from its start. A negative Offset ends the
	// ReadAt with syscall.EINVAL.
	Offset int64

	// Full makes a ReadAt that gets some, but not all, of its bytes end with
	// io.ErrUnexpectedEOF.
	Full bool
}

// Describe is for the port.
func (o *ReadAt) Describe(r *core.Request) {
	o.Op.Describe(r)
	r.Kind, r.Handle = backend.ReadAt, (*core.File)(o.From).Handle()
	r.Buffer, r.Pool = (*core.Buffer)(o.Buf), (*core.Pool)(o.Pool)
}

// Perform is for the port. Its parameter cannot be made outside this module.
func (o *ReadAt) Perform(c core.Call) (int, error) {
	if o.Offset < 0 {
		return 0, badOffset("readat", o.From)
	}
	if o.Offset > math.MaxInt64-int64(len(c.Memory)) { // no file reaches so far, and the system would not say so
		return 0, io.EOF
	}
	n, err := (*core.File)(o.From).Calls.ReadAt(c.Memory, o.Offset)
	return n, o.atEnd(n, err)
}

// ToRead is for the port.
func (o *ReadAt) ToRead(bytes int) (number int, offset int64, err error, ok bool) {
	if o.Offset < 0 || o.Offset > math.MaxInt64-int64(bytes) { // Perform has an answer
		return 0, 0, nil, false
	}
	number, err, ok = (*core.File)(o.From).Calls.ToRead(bytes)
	return number, o.Offset, err, ok
}

// AtEnd is for the port.
func (o *ReadAt) AtEnd(n int) error { return o.atEnd(n, io.EOF) }

// Try is for the port. Its parameter cannot be made outside this module.
func (o *ReadAt) Try(c core.Call) (n int, err error, ok bool) {
	n, err, ok = (*core.File)(o.From).Calls.TryReadAt(c.Memory, o.Offset)
	return n, o.atEnd(n, err), ok
}

// atEnd returns the error of a ReadAt that has n bytes.
func (o *ReadAt) atEnd(n int, err error) error {
	switch {
	case err != io.EOF || n == 0:
		return err
	case o.Full:
		return io.ErrUnexpectedEOF
	}
	return nil
}

// Deliver is for the port.
func (o *ReadAt) Deliver(r core.Result) { o.Buf = (*completion.Buffer)(r.Buffer) }

// Release returns the buffer of a ReadAt with a Pool to that pool and sets Buf to nil, as
// Read.Release does.
func (o *ReadAt) Release() {
	o.N() // panics while the port owns the read
	if o.Pool == nil || o.Buf == nil {
		return
	}
	o.Buf.Release()
	o.Buf = nil
}

// WriteAt writes all bytes of a buffer at a place of a file, as pwrite(2), or it ends with an
// error and the number of bytes written. WriteAts are performed in any order, several of them
// at a time. If a WriteAt must come after another write, submit it when that write has been
// delivered.
//
// On a file that was opened with os.O_APPEND, a WriteAt ends with syscall.EINVAL: use Append.
type WriteAt struct {
	completion.Op

	// To is the file.
	To *completion.File

	// Buf is the buffer to write, up to its length. The program must not change its bytes
	// until the WriteAt is delivered. A WriteAt without a Buf is a mistake: Submit panics.
	Buf *completion.Buffer

	// Offset is the place in the file, in bytes from its start. A negative Offset ends the
	// WriteAt with syscall.EINVAL.
	Offset int64
}

// Describe is for the port.
func (o *WriteAt) Describe(r *core.Request) {
	o.Op.Describe(r)
	r.Kind, r.Handle, r.Buffer = backend.WriteAt, (*core.File)(o.To).Handle(), (*core.Buffer)(o.Buf)
}

// Perform is for the port. Its parameter cannot be made outside this module.
func (o *WriteAt) Perform(c core.Call) (int, error) {
	if o.Offset < 0 {
		return 0, badOffset("writeat", o.To)
	}
	n, err := (*core.File)(o.To).Calls.WriteAt(c.Memory, o.Offset)
	if _, isPath := err.(*fs.PathError); err != nil && !isPath { // a file with O_APPEND
		return n, badOffset("writeat", o.To)
	}
	return n, err
}

// Append writes all bytes of a buffer at the end of a file that was opened with os.O_APPEND,
// as write(2), or it ends with an error and the number of bytes written. The Appends of a
// File are performed one at a time, in the order in which they were submitted. On a file that
// was opened without os.O_APPEND, and on a pipe or a terminal, an Append writes at the position
// of the descriptor.
type Append struct {
	completion.Op

	// To is the file.
	To *completion.File

	// Buf is the buffer to write, up to its length. The program must not change its bytes
	// until the Append is delivered. An Append without a Buf is a mistake: Submit panics.
	Buf *completion.Buffer
}

// Describe is for the port.
func (o *Append) Describe(r *core.Request) {
	o.Op.Describe(r)
	r.Kind, r.Handle, r.Buffer = backend.Append, (*core.File)(o.To).Handle(), (*core.Buffer)(o.Buf)
}

// Perform is for the port. Its parameter cannot be made outside this module.
func (o *Append) Perform(c core.Call) (int, error) {
	return (*core.File)(o.To).Calls.Write(c.Memory)
}

// badOffset is the error of an operation whose offset the file does not allow, as the system
// would return it: package os has errors of its own, without an errno.
func badOffset(op string, f *completion.File) error {
	return &fs.PathError{Op: op, Path: f.Name(), Err: syscall.EINVAL}
}
