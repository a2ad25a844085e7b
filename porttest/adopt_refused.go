package porttest

import (
	"net"
	"syscall"

	"github.com/completionport/completion"
)

// refusedAdoptionChangesNothing: what a port refuses has the options that it had, and
// so has what package net accepts from it.
func refusedAdoptionChangesNothing(e *env) {
	e.needsSystem("options are set and read through descriptors")
	closed := e.port(nil)
	is(e, closed.Close(), nil)
	ports := []*completion.Port{closed}
	if !e.adopts {
		ports = append(ports, e.port(nil))
	}
	for _, p := range ports {
		c, other := e.twoEnds("tcp4")
		l, err := e.network.Listen("tcp4", "127.0.0.1:0")
		is(e, err, nil)
		e.closers = append(e.closers, l.Close)
		is(e, c.(*net.TCPConn).SetNoDelay(false), nil)
		linger(e, c.(syscall.Conn), anHour)
		linger(e, l.(syscall.Conn), anHour)
		_, err = p.AdoptConn(c)
		equal(e, "refused", err != nil, true)
		_, err = p.AdoptListener(l)
		equal(e, "refused", err != nil, true)
		for _, kept := range []syscall.Conn{c.(syscall.Conn), l.(syscall.Conn)} {
			hasLinger(e, kept, anHour)
			hasNoDelay(e, kept, false)
		}
		talk(e, c, other)
		linger(e, c.(syscall.Conn), 0) // for the end of the case
	}
}

// hasLinger checks it.
func hasLinger(e *env, c syscall.Conn, seconds int) {
	e.Helper()
	control(e, c, func(fd uintptr) error {
		got, err := getLinger(fd)
		equal(e, "seconds of linger", got, seconds)
		return err
	})
}

// hasNoDelay checks whether Nagle's algorithm is off.
func hasNoDelay(e *env, c syscall.Conn, want bool) {
	e.Helper()
	control(e, c, func(fd uintptr) error {
		got, err := noDelay(fd)
		equal(e, "NoDelay", got, want)
		return err
	})
}
