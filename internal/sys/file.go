package sys

import "os"

// File is a file of the system. Package os makes its calls, which block. TryReadAt is a call
// that does not, on Linux.
type File struct {
	*os.File
	try tryFile
}

// NewFile returns a File for file.
func NewFile(file *os.File) *File {
	f := &File{File: file}
	f.try.init(file)
	return f
}

// CanTry reports whether TryReadAt may succeed.
func (f *File) CanTry() bool { return f.try.can() }

// TryReadAt is ReadAt if it does not block. Otherwise it does nothing, and ok is false. What
// it has written to p then has no meaning.
func (f *File) TryReadAt(p []byte, offset int64) (n int, err error, ok bool) {
	return f.try.readAt(p, offset)
}
