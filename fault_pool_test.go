package completion_test

import (
	"io"

	"github.com/completionport/completion/ops"
)

// Two sockets share one buffer.
func lateReads(w *world) {
	pool := w.port.NewPool(64, 1)
	w.pools = append(w.pools, pool)
	var reads [2]*ops.Read
	for i := range reads {
		s, peer, ok := w.pair()
		if !ok {
			return
		}
		reads[i] = &ops.Read{From: s, Pool: pool}
		w.submit(reads[i])
		w.poll()
		w.send(peer, "hello")
	}
	for _, read := range reads {
		w.until(read, nil)
	}
}

// selectedReads are of a pool that is large enough for a kernel that selects buffers.
func selectedReads(w *world) {
	pool := w.port.NewPool(64, 32)
	w.pools = append(w.pools, pool)
	s, peer, ok := w.pair()
	if !ok {
		return
	}
	for range 3 {
		read := &ops.Read{From: s, Pool: pool}
		w.submit(read)
		w.poll()
		w.send(peer, "hello")
		if !w.until(read, nil) {
			return
		}
	}
	peer.CloseWrite()
	end := &ops.Read{From: s, Pool: pool}
	w.submit(end)
	w.until(end, io.EOF)
}
