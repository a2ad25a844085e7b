package porttest

import (
	"errors"
	"io"
	"net"
	"os"
	"runtime"
	"sync"
	"syscall"

	"github.com/completionport/completion"
	"github.com/completionport/completion/ops"
)

var acceptCases = []testCase{
	acceptTCP4,
	acceptTCP6,
	acceptUnix,
	acceptWaitsForConnection,
	acceptedAddressesMatchPeer,
	acceptedSocketHasNoDelay,
	oneConnectionForEachAccept,
	acceptsInOrder,
	manyConnections,
	acceptByManyGoroutines,
	acceptAtDescriptorLimit,
	pendingAcceptAtDescriptorLimit,
	acceptConnectionResetInBacklog,
	acceptConnectionClosedInBacklog,
	cancelAccept,
	cancelOneOfManyAccepts,
	cancelLosesNoConnection,
	deadlineLosesNoConnection,
	closeListenerWithAcceptsInFlight,
	acceptOnClosedListener,
	closeListenerRacesConnections,
	addressFreeWhenAcceptIsDequeued,
	unixAddressFreeWhenAcceptIsDequeued,
	closedListenerKeepsAcceptedSockets,
	acceptUsedAgain,
}

func acceptTCP4(e *env) { acceptOn(e, "tcp4") }

func acceptTCP6(e *env) { acceptOn(e, "tcp6") }

func acceptUnix(e *env) { acceptOn(e, "unix") }

func acceptOn(e *env, network string) {
	p := e.port(nil)
	l := e.listen(p, network)
	peer := e.dial(l.Addr())
	a := &ops.Accept{On: l}
	e.submit(p, a)
	e.expect(p, a, nil)
	equal(e, "N", a.N(), 0)
	e.talks(p, a.Conn, peer)
}

// talks checks that a socket and a peer are the two ends of one connection.
func (e *env) talks(p *completion.Port, s *completion.Socket, peer *peer) {
	e.Helper()
	w := &ops.Write{To: s, Buf: text("to the peer")}
	e.submit(p, w)
	e.expect(p, w, nil)
	equal(e, "peer got", peer.receive(11), "to the peer")
	peer.send("from it")
	r := &ops.Read{From: s, Buf: own(7), Full: true}
	e.submit(p, r)
	e.expect(p, r, nil)
	equal(e, "socket got", string(r.Buf.Bytes()), "from it")
}

func acceptWaitsForConnection(e *env) {
	p := e.port(nil)
	l := e.listen(p, "tcp4")
	a := &ops.Accept{On: l}
	e.submit(p, a)
	e.idle(p)
	peer := e.dial(l.Addr())
	e.expect(p, a, nil)
	e.talks(p, a.Conn, peer)
}

func acceptedAddressesMatchPeer(e *env) {
	for _, network := range []string{"tcp4", "tcp6"} {
		if network == "tcp6" && !e.hasIPv6() {
			continue
		}
		p := e.port(nil)
		l := e.listen(p, network)
		peer := e.dial(l.Addr())
		a := &ops.Accept{On: l}
		e.submit(p, a)
		e.expect(p, a, nil)
		equal(e, "local", a.Conn.LocalAddr().String(), peer.RemoteAddr().String())
		equal(e, "remote", a.Conn.RemoteAddr().String(), peer.LocalAddr().String())
		equal(e, "network", a.Conn.RemoteAddr().Network(), "tcp")
	}
}

func (e *env) hasIPv6() bool {
	l, err := e.network.Listen("tcp6", "[::1]:0")
	if err != nil {
		return false
	}
	l.Close()
	return true
}

func acceptedSocketHasNoDelay(e *env) {
	e.needsSystem("an option is read through the descriptor")
	p := e.port(nil)
	l := e.listen(p, "tcp4")
	e.dial(l.Addr())
	a := &ops.Accept{On: l}
	e.submit(p, a)
	e.expect(p, a, nil)
	rc, err := a.Conn.SyscallConn()
	is(e, err, nil)
	on := false
	var inner error
	is(e, rc.Control(func(fd uintptr) { on, inner = noDelay(fd) }), nil)
	is(e, inner, nil)
	equal(e, "NoDelay", on, true)
}

