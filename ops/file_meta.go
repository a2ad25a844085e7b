package ops

import (
	"io/fs"

	"github.com/completionport/completion"
	"github.com/completionport/completion/internal/backend"
	"github.com/completionport/completion/internal/core"
)

var (
	_ completion.Operation = (*Sync)(nil)
	_ completion.Operation = (*Stat)(nil)
	_ completion.Operation = (*Truncate)(nil)
	_ completion.Operation = (*CloseFile)(nil)
)

// Sync makes the system store the written bytes of a file on its device, as fsync(2). It covers
// the writes that were delivered before the Sync was submitted. It may miss those in flight.
type Sync struct {
	completion.Op

	// On is the file.
	On *completion.File
}

// Describe is for the port.
func (o *Sync) Describe(r *core.Request) {
	o.Op.Describe(r)
	r.Kind, r.Handle = backend.Sync, (*core.File)(o.On).Handle()
}

// Perform is for the port. Its parameter cannot be made outside this module.
func (o *Sync) Perform(core.Call) (int, error) { return 0, (*core.File)(o.On).Calls.Sync() }

// Stat describes a file, as fstat(2). It allocates its Info.
type Stat struct {
	completion.Op

	// On is the file.
	On *completion.File

	// Info describes the file, or is nil if the Stat failed.
	Info fs.FileInfo
}

// Describe is for the port.
func (o *Stat) Describe(r *core.Request) {
	o.Op.Describe(r)
	r.Kind, r.Handle = backend.Stat, (*core.File)(o.On).Handle()
}

// Perform is for the port. Its parameter cannot be made outside this module.
func (o *Stat) Perform(core.Call) (_ int, err error) {
	o.Info, err = (*core.File)(o.On).Calls.Stat()
	return 0, err
}

// Deliver is for the port.
func (o *Stat) Deliver(core.Result) { o.Info = nil }

// Truncate changes the size of a file, as ftruncate(2). Bytes that it adds are zero. On Windows,
// the Truncate of a file that was opened with os.O_APPEND ends with fs.ErrPermission.
type Truncate struct {
	completion.Op

	// On is the file.
	On *completion.File

	// Size is the new size in bytes. A negative Size ends the Truncate with syscall.EINVAL.
	Size int64
}

// Describe is for the port.
func (o *Truncate) Describe(r *core.Request) {
	o.Op.Describe(r)
	r.Kind, r.Handle = backend.Truncate, (*core.File)(o.On).Handle()
}

// Perform is for the port. Its parameter cannot be made outside this module.
func (o *Truncate) Perform(core.Call) (int, error) {
	if o.Size < 0 {
		return 0, badOffset("truncate", o.On)
	}
	return 0, (*core.File)(o.On).Calls.Truncate(o.Size)
}

// CloseFile closes a file when the operations that were submitted before it have ended, and
// delivers the error of close(2). From its Submit on, the file refuses other operations:
// their errors match net.ErrClosed and fs.ErrClosed. A CloseFile that is cancelled or times
// out before it has begun leaves the file open. After any other error of a CloseFile, the file
// is closed.
type CloseFile struct {
	completion.Op

	// On is the file.
	On *completion.File
}

// Describe is for the port.
func (o *CloseFile) Describe(r *core.Request) {
	o.Op.Describe(r)
	r.Kind, r.Handle = backend.CloseFile, (*core.File)(o.On).Handle()
}

// Perform is for the port. Its parameter cannot be made outside this module.
func (o *CloseFile) Perform(core.Call) (int, error) { return 0, (*core.File)(o.On).Calls.Close() }
