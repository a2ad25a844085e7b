package porttest

import (
	"io"
	"net"

	"github.com/completionport/completion"
	"github.com/completionport/completion/ops"
)

// Reads that end short of what is there: at urgent data, and at the end of a
// message. Those that need calls of the system are in shortread_unix.go.
var shortReadCases = append([]testCase{
	urgentByte,
	urgentByteAgainAndAgain,
	urgentByteAlone,
	urgentByteBeforeTheEnd,
	urgentByteOnAnAcceptedSocket,
	urgentByteOnAConnectedSocket,
	messagesOnAUnixSocket,
}, shortReadSystemCases...)

// shortReads tests reads of all kinds of what send sends, in several calls, of
// which each may end one of the port's. All of it is there when the first read
// is submitted, or the first read waits for it. prepare, if not nil, is called
// for each socket before that.
func shortReads(e *env, network, want string, prepare func(s *completion.Socket), send func(c *peer)) {
	e.Helper()
	for _, style := range []struct {
		name          string
		full, pooled  bool
		parked, await bool
	}{
		{name: "plain"},
		{name: "full", full: true},
		{name: "pooled", pooled: true},
		{name: "pooled and full", pooled: true, full: true},
		{name: "plain and parked", parked: true},
		{name: "full and parked", full: true, parked: true},
		{name: "pooled and parked", pooled: true, parked: true},
		{name: "awaited", await: true},
	} {
		p := e.port(nil)
		s, c := e.pairOn(p, network)
		if prepare != nil {
			prepare(s)
		}
		shortNothing(e, p, s, c)
		r := &shortReader{e: e, p: p, s: s, await: style.await, full: style.full, size: 16}
		if style.full {
			r.size = len(want)
		}
		if style.pooled {
			r.pool = e.pool(p, r.size, 1)
		}
		if style.parked {
			r.submit()
			e.idle(p)
		}
		send(c)
		equal(e, style.name, r.read(len(want)), want)
		r.idle()
	}
}

// shortNothing lets a read find nothing: from then on the port knows that it has
// read all there was, even of a connection that it has adopted.
func shortNothing(e *env, p *completion.Port, s *completion.Socket, c *peer) {
	e.Helper()
	r := &shortReader{e: e, p: p, s: s, size: 16}
	for range 2 {
		c.send("!")
		equal(e, "read", r.read(1), "!")
		r.idle()
	}
	c.send("!")
	equal(e, "read", r.read(1), "!")
}

// shortReader reads from one socket.
type shortReader struct {
	e           *env
	p           *completion.Port
	s           *completion.Socket
	pool        *completion.Pool // nil for reads into buffers of their own
	size        int
	full, await bool
	op          *ops.Read // submitted
}

func (r *shortReader) operation() *ops.Read {
	op := &ops.Read{From: r.s, Full: r.full, Pool: r.pool}
	if r.pool == nil {
		op.Buf = own(r.size)
	}
	return op
}

func (r *shortReader) submit() {
	r.e.Helper()
	r.op = r.operation()
	r.e.submit(r.p, r.op)
}

// read reads until it has n bytes, and returns them.
func (r *shortReader) read(n int) (got string) {
	r.e.Helper()
	for len(got) < n {
		op := r.op
		switch {
		case r.await:
			op = r.operation()
			is(r.e, r.p.Await(r.e.ctx, op), nil)
		case op == nil:
			r.submit()
			op = r.op
			fallthrough
		default:
			r.e.expect(r.p, op, nil)
			is(r.e, op.Err(), nil)
			r.op = nil
		}
		got += string(op.Buf.Bytes())
		if r.pool != nil {
			op.Buf.Release()
		}
	}
	return got
}

// idle checks that a read that finds nothing waits, without a buffer of a pool,
// and leaves it waiting.
func (r *shortReader) idle() {
	r.e.Helper()
	if r.await {
		return
	}
	r.submit()
	r.e.idle(r.p)
	if r.pool != nil {
		equal(r.e, "lent to a read that waits", r.pool.Lent(), 0)
	}
}

// sendUrgent sends bytes of which the last is urgent: it is no part of the
// stream, and reads end where it was.
func (p *peer) sendUrgent(s string) {
	p.e.Helper()
	var err error
	if c, ok := p.Conn.(interface{ WriteUrgent([]byte) (int, error) }); ok {
		_, err = c.WriteUrgent([]byte(s))
	} else {
		err = writeUrgent(p.Conn, []byte(s))
	}
	if err != nil {
		p.e.Fatalf("peer write of urgent data: %v", err)
	}
}

