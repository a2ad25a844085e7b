package porttest

import (
	"net"
	"runtime"
	"strconv"

	"github.com/completionport/completion"
	"github.com/completionport/completion/ops"
)

// anyAddresses are addresses to listen on with the families that must reach
// them, where one socket can speak both.
var anyAddresses = []struct {
	network, address string
	v4, v6           bool
}{
	{"tcp", ":0", true, true},
	{"tcp", "0.0.0.0:0", true, true},
	{"tcp", "[::]:0", true, true},
	{"tcp", "[::ffff:0.0.0.0]:0", true, true},
	{"tcp4", ":0", true, false},
	{"tcp4", "0.0.0.0:0", true, false},
	{"tcp4", "[::]:0", true, false},
	{"tcp6", ":0", false, true},
	{"tcp6", "[::]:0", false, true},
	{"tcp", "127.0.0.1:0", true, false},
	{"tcp", "[::ffff:127.0.0.1]:0", true, false},
	{"tcp", "[::1]:0", false, true},
}

// listenOnAnyAddress: an address without a host, or with an unspecified one,
// means the families that it means to package net, which is asked as well.
func listenOnAnyAddress(e *env) {
	p := e.port(nil)
	ipv6 := e.hasIPv6()
	// No socket speaks both there: IPv4 has precedence.
	dual := ipv6 && !(e.onSystem() && (runtime.GOOS == "openbsd" || runtime.GOOS == "dragonfly"))
	for _, c := range anyAddresses {
		if !c.v4 && !ipv6 {
			continue
		}
		v6 := c.v6 && (dual || !c.v4)
		what := c.network + " " + c.address + " by IPv"
		for name, l := range map[string]acceptor{"": e.ours(p, c.network, c.address), "package net: ": e.theirs(c.network, c.address)} {
			got4, got6 := e.reach(l)
			equal(e, name+what+"4", got4, c.v4)
			equal(e, name+what+"6", got6, v6)
			l.close()
		}
	}
}

// acceptor is a listener of either side.
type acceptor struct {
	addr   *net.TCPAddr
	accept func() (remote string)
	close  func() error
}

func (e *env) ours(p *completion.Port, network, address string) acceptor {
	e.Helper()
	l, err := p.Listen(network, address)
	if err != nil {
		e.Fatalf("listen %s %s: %v", network, address, err)
	}
	accept := func() string {
		a := &ops.Accept{On: l}
		e.submit(p, a)
		e.expect(p, a, nil)
		defer a.Conn.Close()
		return a.Conn.RemoteAddr().String()
	}
	return acceptor{l.Addr().(*net.TCPAddr), accept, l.Close}
}

func (e *env) theirs(network, address string) acceptor {
	e.Helper()
	l, err := e.network.Listen(network, address)
	if err != nil {
		e.Fatalf("package net: listen %s %s: %v", network, address, err)
	}
	accept := func() string {
		c, err := l.Accept()
		is(e, err, nil)
		defer c.Close()
		return c.RemoteAddr().String()
	}
	return acceptor{l.Addr().(*net.TCPAddr), accept, l.Close}
}

// reach tells which families reach a listener. A dial that succeeds is no proof:
// the same port of the other family may be anybody's. The last dial reaches this
// listener, so what it has not accepted before that one went elsewhere.
func (e *env) reach(l acceptor) (v4, v6 bool) {
	e.Helper()
	if l.addr.Port == 0 {
		e.Fatal("no port in the address")
	}
	dial := func(network, host string) (local string) {
		c, err := e.network.Dial(network, net.JoinHostPort(host, strconv.Itoa(l.addr.Port)))
		if err != nil {
			return ""
		}
		e.closers = append(e.closers, c.Close)
		return c.LocalAddr().String()
	}
	by4, by6 := dial("tcp4", "127.0.0.1"), dial("tcp6", "::1")
	last := ""
	if l.addr.IP.To4() != nil {
		last = dial("tcp4", "127.0.0.1")
	} else {
		last = dial("tcp6", "::1")
	}
	if last == "" {
		e.Fatalf("%v can't be reached", l.addr)
	}
	for remote := ""; remote != last; {
		remote = l.accept()
		v4 = v4 || remote == by4
		v6 = v6 || remote == by6
	}
	return v4, v6
}
