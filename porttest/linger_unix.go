//go:build unix

package porttest

import (
	"io"
	"net"
	"syscall"

	"github.com/completionport/completion"
	"github.com/completionport/completion/ops"
	"golang.org/x/sys/unix"
)

// anHour in seconds: a close that lingers so long has failed its case.
const anHour = 3600

// closeDoesNotLinger: a connection can come with a positive linger, or be given
// one through its descriptor. Closing it returns while the peer's window is full,
// and what was written arrives all the same.
func closeDoesNotLinger(e *env) {
	e.needsSystem("an option is set through the descriptor")
	p := e.port(nil)
	c, other := e.twoEnds("tcp4")
	linger(e, c.(syscall.Conn), anHour)
	s, err := p.AdoptConn(c)
	is(e, err, nil)
	closesAtOnce(e, p, s, other)

	l := e.listen(p, "tcp4")
	other = e.dial(l.Addr())
	accept := &ops.Accept{On: l}
	e.submit(p, accept)
	e.expect(p, accept, nil)
	linger(e, accept.Conn, anHour)
	closesAtOnce(e, p, accept.Conn, other)
}

// closeOfAcceptedDoesNotLinger: accepted connections inherit what their listener
// has.
func closeOfAcceptedDoesNotLinger(e *env) {
	e.needsSystem("an option is set through the descriptor")
	p := e.port(nil)
	original, err := e.network.Listen("tcp4", "127.0.0.1:0")
	is(e, err, nil)
	linger(e, original.(syscall.Conn), anHour)
	l := e.adopt(p, original)
	other := e.dial(l.Addr())
	accept := &ops.Accept{On: l}
	e.submit(p, accept)
	e.expect(p, accept, nil)
	closesAtOnce(e, p, accept.Conn, other)
	is(e, l.Close(), nil)
}

// closesAtOnce checks it for a socket whose peer does not read.
func closesAtOnce(e *env, p *completion.Port, s *completion.Socket, other *peer) {
	e.Helper()
	is(e, s.SetWriteBuffer(64<<10), nil)
	other.setReadBuffer(64 << 10)
	w := &ops.Write{To: s, Buf: own(stuckBytes)}
	e.submit(p, w)
	e.idle(p)
	descriptors := countDescriptors()
	is(e, s.Close(), nil)
	equal(e, "descriptors", countDescriptors(), descriptors-1)
	e.expect(p, w, net.ErrClosed)
	n, err := io.Copy(io.Discard, other.Conn)
	is(e, err, nil) // and no reset
	equal(e, "bytes that have arrived", int(n), w.N())
}

// linger sets SO_LINGER.
func linger(e *env, c syscall.Conn, seconds int32) {
	e.Helper()
	raw, err := c.SyscallConn()
	is(e, err, nil)
	is(e, raw.Control(func(fd uintptr) {
		err = unix.SetsockoptLinger(int(fd), unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1, Linger: seconds})
	}), nil)
	is(e, err, nil)
}
