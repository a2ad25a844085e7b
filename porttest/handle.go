package porttest

import (
	"errors"
	"net"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/completionport/completion"
	"github.com/completionport/completion/ops"
)

var handleCases = append([]testCase{
	listenOnEveryNetwork,
	listenOnAnyAddress,
	listenOnUnnamedUnix,
	listenOnUnknownNetwork,
	listenOnBadAddress,
	listenOnAddressInUse,
	reusePortSharesAnAddress,
	configIsChecked,
	options,
	optionsOfUnix,
	noUnixSockets,
	pipesUnsupported,
	resetOnClose,
	syscallConnLendsDescriptor,
	closedPortTakesNoHandles,
	newSocketIsNotConnected,
	handlesOfAnotherPortPanic,
}, slices.Concat(addressCases, adoptCases, adoptStreamCases, watchCases, detachCases, packetHandleCases, fileCases, blockingCases, lingerCases, systemCases)...)

// connected checks that a listener accepts a connection that works.
func connected(e *env, p *completion.Port, l *completion.Listener) {
	e.Helper()
	accept := &ops.Accept{On: l}
	e.submit(p, accept)
	other := e.dial(l.Addr())
	e.expect(p, accept, nil)
	talksTo(e, p, accept.Conn, other)
	is(e, accept.Conn.Close(), nil)
}

// talksTo checks that bytes go both ways.
func talksTo(e *env, p *completion.Port, s *completion.Socket, other *peer) {
	e.Helper()
	is(e, p.Await(e.ctx, &ops.Write{To: s, Buf: text("there")}), nil)
	equal(e, "received", other.receive(5), "there")
	other.send("back")
	read := &ops.Read{From: s, Buf: own(4), Full: true}
	is(e, p.Await(e.ctx, read), nil)
	equal(e, "read", string(read.Buf.Bytes()), "back")
}

func listenOnEveryNetwork(e *env) {
	p := e.port(nil)
	for _, network := range e.networks("tcp", "tcp4", "unix") {
		l := e.listen(p, network)
		want := strings.TrimSuffix(network, "4")
		equal(e, "network", l.Addr().Network(), want)
		connected(e, p, l)
		is(e, l.Close(), nil)
		noAddr(e, l.Addr(), want)
	}
	l := e.listen(p, "tcp6") // skips where there is none
	connected(e, p, l)
	equal(e, "IPv4", l.Addr().(*net.TCPAddr).IP.To4() == nil, true)
}

// listenFails returns the error of a Listen that must fail and leave nothing.
func listenFails(e *env, p *completion.Port, network, address string) *net.OpError {
	e.Helper()
	descriptors, handles := countDescriptors(), p.Stats().Handles
	l, err := p.Listen(network, address)
	var op *net.OpError
	if l != nil || !errors.As(err, &op) {
		e.Fatalf("Listen(%q, %q): %v, %v", network, address, l, err)
	}
	equal(e, "Op", op.Op, "listen")
	equal(e, "descriptors", countDescriptors(), descriptors)
	equal(e, "handles", p.Stats().Handles, handles)
	return op
}

func listenOnUnknownNetwork(e *env) {
	p := e.port(nil)
	for _, network := range []string{"", "tcp5", "udp", "ip", "unixgram"} {
		err := listenFails(e, p, network, "127.0.0.1:0")
		var unknown net.UnknownNetworkError
		equal(e, "found", errors.As(err, &unknown), true)
		equal(e, "network", string(unknown), network)
		_, err2 := p.Socket(network)
		equal(e, "found", errors.As(err2, &unknown), true)
	}
}

func listenOnBadAddress(e *env) {
	p := e.port(nil)
	var addr *net.AddrError
	for _, address := range []string{"127.0.0.1", "127.0.0.1:1:2", "[::1"} {
		equal(e, "AddrError for "+address, errors.As(listenFails(e, p, "tcp4", address), &addr), true)
	}
	var dns *net.DNSError
	err := listenFails(e, p, "tcp4", "127.0.0.1:notaport")
	equal(e, "DNSError", errors.As(err, &dns), true)
	listenFails(e, p, "tcp4", "127.0.0.1:65536")
	listenFails(e, p, "tcp4", "[::1]:0")
	listenFails(e, p, "tcp6", "127.0.0.1:0")
	if e.onSystem() && e.unix { // elsewhere a path is only a name
		err = listenFails(e, p, "unix", e.address("unix")+"/no/such/directory")
		is(e, err, os.ErrNotExist)
	}
}

