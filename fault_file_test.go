package completion_test

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/completionport/completion"
	"github.com/completionport/completion/ops"
)

// buffersOf returns buffers of n bytes each with the bytes of p.
func buffersOf(p []byte, n int) (list []*completion.Buffer) {
	for ; len(p) > 0; p = p[min(n, len(p)):] {
		list = append(list, completion.Own(p[:min(n, len(p))]))
	}
	return list
}

// exchangeVectors has both ends at the port.
func exchangeVectors(w *world) {
	s, peer, ok := w.pair()
	if !ok {
		return
	}
	w.peers.Go(func() { sendBack(peer) })
	want, got := big(900, 5), make([]byte, 900)
	write := &ops.WriteV{To: s, Bufs: buffersOf(want, 300)}
	read := &ops.ReadV{From: s, Bufs: buffersOf(got, 200), Full: true}
	w.submit(read, write)
	if !w.until(write, nil) {
		s.Close()
	}
	if w.until(read, nil) && !bytes.Equal(got, want) {
		w.Error("other bytes came back")
	}
}

// writeTogether: the writes behind the first leave together, and each has its own outcome.
func writeTogether(w *world) {
	s, peer, ok := w.pair()
	if !ok {
		return
	}
	s.SetWriteBuffer(4 << 10)
	all := w.drain(peer)
	var writes [30]*ops.Write
	operations := make([]completion.Operation, len(writes))
	for i := range writes {
		writes[i] = &ops.Write{To: s, Buf: completion.Own(big(1000, i))}
		operations[i] = writes[i]
	}
	w.submit(operations...)
	for _, write := range writes {
		w.until(write, nil)
	}
	s.Close()
	var want []byte
	for _, write := range writes {
		want = append(want, write.Buf.Bytes()[:write.N()]...)
	}
	if got := all(); !bytes.Equal(got, want) {
		w.Errorf("the peer has %d bytes, the writes tell of %d", len(got), len(want))
	}
}

// folder returns a folder that finish removes.
func (w *world) folder() string {
	dir, err := makeFolder()
	if err != nil {
		w.Fatal(err)
	}
	w.closers = append(w.closers, func() error { return os.RemoveAll(dir) })
	return dir
}

// sendAFile: the peer gets what the SendFile tells of, and then a write.
func sendAFile(w *world) {
	s, peer, ok := w.pair()
	if !ok {
		return
	}
	s.SetWriteBuffer(4 << 10)
	content := big(300_000, 7)
	path := filepath.Join(w.folder(), "f")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		w.Fatal(err)
	}
	file, err := os.Open(path)
	if err != nil {
		w.Fatal(err)
	}
	w.closers = append(w.closers, file.Close)
	all := w.drain(peer)
	send := &ops.SendFile{To: s, File: file, Offset: 100, Count: 250_000}
	behind := &ops.Write{To: s, Buf: completion.Own([]byte("behind"))}
	w.submit(send, behind)
	w.until(send, nil)
	w.until(behind, nil)
	s.Close()
	want := append(content[100:100+send.N():100+send.N()], behind.Buf.Bytes()[:behind.N()]...)
	if got := all(); !bytes.Equal(got, want) {
		w.Errorf("the peer has %d bytes, the operations tell of %d + %d", len(got), send.N(), behind.N())
	}
}

// openFile opens a file with 100,000 bytes; nil if that fails.
func (w *world) openFile(flag int) *completion.File {
	path := filepath.Join(w.folder(), "f")
	if err := os.WriteFile(path, big(100_000, 3), 0o600); err != nil {
		w.Fatal(err)
	}
	open := &ops.OpenFile{Path: path, Flag: flag}
	w.submit(open)
	if !w.until(open, nil) {
		return nil
	}
	return open.File
}

// useFiles: an operation that fails has no effect on the next one, or on the file.
func useFiles(w *world) {
	f := w.openFile(os.O_RDWR | os.O_APPEND)
	if f == nil {
		return
	}
	pool := w.port.NewPool(1000, 1)
	w.pools = append(w.pools, pool)
	size := 100_000
	for range 2 {
		more := &ops.Append{To: f, Buf: completion.Own(big(500, 9))}
		w.submit(more)
		if w.until(more, nil) {
			size += 500
		} else if more.N() != 0 {
			w.Errorf("an Append that failed has written %d bytes", more.N())
		}
	}
	read := &ops.ReadAt{From: f, Pool: pool, Offset: 500}
	end := &ops.ReadAt{From: f, Buf: completion.Own(make([]byte, 10)), Offset: int64(size)}
	w.submit(read, end)
	if w.until(read, nil) && !bytes.Equal(read.Buf.Bytes(), big(100_000, 3)[500:1500]) {
		w.Error("other bytes are read")
	}
	read.Release()
	w.until(end, io.EOF)
	w.endFile(f, size)
}

// endFile checks the size of a file, and closes it.
func (w *world) endFile(f *completion.File, size int) {
	sync, stat, cut := &ops.Sync{On: f}, &ops.Stat{On: f}, &ops.Truncate{On: f, Size: 10}
	w.submit(sync, stat)
	w.until(sync, nil)
	if w.until(stat, nil) && stat.Info.Size() != int64(size) {
		w.Errorf("%d bytes, not %d", stat.Info.Size(), size)
	}
	w.submit(cut)
	w.until(cut, nil)
	last := &ops.CloseFile{On: f}
	w.submit(last)
	w.until(last, nil)
}

// closeFileLast: a CloseFile is performed behind what was submitted before it, whatever fails.
func closeFileLast(w *world) {
	f := w.openFile(os.O_RDWR)
	if f == nil {
		return
	}
	write := &ops.WriteAt{To: f, Buf: completion.Own(big(1000, 2)), Offset: 50_000}
	read := &ops.ReadAt{From: f, Buf: completion.Own(make([]byte, 90_000))} // too large for a try
	last := &ops.CloseFile{On: f}
	late := &ops.ReadAt{From: f, Buf: completion.Own(make([]byte, 100))}
	w.submit(write, read, last, late)
	w.until(late, os.ErrClosed)
	w.until(write, nil)
	w.until(read, nil)
	w.until(last, nil)
}

// awaitProcess: a child's exit, whatever the port's own calls meet.
func awaitProcess(w *world) {
	name, err := exec.LookPath("true")
	if err != nil {
		return
	}
	c := exec.Command(name)
	if err := c.Start(); err != nil {
		w.Fatal(err)
	}
	p := &ops.Process{Process: c.Process}
	w.submit(p)
	w.poll()
	w.until(p, nil)
}
