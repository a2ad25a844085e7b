package porttest

import (
	"net"
	"runtime"
	"strconv"
	"strings"
	"sync"

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
	var all []*attempt
	for _, c := range anyAddresses {
		if c.v4 && c.v6 && !e.mapsIPv4() { // the address decides, IPv4 if it does not
			c.v6 = strings.HasPrefix(c.address, "[::]")
			c.v4 = !c.v6
		}
		if c.v4 || ipv6 {
			what, v6 := c.network+" "+c.address, c.v6 && ipv6
			all = append(all,
				&attempt{acceptor: e.ours(p, c.network, c.address), what: what, v4: c.v4, v6: v6},
				&attempt{acceptor: e.theirs(c.network, c.address), what: "package net: " + what, v4: c.v4, v6: v6})
		}
	}
	// All at once: on Windows it takes seconds to be refused.
	var dials sync.WaitGroup
	for _, a := range all {
		dials.Go(func() { a.dial(e) })
	}
	dials.Wait()
	for _, a := range all {
		a.check(e)
		a.close()
	}
}

// mapsIPv4 tells whether a socket can speak IPv4 and IPv6.
func (e *env) mapsIPv4() bool {
	return !e.onSystem() || runtime.GOOS != "openbsd" && runtime.GOOS != "dragonfly"
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

// attempt finds out which families reach a listener, and compares. A dial that
// succeeds is no proof: the same port of the other family may be anybody's. The last
// dial reaches this listener, so what it has not accepted before that one went
// elsewhere.
type attempt struct {
	acceptor
	what    string
	v4, v6  bool
	dialled [3]net.Conn // by IPv4, by IPv6, and the last; nil if it failed
}

func (a *attempt) dial(e *env) {
	ways := [3][2]string{{"tcp4", "127.0.0.1"}, {"tcp6", "::1"}, {"tcp6", "::1"}}
	if a.addr.IP.To4() != nil {
		ways[2] = ways[0]
	}
	for i, way := range ways {
		c, err := e.network.Dial(way[0], net.JoinHostPort(way[1], strconv.Itoa(a.addr.Port)))
		if err == nil {
			a.dialled[i] = c
		}
	}
}

func (a *attempt) check(e *env) {
	e.Helper()
	var locals [3]string
	for i, c := range a.dialled {
		if c != nil {
			e.closers = append(e.closers, c.Close)
			locals[i] = c.LocalAddr().String()
		}
	}
	last := locals[2]
	if last == "" {
		e.Fatalf("%s: %v can't be reached", a.what, a.addr)
	}
	var got [2]bool
	for remote := ""; remote != last; {
		remote = a.accept()
		for i := range got {
			got[i] = got[i] || remote == locals[i]
		}
	}
	equal(e, a.what+" by IPv4", got[0], a.v4)
	equal(e, a.what+" by IPv6", got[1], a.v6)
}