// accepts makes n accepts.
func accepts(l *completion.Listener, n int) []completion.Operation {
	all := make([]completion.Operation, n)
	for i := range all {
		all[i] = &ops.Accept{On: l}
	}
	return all
}

func oneConnectionForEachAccept(e *env) {
	p := e.port(nil)
	l := e.listen(p, "tcp4")
	all := accepts(l, 8)
	e.submit(p, all[:5]...)
	peers := make(map[string]*peer)
	for range all {
		peer := e.dial(l.Addr())
		peers[peer.LocalAddr().String()] = peer
	}
	e.expectAll(p, nil, all[:5]...)
	e.submit(p, all[5:]...)
	e.expectAll(p, nil, all[5:]...)
	for _, op := range all {
		s := op.(*ops.Accept).Conn
		from := s.RemoteAddr().String()
		peer := peers[from]
		if peer == nil {
			e.Fatalf("%s accepted twice, or nobody's", from)
		}
		delete(peers, from)
		e.talks(p, s, peer)
	}
}

func acceptsInOrder(e *env) {
	p := e.port(nil)
	l := e.listen(p, "tcp4")
	for _, op := range accepts(l, 20) {
		peer := e.dial(l.Addr()) // the backlog is a queue, too
		e.submit(p, op)
		e.expect(p, op, nil)
		s := op.(*ops.Accept).Conn
		equal(e, "remote", s.RemoteAddr().String(), peer.LocalAddr().String())
	}
	all := accepts(l, 20)
	e.submit(p, all...)
	for range all {
		e.dial(l.Addr())
	}
	for _, op := range all {
		e.expect(p, op, nil)
	}
}

func manyConnections(e *env) {
	p := e.port(nil)
	l := e.listen(p, "tcp4")
	const count = 500
	all := accepts(l, count)
	for i := 0; i < count; i += 100 {
		e.submit(p, all[i:i+100]...)
	}
	dialed, open := make(chan net.Conn, count), make(map[string]net.Conn)
	room := make(chan bool, backlogRoom)
	var wg sync.WaitGroup
	defer wg.Wait()
	over := make(chan bool)
	defer close(over) // the dialer ends if the case has
	wg.Go(func() {
		defer close(dialed)
		for range count {
			select {
			case room <- true:
			case <-over:
				return
			}
			c, err := e.network.Dial("tcp4", l.Addr().String())
			if err != nil {
				e.Errorf("dial: %v", err)
				l.Close() // nothing comes for those that wait
				return
			}
			dialed <- c
		}
	})
	for range count {
		a := e.next(p).(*ops.Accept)
		e.outcome(a, nil)
		<-room
		// Not before: some systems take one that was reset out of the backlog.
		closeWithReset(dialedFrom(e, dialed, open, a.Conn.RemoteAddr().String()))
	}
	for _, op := range all {
		is(e, op.(*ops.Accept).Conn.Close(), nil)
	}
	e.onceEach(p, count)
}

// dialedFrom returns the other end of a connection that was accepted, once it is
// there, and takes it out of those that are open.
func dialedFrom(e *env, dialed <-chan net.Conn, open map[string]net.Conn, addr string) net.Conn {
	e.Helper()
	for open[addr] == nil {
		c, ok := <-dialed
		if !ok {
			e.Fatalf("accepted %s twice, or nobody's", addr)
		}
		open[c.LocalAddr().String()] = c
	}
	c := open[addr]
	delete(open, addr)
	return c
}

// closeWithReset leaves no connection in TIME_WAIT.
func closeWithReset(c net.Conn) {
	if tcp, ok := c.(interface{ SetLinger(int) error }); ok {
		tcp.SetLinger(0)
	}
	c.Close()
}

