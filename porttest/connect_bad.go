package porttest

import (
	"net"

	"github.com/completionport/completion/ops"
)

// Connects to what is no address, or none of the socket's family.

func connectToNil(e *env) { connectBadAddress(e, "tcp4", nil) }

func connectToNilTCPAddr(e *env) { connectBadAddress(e, "tcp4", (*net.TCPAddr)(nil)) }

func connectToNilUnixAddr(e *env) { connectBadAddress(e, "tcp4", (*net.UnixAddr)(nil)) }

func connectToNilUnixAddrOnUnix(e *env) { connectBadAddress(e, "unix", (*net.UnixAddr)(nil)) }

func connectToUnknownType(e *env) {
	connectBadAddress(e, "tcp4", &net.IPAddr{IP: net.IPv4(127, 0, 0, 1)})
}

func connectToOtherFamily(e *env) {
	connectBadAddress(e, "tcp4", &net.TCPAddr{IP: net.IPv6loopback, Port: 1})
}

func connectToUnixOnTCP(e *env) { connectBadAddress(e, "tcp4", &net.UnixAddr{Net: "unix", Name: "x"}) }

func connectToTCPOnUnix(e *env) {
	connectBadAddress(e, "unix", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1})
}

func connectBadAddress(e *env, network string, to net.Addr) {
	if network == "unix" {
		e.needsUnix()
	}
	p := e.port(nil)
	s := e.socket(p, network)
	c := &ops.Connect{On: s, To: to}
	r := &ops.Read{From: s, Buf: own(1)}
	e.submit(p, c, r)
	e.expect(p, c, errnoBadFamily)
	e.expect(p, r, errnoBadFamily)
	is(e, s.Close(), nil)
}
