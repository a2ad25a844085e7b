package completion_test

import (
	"net/netip"

	"github.com/completionport/completion"
	"github.com/completionport/completion/ops"
)

// exchangeMessages: a RecvMsg that fails has nothing of an earlier one.
func exchangeMessages(w *world) {
	a, b := w.packets(), w.packets()
	if a == nil || b == nil || !w.right(b.SetReports(completion.ReportLocal), nil) {
		return
	}
	pool := w.port.NewPool(64, 1)
	w.pools = append(w.pools, pool)
	for _, read := range []*ops.RecvMsg{{From: b, Buf: completion.Own(make([]byte, 64))}, {From: b, Pool: pool}} {
		w.submit(read)
		w.poll()
		send := &ops.SendMsg{To: a, Buf: completion.Own([]byte("hello")), Addr: udpOf(b), Control: completion.Control{Local: netip.MustParseAddr("127.0.0.1")}}
		w.again(send, false, nil)
		w.again(read, true, func() {
			if read.N() != 0 || read.Addr.IsValid() || read.Control != (completion.Control{}) || read.Pool != nil && read.Buf != nil {
				w.Errorf("a failed RecvMsg has %d bytes from %v, and %+v", read.N(), read.Addr, read.Control)
			}
		})
		if w.Failed() {
			return
		}
		w.holds(read.Buf, "hello")
		if read.Control.Local != udpOf(b).Addr() {
			w.Errorf("the destination is %v", read.Control.Local)
		}
		read.Release()
	}
}