func listenOnAddressInUse(e *env) {
	p := e.port(nil)
	for _, network := range e.networks("tcp4", "unix") {
		l := e.listen(p, network)
		is(e, listenFails(e, p, network, l.Addr().String()), addressInUse)
		connected(e, p, l) // a unix listener's file is still there
	}
}

// reusePortSharesAnAddress: both listeners get connections.
func reusePortSharesAnAddress(e *env) {
	p := e.port(nil)
	config := completion.ListenConfig{ReusePort: true}
	first, err := config.Listen(p, "tcp4", "127.0.0.1:0")
	if errors.Is(err, errors.ErrUnsupported) {
		e.Skip("no such option here")
	}
	is(e, err, nil)
	second, err := config.Listen(p, "tcp4", first.Addr().String())
	is(e, err, nil)
	equal(e, "address", second.Addr().String(), first.Addr().String())
	is(e, listenFails(e, p, "tcp4", first.Addr().String()), addressInUse)
	accepted := make(map[*completion.Listener]int)
	a, b := &ops.Accept{On: first}, &ops.Accept{On: second}
	e.submit(p, a, b)
	defer e.wait()() // one of them may get all
	for accepted[first] == 0 || accepted[second] == 0 {
		other := e.dial(first.Addr())
		op := e.next(p).(*ops.Accept)
		e.outcome(op, nil)
		accepted[op.On]++
		is(e, op.Conn.Close(), nil)
		other.Close()
		e.submit(p, op)
	}
}

func configIsChecked(e *env) {
	for _, config := range []completion.Config{{SpinWait: -1}, {MaxInFlight: -1}} {
		p, err := e.open(&config)
		if p != nil || err == nil {
			e.Fatalf("%+v was taken", config)
		}
		if !strings.Contains(err.Error(), "negative") {
			e.Fatalf("%+v: %v", config, err)
		}
	}
	p, err := completion.Open(&completion.Config{Backend: "no such backend"})
	equal(e, "port", p, nil)
	is(e, err, errors.ErrUnsupported)
	if !strings.Contains(err.Error(), "no such backend") {
		e.Fatalf("the error does not name the backend: %v", err)
	}
	if e.port(nil).Backend() == "" {
		e.Fatal("a backend without a name")
	}
}

func options(e *env) {
	p := e.port(nil)
	s, other := e.pair(p)
	for _, err := range []error{
		s.SetNoDelay(false), s.SetNoDelay(true),
		s.SetKeepAlive(90 * time.Second), s.SetKeepAlive(time.Nanosecond), s.SetKeepAlive(0), s.SetKeepAlive(-1),
		s.SetReadBuffer(32 << 10), s.SetWriteBuffer(32 << 10),
		s.SetResetOnClose(true), s.SetResetOnClose(false),
	} {
		is(e, err, nil)
	}
	talksTo(e, p, s, other)
	is(e, s.Close(), nil)
	n, err := other.Read(make([]byte, 1))
	equal(e, "bytes", n, 0)
	equal(e, "end", err.Error(), "EOF") // no reset: it was turned off again
}

// optionsOfUnix: what a unix socket doesn't have is an error that names both.
func optionsOfUnix(e *env) {
	p := e.port(nil)
	s, other := e.pairOn(p, "unix")
	var op *net.OpError
	err := s.SetNoDelay(true)
	if !errors.As(err, &op) {
		e.Fatalf("SetNoDelay on a unix socket: %v", err)
	}
	equal(e, "Op", op.Op, "set no delay")
	is(e, s.SetReadBuffer(32<<10), nil)
	talksTo(e, p, s, other)
}

// noUnixSockets: a system without them is asked, and its answer is the error.
func noUnixSockets(e *env) {
	if e.unix {
		e.Skip("the system has unix sockets")
	}
	p := e.port(nil)
	_, err := p.Socket("unix")
	_, err2 := p.Listen("unix", "porttest.none")
	for _, err := range []error{err, err2} {
		is(e, err, errors.ErrUnsupported)
		is(e, err, errnoBadFamily)
		var op *net.OpError
		equal(e, "OpError", errors.As(err, &op), true)
	}
	equal(e, "handles", p.Stats().Handles, 0)
}

