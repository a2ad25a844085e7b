package porttest

import (
	"net"
	"syscall"

	"github.com/completionport/completion"
	"github.com/completionport/completion/ops"
)

// anHour in seconds: a close that lingers so long has failed its case.
const anHour = 3600

var lingerCases = []testCase{
	closeDoesNotLinger,
	closeOfAcceptedDoesNotLinger,
}

// closeDoesNotLinger: a connection can come with a positive linger, or be given
// one through its descriptor. Closing it returns while the peer's window is full,
// and what was written arrives all the same.
func closeDoesNotLinger(e *env) {
	e.needsSystem("an option is set through the descriptor")
	p := e.port(nil)
	if e.adopts {
		c, other := e.twoEnds("tcp4")
		linger(e, c.(syscall.Conn), anHour)
		s, err := p.AdoptConn(c)
		is(e, err, nil)
		closesAtOnce(e, p, s, other)
	}
	l := e.listen(p, "tcp4")
	other := e.dial(l.Addr())
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
	listeners := []*completion.Listener{e.listen(p, "tcp4")}
	linger(e, listeners[0], anHour)
	if e.adopts {
		original, err := e.network.Listen("tcp4", "127.0.0.1:0")
		is(e, err, nil)
		linger(e, original.(syscall.Conn), anHour)
		listeners = append(listeners, e.adopt(p, original))
	}
	for _, l := range listeners {
		other := e.dial(l.Addr())
		accept := &ops.Accept{On: l}
		e.submit(p, accept)
		e.expect(p, accept, nil)
		closesAtOnce(e, p, accept.Conn, other)
		is(e, l.Close(), nil)
	}
}

// closesAtOnce checks it for a socket whose peer does not read.
func closesAtOnce(e *env, p *completion.Port, s *completion.Socket, other *peer) {
	e.Helper()
	e.setWriteBuffer(s, 64<<10)
	other.setReadBuffer(64 << 10)
	w := &ops.Write{To: s, Buf: own(stuckBytes)}
	e.fill(p, w, other, false)
	descriptors := countDescriptors()
	is(e, s.Close(), nil)
	e.untilLetGo(p)
	equal(e, "descriptors", countDescriptors(), max(descriptors-1, 0)) // 0 where none are counted
	e.expect(p, w, net.ErrClosed)
	e.gets(other, other.ahead+w.N(), w.Buf.Len()) // and then the end, no reset
}

// control runs f with the descriptor of c.
func control(e *env, c syscall.Conn, f func(fd uintptr) error) {
	e.Helper()
	raw, err := c.SyscallConn()
	is(e, err, nil)
	var inner error
	is(e, raw.Control(func(fd uintptr) { inner = f(fd) }), nil)
	is(e, inner, nil)
}

// linger sets SO_LINGER, to none for 0.
func linger(e *env, c syscall.Conn, seconds int) {
	e.Helper()
	control(e, c, func(fd uintptr) error { return setLinger(fd, seconds) })
}
