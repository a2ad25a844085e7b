package completion_test

import (
	"net"

	"github.com/completionport/completion"
	"github.com/completionport/completion/ops"
)

// ownPair is pair with a socket that nobody had before: the system can splice.
func (w *world) ownPair() (s *completion.Socket, peer *net.TCPConn, ok bool) {
	w.Helper()
	l := w.peerListener("tcp4", "127.0.0.1:0")
	s, err := w.port.Socket("tcp4")
	if !w.right(err, nil) {
		return nil, nil, false
	}
	connect := &ops.Connect{On: s, To: l.Addr()}
	w.submit(connect)
	if !w.until(connect, nil) {
		return nil, nil, false
	}
	other, err := l.Accept()
	if err != nil {
		w.Fatal(err)
	}
	w.closers = append(w.closers, other.Close)
	return s, other.(*net.TCPConn), true
}

// A copy that fails has an error, and one that does not has moved everything.
func copyBetween(w *world) {
	from, a, ok := w.ownPair()
	if !ok {
		return
	}
	to, b, ok := w.ownPair()
	if !ok {
		return
	}
	over, end := &ops.Copy{From: from, To: to}, &ops.CloseWrite{On: to}
	w.submit(over, end)
	w.poll()
	for _, s := range []string{"hello", "again"} {
		w.send(a, s)
		w.poll()
	}
	if err := a.CloseWrite(); err != nil {
		w.right(err, nil)
	}
	all := w.drain(b)
	copied := w.until(over, nil)
	ended := w.until(end, nil)
	to.Close()
	got := string(all())
	if copied && (over.N() != 10 || over.Lost() != 0 || ended && got != "helloagain") {
		w.Errorf("%d bytes copied, %d lost, %q arrived", over.N(), over.Lost(), got)
	}
	if !copied && over.N()+int(over.Lost()) > 10 {
		w.Errorf("%d bytes copied and %d lost of 10", over.N(), over.Lost())
	}
}