func resetOnClose(e *env) {
	e.needsReset(resetOf{accepted: true})
	p := e.port(nil)
	for i := range 2 {
		s, other := e.pair(p)
		is(e, s.SetResetOnClose(true), nil)
		if i == 0 {
			is(e, s.Close(), nil)
		} else {
			is(e, p.Close(), nil)
		}
		_, err := other.Read(make([]byte, 1))
		is(e, err, connectionReset)
	}
}

// listenOnUnnamedUnix: as in package net, Linux finds a name of the abstract namespace.
func listenOnUnnamedUnix(e *env) {
	p := e.port(nil)
	for range e.networks("unix") {
		first, err := p.Listen("unix", "")
		if e.onSystem() && runtime.GOOS != "linux" {
			var op *net.OpError
			equal(e, "OpError", errors.As(err, &op), true)
			continue
		}
		is(e, err, nil)
		second, err := p.Listen("unix", "")
		is(e, err, nil)
		for _, l := range []*completion.Listener{first, second} {
			if !strings.HasPrefix(l.Addr().String(), "@") || l.Addr().Network() != "unix" {
				e.Fatalf("the address is %v", l.Addr())
			}
			connected(e, p, l)
			l.SetUnlinkOnClose(true) // there is nothing to remove
		}
		if first.Addr().String() == second.Addr().String() {
			e.Fatalf("both are %v", first.Addr())
		}
		other, err := e.network.Listen("unix", "")
		is(e, err, nil)
		is(e, other.Close(), nil)
	}
}

func syscallConnLendsDescriptor(e *env) {
	e.needsSystem("descriptors are shown")
	p := e.port(nil)
	s, _ := e.pair(p)
	l := e.listen(p, "tcp4")
	raw, err := s.SyscallConn()
	is(e, err, nil)
	rawListener, err := l.SyscallConn()
	is(e, err, nil)
	var fds [2]uintptr
	is(e, raw.Control(func(fd uintptr) { fds[0] = fd }), nil)
	is(e, rawListener.Control(func(fd uintptr) { fds[1] = fd }), nil)
	for _, fd := range fds {
		equal(e, "open", isOpen(fd), true)
	}
	if fds[0] == fds[1] {
		e.Fatal("two handles with one descriptor")
	}
	is(e, raw.Read(func(uintptr) bool { return true }), errors.ErrUnsupported)
	is(e, raw.Write(func(uintptr) bool { return true }), errors.ErrUnsupported)
	// Closed inside, the descriptor stays until Control returns.
	is(e, raw.Control(func(fd uintptr) {
		is(e, s.Close(), nil)
		equal(e, "open", isOpen(fd), true)
	}), nil)
	is(e, l.Close(), nil)
	for _, f := range []func(func(uintptr)) error{raw.Control, rawListener.Control} {
		is(e, f(func(uintptr) { e.Error("called with a closed handle") }), net.ErrClosed)
	}
	equal(e, "handles", p.Stats().Handles, 0)
}

func closedPortTakesNoHandles(e *env) {
	p := e.port(nil)
	is(e, p.Close(), nil)
	refusesHandles(e, p)
	_, err := completion.ListenConfig{Backlog: 1}.Listen(p, "tcp4", "127.0.0.1:0")
	is(e, err, net.ErrClosed)
}

func newSocketIsNotConnected(e *env) {
	p := e.port(nil)
	for _, network := range e.networks("tcp", "tcp4", "unix") {
		s, err := p.Socket(network)
		is(e, err, nil)
		equal(e, "remote", s.RemoteAddr(), nil)
		write := &ops.Write{To: s, Buf: text("abc")}
		if p.Await(e.ctx, write) == nil {
			e.Fatal("a write on a socket not connected ended well")
		}
		equal(e, "count", write.N(), 0)
		is(e, s.Close(), nil)
	}
}

func handlesOfAnotherPortPanic(e *env) {
	p, stranger := e.port(nil), e.port(nil)
	s, _ := e.pair(p)
	l := e.listen(p, "tcp4")
	for _, op := range []completion.Operation{&ops.Read{From: s, Buf: own(8)}, &ops.Accept{On: l}} {
		message := panics(e, func() { stranger.Submit(op) })
		if !strings.Contains(message, "another port") {
			e.Fatalf("panic says %q", message)
		}
		e.submit(p, op) // it is still the caller's
		p.Cancel(op)
		e.expect(p, op, completion.ErrCanceled)
	}
	e.idle(stranger)
}
