package completion

import (
	"errors"
	"io/fs"
	"os"
	"runtime"

	"github.com/completionport/completion/internal/core"
	"github.com/completionport/completion/internal/sys"
)

// File is a file of a port, for ops.ReadAt, ops.WriteAt and the other operations of files.
// It belongs to that port until it is closed or detached. It comes from Port.OpenFile, from an
// ops.OpenFile, or from Port.AdoptFile. A File that the program drops stays open until its
// port is closed.
//
// A port on a Memory has the files of the system, too.
type File core.File

func (f *File) core() *core.File { return (*core.File)(f) }

// OpenFile opens a file, as os.OpenFile. It blocks as long as open(2) does: an ops.OpenFile
// does not block the caller. The error is a *fs.PathError. If the port is closed or is
// shutting down, it matches net.ErrClosed and fs.ErrClosed. Under js/wasm, where a call of a
// file may never return, it matches errors.ErrUnsupported.
func (p *Port) OpenFile(path string, flag int, perm fs.FileMode) (*File, error) {
	if runtime.GOOS == "js" {
		return nil, &fs.PathError{Op: "open", Path: path, Err: errors.ErrUnsupported}
	}
	file, err := os.OpenFile(path, flag, perm)
	if err != nil {
		return nil, err
	}
	f, err := p.AdoptFile(file)
	if err != nil {
		file.Close()
		return nil, err
	}
	return f, nil
}

// AdoptFile takes over an open file, without changing it. From then on the program must not
// use file, nor close it. AdoptFile fails if the port is closed or is shutting down, and under
// js/wasm. Then the caller still owns file. The errors are those of OpenFile.
//
// AdoptFile also takes a pipe or a terminal, for ops.Append. A write that blocks occupies a
// goroutine of the work pool, and Port.Close waits for it. To read and write such a stream when
// it is ready, use Port.AdoptStream.
func (p *Port) AdoptFile(file *os.File) (*File, error) {
	if runtime.GOOS == "js" {
		return nil, &fs.PathError{Op: "open", Path: file.Name(), Err: errors.ErrUnsupported}
	}
	calls := sys.NewFile(file)
	f, ok := p.core.AddFile(calls, calls.CanTry(), calls.CanStart())
	if !ok {
		return nil, &fs.PathError{Op: "open", Path: file.Name(), Err: errFileClosed}
	}
	return (*File)(f), nil
}

// Name returns the path that the file was opened with.
func (f *File) Name() string { return f.core().Calls.Name() }

// Close ends the operations of the file that wait for a goroutine of the work pool, and
// refuses new ones: their errors match net.ErrClosed and fs.ErrClosed. The file is closed
// once, when the operations that are being performed have ended, and before the last of them
// can be dequeued. Close does not wait for that. If none is being performed, Close makes
// close(2) itself, which may block on some file systems. Closing again returns net.ErrClosed.
//
// Close does not report an error of close(2), and the queued writes are lost. To lose
// nothing, submit an ops.CloseFile instead.
func (f *File) Close() error { return closedUnless(f.core().Handle().Close()) }
