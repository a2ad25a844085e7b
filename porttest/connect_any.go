package porttest

import (
	"net"

	"github.com/completionport/completion"
	"github.com/completionport/completion/ops"
)

// connectToNoAddressInParticular: to connect to no address in particular means this
// machine, whatever the form of the address and the family of the socket. So what
// Listener.Addr returns can be connected to.
func connectToNoAddressInParticular(e *env) {
	p := e.port(nil)
	l, err := p.Listen("tcp4", "0.0.0.0:0")
	is(e, err, nil)
	for _, network := range []string{"tcp", "tcp4"} {
		e.reaches(p, network, l, l.Addr())
		for _, ip := range []net.IP{net.IPv4zero.To4(), net.IPv4zero.To16()} {
			e.reaches(p, network, l, &net.TCPAddr{IP: ip, Port: l.Addr().(*net.TCPAddr).Port})
		}
	}
	if !e.hasIPv6() {
		return
	}
	l, err = p.Listen("tcp6", "[::]:0")
	is(e, err, nil)
	e.reaches(p, "tcp6", l, l.Addr())
	if !e.mapsIPv4() {
		return
	}
	e.reaches(p, "tcp", l, l.Addr())
	l, err = p.Listen("tcp", "[::]:0")
	is(e, err, nil)
	e.reaches(p, "tcp", l, l.Addr())
	e.reaches(p, "tcp", l, &net.TCPAddr{IP: net.IPv4zero, Port: l.Addr().(*net.TCPAddr).Port})
}

// reaches connects to an address, and checks that it is the listener who accepts, and
// that both ends are on this machine.
func (e *env) reaches(p *completion.Port, network string, l *completion.Listener, to net.Addr) {
	e.Helper()
	what := network + " to " + to.String()
	c, a := &ops.Connect{On: e.socket(p, network), To: to}, &ops.Accept{On: l}
	if err := p.Await(e.ctx, c); err != nil {
		e.Fatalf("%s: %v", what, err)
	}
	is(e, p.Await(e.ctx, a), nil)
	equal(e, what, a.Conn.RemoteAddr().String(), c.On.LocalAddr().String())
	equal(e, what+": loopback", c.On.RemoteAddr().(*net.TCPAddr).IP.IsLoopback(), true)
	is(e, c.On.Close(), nil)
	is(e, a.Conn.Close(), nil)
}
