package completion_test

import (
	"io"
	"os"
	"path/filepath"

	"github.com/completionport/completion"
	"github.com/completionport/completion/ops"
)

// unixPair returns two ends of a connection, or nil.
func (w *world) unixPair(l *completion.Listener) (a, b *completion.Socket) {
	w.Helper()
	s, err := w.port.Socket("unix")
	if !w.right(err, nil) {
		return nil, nil
	}
	accept, connect := &ops.Accept{On: l}, &ops.Connect{On: s, To: l.Addr()}
	w.submit(accept)
	w.submit(connect)
	if !w.until(connect, nil) || !w.until(accept, nil) {
		return nil, nil
	}
	return s, accept.Conn
}

// exchangeRights: a descriptor arrives once or not at all, and none is left behind. The port
// has nothing to close when a call fails, since the system has delivered nothing.
func exchangeRights(w *world) {
	dir, err := makeFolder()
	if err != nil {
		w.Fatal(err)
	}
	w.closers = append(w.closers, func() error { return os.RemoveAll(dir) })
	l := w.listen("unix", filepath.Join(dir, "s"))
	if l == nil {
		return
	}
	s, conn := w.unixPair(l)
	if conn == nil {
		return
	}
	read := &ops.ReadRights{From: conn, Buf: completion.Own(make([]byte, 64)), Rights: completion.Rights{Descriptors: make([]int, 0, 2)}}
	write := &ops.WriteRights{To: s, Buf: completion.Own([]byte("hello")), Rights: completion.Rights{Files: []*os.File{os.Stderr}}}
	w.submit(read)
	w.poll()
	w.submit(write)
	if !w.until(write, nil) {
		s.Close()
		w.until(read, io.EOF)
	} else if w.until(read, nil) && len(read.Rights.Descriptors) != 1 {
		w.Errorf("%d descriptors", len(read.Rights.Descriptors))
	}
	if read.Err() != nil && len(read.Rights.Descriptors) != 0 {
		w.Error("a failed ReadRights has descriptors")
	}
	for _, fd := range read.Rights.Descriptors {
		os.NewFile(uintptr(fd), "received").Close()
	}
}
