package core

import "io/fs"

// File is a file of a port. Its handle has no descriptor that the engine knows: no poller
// reports files, and the work pool performs their operations.
type File struct {
	handle Handle
	// Calls are the system's. They may be used while an operation of the file is Calling.
	Calls FileCalls

	sends int // the SendFiles in flight; the lock of handle guards it
}

// FileCalls are the calls of a file. They may block. Errors are *fs.PathErrors.
type FileCalls interface {
	Name() string
	ReadAt(p []byte, offset int64) (int, error)
	// TryReadAt is ReadAt if it does not block. Otherwise it does nothing, and ok is false.
	TryReadAt(p []byte, offset int64) (n int, err error, ok bool)
	// ToRead returns the system's number of the file, if a FileReader is to perform a ReadAt of so
	// many bytes. With an err, the ReadAt has failed. Otherwise, without ok, ReadAt performs it.
	ToRead(bytes int) (number int, err error, ok bool)
	WriteAt(p []byte, offset int64) (int, error)
	Write(p []byte) (int, error)
	Sync() error
	Stat() (fs.FileInfo, error)
	Truncate(size int64) error
	Close() error
}

// AddFile makes the port the owner of a file. canTry reports that TryReadAt may succeed, and
// canStart that ToRead may. ok is false if the port accepts no files any more: then the file
// still belongs to the caller.
func (p *Port) AddFile(calls FileCalls, canTry, canStart bool) (f *File, ok bool) {
	f = &File{Calls: calls, handle: Handle{port: p, fd: -1, state: ofWorkPool}}
	if canTry {
		f.handle.state |= tries
	}
	if canStart && p.fileReader != nil {
		f.handle.state |= startsReads
	}
	st := p.lock()
	defer st.unlockQuietly()
	if st.refusing {
		return nil, false
	}
	if st.files == nil {
		st.files = make(map[*Handle]bool)
	}
	st.files[&f.handle] = true
	st.handles.setAtClose(&f.handle, func() { calls.Close() })
	return f, true
}

// Handle returns the handle of the file, nil for a file that is nil.
func (f *File) Handle() *Handle {
	if f == nil {
		return nil
	}
	return &f.handle
}

// files returns the handles of all files.
func (p *Port) files() (all []*Handle) {
	st := p.lock()
	defer st.unlockQuietly()
	for h := range st.files {
		all = append(all, h)
	}
	return all
}
