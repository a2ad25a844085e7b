package sim

import (
	"bytes"
	"io"

	"github.com/completionport/completion/internal/core"
)

var _ core.Layer = (*layer)(nil)

// layer passes the bytes of a handle on as they are. It may take bytes of a write before it has
// sent them.
type layer struct {
	w      *world
	socket *socket
	handle *core.Handle
	inside [2]bool
	has    []byte // of a write from a file: what was given last
	owed   []byte // taken from the write under way and not sent; if that ends, they are dropped
	begun  []byte // what a ring is to send
	lost   bool   // the ring has abandoned that, and does not tell what it has sent
	torn   bool   // and so nobody knows
	closed int
}

func (w *world) installLayer(c *connection) {
	c.socket.layer = &layer{w: w, socket: c.socket, handle: c.handle}
	if !c.handle.Install(c.socket.layer) {
		w.fail("a handle takes no layer")
	}
}

// enter begins a call in a direction. Its end must be called.
func (l *layer) enter(side int) (end func()) {
	if l.inside[side] || l.closed > 0 {
		l.w.fail("a call of the layer of socket %d during another, or after its Close", l.socket.number)
	}
	l.inside[side] = true
	return func() { l.inside[side] = false }
}

func (l *layer) Read(p []byte, stopsShort bool) (n int, drained bool, err error) {
	defer l.enter(0)()
	n, _, err = l.handle.Receive(p)
	if err == io.EOF && !l.socket.eof { // after a reset that another call has reported
		err = io.ErrUnexpectedEOF
	}
	return n, err == nil && n < len(p) && !stopsShort, err
}

func (l *layer) Write(p []byte, again bool) (n int, owes bool, err error) {
	defer l.enter(1)()
	u := l.writes()
	p = l.given(u, p, again)
	if again != u.cut || again && !bytes.HasPrefix(p, l.owed) {
		l.w.fail("%v: the layer owes %v, and is given %v, again %v", u, l.owed, p, again)
	}
	if !again {
		l.owed = nil
	}
	n, _, err = l.handle.Send(p)
	l.owed = l.owed[min(n, len(l.owed)):]
	if left := p[n:]; err == nil && len(left) > len(l.owed) && l.w.fires(owesBytes) {
		l.owed = bytes.Clone(left[:1+l.w.schedule.pick(len(left))])
	}
	if err == nil && n < len(p) && l.w.schedule.pick(2) == 1 { // it has tried once more, in vain
		err = core.ErrBlocked
	}
	u.cut = len(l.owed) > 0
	return n, u.cut, err
}

// writes returns the operation that is writing.
func (l *layer) writes() *use {
	for _, u := range l.socket.uses {
		if sideOf(u.kind) == 1 && !u.handedOut && u.phase() == core.Calling {
			return u
		}
	}
	l.w.fail("a write of the layer of socket %d, and no operation is calling", l.socket.number)
	return &use{}
}

func (l *layer) CloseWrite() error {
	defer l.enter(1)()
	if errno := l.w.kernel.CloseWrite(l.socket.fd); errno != 0 {
		return errno
	}
	return nil
}

func (l *layer) Close() {
	if l.inside != [2]bool{} {
		l.w.fail("the layer of socket %d is closed under a call", l.socket.number)
	}
	l.closed++
}

// checkClosed: the layer was closed once. There may be none.
func (l *layer) checkClosed() {
	if l != nil && l.closed != 1 {
		l.w.fail("the layer of socket %d was closed %d times", l.socket.number, l.closed)
	}
}
