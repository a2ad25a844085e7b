//go:build unix

package porttest

import (
	"errors"
	"net"
	"os"
	"syscall"

	"github.com/completionport/completion/ops"
	"golang.org/x/sys/unix"
)

var shortReadSystemCases = append([]testCase{
	urgentByteOnAUnixSocket,
	urgentByteInTheStream,
	urgentByteBeforeAdoption,
	urgentByteTakenBeforeAdoption,
}, shortReadLinuxCases...)

// onDescriptor calls f until it does not return EAGAIN, as package net does.
func onDescriptor(c any, f func(fd int) error) error {
	raw, err := c.(syscall.Conn).SyscallConn()
	if err != nil {
		return err
	}
	var inner error
	err = raw.Write(func(fd uintptr) bool {
		inner = f(int(fd))
		return inner != unix.EAGAIN
	})
	return errors.Join(err, inner)
}

// writeUrgent sends bytes of which the last is urgent.
func writeUrgent(c net.Conn, b []byte) error {
	return onDescriptor(c, func(fd int) error { return unix.Sendto(fd, b, unix.MSG_OOB, nil) })
}

// takeUrgent receives the urgent byte, out of the stream's order.
func takeUrgent(c net.Conn) (b byte, err error) {
	var one [1]byte
	err = onDescriptor(c, func(fd int) error {
		_, _, err := unix.Recvfrom(fd, one[:], unix.MSG_OOB)
		return err
	})
	return one[0], err
}

// writeMessage sends bytes with a descriptor.
func writeMessage(c net.Conn, b []byte) error {
	f, err := os.Open(os.DevNull)
	if err != nil {
		return err
	}
	defer f.Close()
	return writeWith(c, b, unix.UnixRights(int(f.Fd())))
}

// writeWith sends bytes with a control message.
func writeWith(c net.Conn, b, control []byte) error {
	return onDescriptor(c, func(fd int) error { return unix.Sendmsg(fd, b, control, nil, 0) })
}

func urgentByteOnAUnixSocket(e *env) {
	e.needsSystem("a socket of the system is asked")
	p := e.port(nil)
	_, c := e.pairOn(p, "unix")
	if err := writeUrgent(c.Conn, []byte("X")); errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.EINVAL) {
		e.Skip("unix sockets here have no urgent data")
	} else if err != nil {
		e.Fatal(err)
	}
	shortReads(e, "unix", "abcdef", nil, func(c *peer) {
		c.send("ab")
		c.sendUrgent("X")
		c.send("cd")
		c.send("ef")
	})
}

// urgentByteInTheStream: with SO_OOBINLINE the urgent byte is part of the stream,
// and reads end before it all the same.
func urgentByteInTheStream(e *env) {
	e.needsSystem("an option of the system is set")
	p := e.port(nil)
	for _, full := range []bool{false, true} {
		s, c := e.pair(p)
		is(e, onDescriptorOf(s, func(fd int) error { return unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_OOBINLINE, 1) }), nil)
		shortNothing(e, p, s, c)
		r := &shortReader{e: e, p: p, s: s, full: full, size: 5}
		for range 10 {
			r.submit()
			e.idle(p)
			c.send("ab")
			c.sendUrgent("X")
			c.send("cd")
			equal(e, "read", r.read(5), "abXcd")
		}
	}
}

// onDescriptorOf calls f with the descriptor of a port's socket.
func onDescriptorOf(s syscall.Conn, f func(fd int) error) error {
	raw, err := s.SyscallConn()
	if err != nil {
		return err
	}
	var inner error
	err = raw.Control(func(fd uintptr) { inner = f(int(fd)) })
	return errors.Join(err, inner)
}

func urgentByteBeforeAdoption(e *env) { shortAdopted(e, func(net.Conn) {}) }

// urgentByteTakenBeforeAdoption: the urgent byte was received by whoever had the connection
// before. Nothing tells of it any more, and reads end where it was.
func urgentByteTakenBeforeAdoption(e *env) {
	shortAdopted(e, func(c net.Conn) {
		b, err := takeUrgent(c)
		is(e, err, nil)
		equal(e, "urgent byte", b, 'X')
	})
}

// shortAdopted: what a connection has received before it is adopted is read,
// urgent or not.
func shortAdopted(e *env, before func(net.Conn)) {
	e.needsSystem("package net's connections are adopted")
	e.needsAdopt()
	p := e.port(nil)
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	is(e, err, nil)
	defer l.Close()
	for range 10 {
		c := e.dial(l.Addr())
		conn, err := l.Accept()
		is(e, err, nil)
		c.send("ab")
		c.sendUrgent("X")
		before(conn)
		c.send("cd")
		s, err := p.AdoptConn(conn)
		is(e, err, nil)
		r := &shortReader{e: e, p: p, s: s, size: 16}
		equal(e, "read", r.read(4), "abcd")
		w := &ops.Write{To: s, Buf: text("ok")}
		e.submit(p, w)
		e.expect(p, w, nil)
		equal(e, "reply", c.receive(2), "ok")
		is(e, s.Close(), nil)
	}
}
