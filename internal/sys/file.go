package sys

import (
	"io/fs"
	"os"
)

// File is a file of the system. Package os makes its calls, which block. TryReadAt is a call
// that does not, on Linux.
type File struct {
	*os.File
	try   tryFile
	fault *FileFault // nil except in tests
}

// NewFile returns a File for file.
func NewFile(file *os.File) *File {
	f := &File{File: file, fault: fileFaults.Load()}
	f.try.init(file)
	return f
}

// CanTry reports whether TryReadAt may succeed.
func (f *File) CanTry() bool { return f.try.can() }

// TryReadAt is ReadAt if it does not block. Otherwise it does nothing, and ok is false. What
// it has written to p then has no meaning.
func (f *File) TryReadAt(p []byte, offset int64) (n int, err error, ok bool) {
	if f.failing("try") != nil {
		return 0, nil, false
	}
	return f.try.readAt(p, offset)
}

// CanStart reports whether ToRead may succeed.
func (f *File) CanStart() bool { return f.try.starts(0) }

// ToRead returns the descriptor for a backend.FileReader: see core.FileCalls.
func (f *File) ToRead(bytes int) (number int, err error, ok bool) {
	if !f.try.starts(bytes) {
		return 0, nil, false
	}
	if err = f.failing("read"); err != nil {
		return 0, err, false
	}
	return f.try.fd, nil, true
}

// ReadAt is os.File.ReadAt.
func (f *File) ReadAt(p []byte, offset int64) (int, error) {
	if err := f.failing("read"); err != nil {
		return 0, err
	}
	return f.File.ReadAt(p, offset)
}

// WriteAt is os.File.WriteAt.
func (f *File) WriteAt(p []byte, offset int64) (int, error) {
	if err := f.failing("write"); err != nil {
		return 0, err
	}
	return f.File.WriteAt(p, offset)
}

// Write is os.File.Write.
func (f *File) Write(p []byte) (int, error) {
	if err := f.failing("write"); err != nil {
		return 0, err
	}
	return f.File.Write(p)
}

// Sync is os.File.Sync.
func (f *File) Sync() error {
	if err := f.failing("sync"); err != nil {
		return err
	}
	return f.File.Sync()
}

// Stat is os.File.Stat.
func (f *File) Stat() (fs.FileInfo, error) {
	if err := f.failing("stat"); err != nil {
		return nil, err
	}
	return f.File.Stat()
}

// Truncate is os.File.Truncate.
func (f *File) Truncate(size int64) error {
	if err := f.failing("truncate"); err != nil {
		return err
	}
	return f.File.Truncate(size)
}

// Close closes the descriptor, also if a fault makes it fail.
func (f *File) Close() error {
	err := f.File.Close()
	if fault := f.failing("close"); fault != nil {
		return fault
	}
	return err
}