func urgentByte(e *env) {
	shortReads(e, "tcp4", "abcd", nil, func(c *peer) {
		c.send("ab")
		c.sendUrgent("X")
		c.send("cd")
	})
	shortReads(e, "tcp4", "abcd", nil, func(c *peer) { // in as few segments as can be
		c.sendUrgent("abX")
		c.send("cd")
	})
}

// urgentByteAgainAndAgain: each read stops at a mark, and between them reads have found
// nothing.
func urgentByteAgainAndAgain(e *env) {
	p := e.port(nil)
	s, c := e.pair(p)
	shortNothing(e, p, s, c)
	r := &shortReader{e: e, p: p, s: s, size: 16, pool: e.pool(p, 16, 1)}
	for range 50 {
		r.idle()
		c.sendUrgent("abX")
		c.send("cd")
		equal(e, "read", r.read(4), "abcd")
	}
}

// urgentByteAlone: there is nothing to read, until there is.
func urgentByteAlone(e *env) {
	p := e.port(nil)
	s, c := e.pair(p)
	shortNothing(e, p, s, c)
	r := &shortReader{e: e, p: p, s: s, size: 16, pool: e.pool(p, 16, 1)}
	for range 20 {
		r.idle()
		c.sendUrgent("X")
		e.idle(p)
		c.send("ab")
		c.sendUrgent("Y")
		c.send("cd")
		equal(e, "read", r.read(4), "abcd")
	}
}

func urgentByteBeforeTheEnd(e *env) {
	p := e.port(nil)
	for _, full := range []bool{false, true} {
		s, c := e.pair(p)
		shortNothing(e, p, s, c)
		r := &shortReader{e: e, p: p, s: s, size: 4, full: full}
		c.sendUrgent("abX")
		c.send("cd")
		c.closeWrite()
		equal(e, "read", r.read(4), "abcd")
		_, err := streamRead(e, p, s, 1)
		is(e, err, io.EOF)
	}
}

// urgentByteOnAnAcceptedSocket: such a socket has never been anybody else's.
func urgentByteOnAnAcceptedSocket(e *env) {
	p := e.port(nil)
	l := e.listen(p, "tcp4")
	pool := e.pool(p, 16, 1)
	for range 20 {
		c := e.dial(l.Addr())
		accept := &ops.Accept{On: l}
		e.submit(p, accept)
		e.expect(p, accept, nil)
		r := &shortReader{e: e, p: p, s: accept.Conn, size: 16, pool: pool}
		c.send("ab")
		equal(e, "read", r.read(2), "ab")
		r.idle()
		c.sendUrgent("cdX")
		c.send("ef")
		equal(e, "read", r.read(4), "cdef")
		is(e, accept.Conn.Close(), nil)
	}
}

func urgentByteOnAConnectedSocket(e *env) {
	p := e.port(nil)
	l, err := e.network.Listen("tcp4", "127.0.0.1:0")
	is(e, err, nil)
	defer l.Close()
	for range 20 {
		s, err := p.Socket("tcp4")
		is(e, err, nil)
		is(e, p.Await(e.ctx, &ops.Connect{On: s, To: l.Addr()}), nil)
		conn, err := l.Accept()
		is(e, err, nil)
		e.closers = append(e.closers, conn.Close)
		c := &peer{Conn: conn, e: e}
		c.sendUrgent("abX")
		c.send("cd")
		r := &shortReader{e: e, p: p, s: s, size: 16}
		equal(e, "read", r.read(4), "abcd")
		is(e, s.Close(), nil)
		r.idleClosed()
	}
}

// idleClosed ends what idle has left.
func (r *shortReader) idleClosed() {
	if r.op != nil {
		r.e.expect(r.p, r.op, net.ErrClosed)
		r.op = nil
	}
}

// sendMessage sends bytes behind which a read ends. A system does so if there is
// a descriptor with them.
func (p *peer) sendMessage(s string) {
	p.e.Helper()
	var err error
	if c, ok := p.Conn.(interface{ WriteMessage([]byte) (int, error) }); ok {
		_, err = c.WriteMessage([]byte(s))
	} else {
		err = writeMessage(p.Conn, []byte(s))
	}
	if err != nil {
		p.e.Fatalf("peer write of a message: %v", err)
	}
}

// messagesOnAUnixSocket: nobody has asked for the descriptors that come with the data, so
// they are closed; that none is left is checked after the case.
func messagesOnAUnixSocket(e *env) {
	e.needsUnix()
	shortReads(e, "unix", "abcdef", nil, func(c *peer) {
		c.sendMessage("ab")
		c.sendMessage("cd")
		c.send("ef")
	})
	shortReads(e, "unix", "abcdef", nil, func(c *peer) {
		c.send("ab")
		c.send("cd")
		c.sendMessage("ef")
	})
}