func acceptByManyGoroutines(e *env) {
	p := e.port(nil)
	l := e.listen(p, "tcp4")
	const goroutines, each = 4, 50
	var mu sync.Mutex
	seen := make(map[string]int)
	room := make(chan bool, backlogRoom)
	work := make([]func(), 0, goroutines+1)
	for range goroutines {
		work = append(work, func() {
			for range each {
				a := &ops.Accept{On: l}
				if err := p.Await(e.ctx, a); err != nil {
					e.Errorf("accept: %v", err)
					return
				}
				<-room
				mu.Lock()
				seen[a.Conn.RemoteAddr().String()]++
				mu.Unlock()
			}
		})
	}
	work = append(work, func() {
		for range goroutines * each {
			room <- true
			e.dialInBackground(l.Addr())
		}
	})
	allOf(work...)
	equal(e, "connections", len(seen), goroutines*each)
}

// dialInBackground is dial for goroutines: one at a time.
func (e *env) dialInBackground(addr net.Addr) {
	c, err := e.network.Dial(addr.Network(), addr.String())
	if err != nil {
		e.Errorf("dial: %v", err)
		return
	}
	e.closers = append(e.closers, c.Close)
}

func acceptConnectionResetInBacklog(e *env) {
	p := e.port(nil)
	l := e.listen(p, "tcp4")
	e.dial(l.Addr()).reset()
	living := e.dial(l.Addr())
	a := &ops.Accept{On: l}
	e.submit(p, a)
	e.expect(p, a, nil)
	if a.Conn.RemoteAddr() == nil || a.Conn.RemoteAddr().String() != living.LocalAddr().String() {
		// This system accepts dead connections.
		r := &ops.Read{From: a.Conn, Buf: own(1)}
		e.submit(p, r)
		e.expect(p, r, errnoReset)
		is(e, a.Conn.Close(), nil)
		e.submit(p, a)
		e.expect(p, a, nil)
	}
	e.talks(p, a.Conn, living)
}

func acceptConnectionClosedInBacklog(e *env) {
	p := e.port(nil)
	l := e.listen(p, "tcp4")
	peer := e.dial(l.Addr())
	peer.send("last words")
	peer.Close()
	a := &ops.Accept{On: l}
	e.submit(p, a)
	e.expect(p, a, nil)
	r := &ops.Read{From: a.Conn, Buf: own(10), Full: true}
	end := &ops.Read{From: a.Conn, Buf: own(1)}
	e.submit(p, r, end)
	e.expect(p, r, nil)
	equal(e, "text", string(r.Buf.Bytes()), "last words")
	e.expect(p, end, io.EOF)
}

func cancelAccept(e *env) {
	p := e.port(nil)
	l := e.listen(p, "tcp4")
	a := &ops.Accept{On: l}
	e.submit(p, a)
	e.idle(p)
	equal(e, "Cancel", p.Cancel(a), true)
	e.expect(p, a, completion.ErrCanceled)
	if a.Conn != nil {
		e.Fatal("a cancelled accept has a connection")
	}
	peer := e.dial(l.Addr())
	e.submit(p, a)
	e.expect(p, a, nil)
	e.talks(p, a.Conn, peer)
}

func cancelOneOfManyAccepts(e *env) {
	p := e.port(nil)
	l := e.listen(p, "tcp4")
	all := accepts(l, 5)
	e.submit(p, all...)
	for _, i := range []int{0, 2, 4} { // the head, the middle, the tail
		equal(e, "Cancel", p.Cancel(all[i]), true)
		e.expect(p, all[i], completion.ErrCanceled)
	}
	e.idle(p)
	e.dial(l.Addr())
	e.dial(l.Addr())
	e.expect(p, all[1], nil)
	e.expect(p, all[3], nil)
}

