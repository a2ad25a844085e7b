package completion_test

import (
	"os"

	"github.com/completionport/completion"
	"github.com/completionport/completion/ops"
)

// stream adopts f, or closes it and returns nil.
func (w *world) stream(f *os.File) *completion.Socket {
	w.Helper()
	s, err := w.port.AdoptStream(f)
	if !w.right(err, nil) {
		f.Close()
		return nil
	}
	return s
}

// exchangeStreams: bytes go through a pipe, and none is doubled, whichever call fails.
func exchangeStreams(w *world) {
	in, out, err := os.Pipe()
	if err != nil {
		w.Fatal(err)
	}
	r, s := w.stream(in), w.stream(out)
	if r == nil || s == nil {
		return
	}
	pool := w.port.NewPool(64, 1)
	w.pools = append(w.pools, pool)
	pooled := &ops.Read{From: r, Pool: pool}
	w.submit(pooled)
	w.poll()
	write := &ops.Write{To: s, Buf: completion.Own([]byte("hello"))}
	w.again(write, false, nil)
	if w.until(pooled, nil) || w.Failed() {
		return
	}
	// The read has failed, so the bytes are still there.
	read := &ops.Read{From: r, Buf: completion.Own(make([]byte, 5)), Full: true}
	w.again(read, false, nil)
	w.holds(read.Buf, "hello")
}