func closeListenerWithAcceptsInFlight(e *env) {
	p := e.port(nil)
	l := e.listen(p, "tcp4")
	addr := l.Addr()
	all := accepts(l, 5)
	e.submit(p, all...)
	e.idle(p)
	is(e, l.Close(), nil)
	e.expectAll(p, net.ErrClosed, all...)
	for _, op := range all {
		if op.(*ops.Accept).Conn != nil {
			e.Fatal("a failed accept has a connection")
		}
	}
	equal(e, "handles", p.Stats().Handles, 0)
	refuses := func() bool {
		c, err := e.network.Dial(addr.Network(), addr.String())
		if err == nil {
			c.Close()
		}
		return err != nil
	}
	if runtime.GOOS == "dragonfly" && e.onSystem() {
		until(refuses) // close(2) leaves it to the kernel's threads
	} else if !refuses() {
		e.Fatal("a closed listener still takes connections")
	}
	is(e, l.Close(), net.ErrClosed)
}

func acceptOnClosedListener(e *env) {
	p := e.port(nil)
	l := e.listen(p, "tcp4")
	e.dial(l.Addr())
	is(e, l.Close(), nil)
	a := &ops.Accept{On: l}
	e.submit(p, a)
	e.expect(p, a, net.ErrClosed)
	is(e, p.Await(e.ctx, a), net.ErrClosed)
}

// listenAlone listens on a port that nobody else's connection takes when the listener is closed,
// where all of 127.0.0.0/8 is local.
func (e *env) listenAlone(p *completion.Port) *completion.Listener {
	e.Helper()
	host := "127.0.0.1"
	if e.onSystem() && (runtime.GOOS == "linux" || runtime.GOOS == "windows") {
		host = "127.93.71.5"
	}
	l, err := p.Listen("tcp4", host+":0")
	is(e, err, nil)
	return l
}

func addressFreeWhenAcceptIsDequeued(e *env) {
	p := e.port(nil)
	l := e.listenAlone(p)
	for range 100 {
		addr := l.Addr().String()
		a := &ops.Accept{On: l}
		e.submit(p, a)
		var wg sync.WaitGroup
		wg.Go(func() { l.Close() })
		e.expect(p, a, net.ErrClosed)
		again, err := p.Listen("tcp4", addr)
		if err != nil {
			e.Fatalf("listen again: %v", err)
		}
		wg.Wait()
		l = again
	}
}

func unixAddressFreeWhenAcceptIsDequeued(e *env) {
	p := e.port(nil)
	path := e.address("unix")
	for range 100 {
		l, err := p.Listen("unix", path)
		if err != nil {
			e.Fatalf("listen again: %v", err)
		}
		a := &ops.Accept{On: l}
		e.submit(p, a)
		l.Close()
		e.expect(p, a, net.ErrClosed)
		if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
			e.Fatalf("the file is still there: %v", err)
		}
	}
}

func closedListenerKeepsAcceptedSockets(e *env) {
	p := e.port(nil)
	l := e.listen(p, "tcp4")
	peer := e.dial(l.Addr())
	a := &ops.Accept{On: l}
	e.submit(p, a)
	e.expect(p, a, nil)
	is(e, l.Close(), nil)
	e.talks(p, a.Conn, peer)
}

func acceptUsedAgain(e *env) {
	p := e.port(nil)
	l := e.listen(p, e.quick())
	a := &ops.Accept{On: l}
	var last *completion.Socket
	for range 100 {
		c, err := e.network.Dial(l.Addr().Network(), l.Addr().String())
		is(e, err, nil)
		e.submit(p, a)
		e.expect(p, a, nil)
		if a.Conn == last {
			e.Fatal("the same socket twice")
		}
		last = a.Conn
		is(e, last.Close(), nil)
		c.Close()
	}
	is(e, l.Close(), nil)
	e.submit(p, a)
	e.expect(p, a, net.ErrClosed)
	if a.Conn != nil {
		e.Fatal("a failed accept keeps the connection of its last use")
	}
	var errno syscall.Errno
	if errors.As(a.Err(), &errno) {
		e.Fatalf("a closed listener is no error of the system: %v", a.Err())
	}
}
