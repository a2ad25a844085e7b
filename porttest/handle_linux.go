package porttest

import (
	"context"
	"math"
	"net"
	"os"
	"syscall"
	"time"

	"github.com/completionport/completion"
	"github.com/completionport/completion/ops"
	"golang.org/x/sys/unix"
)

var systemCases = []testCase{
	adoptConnOfOtherFamilies,
	adoptMultipathTCP,
	abstractNames,
	adoptConnNeverConnected,
	refusedKeepAliveChangesNothing,
}

// fileConn is a connection of another package, with a descriptor to adopt.
type fileConn struct {
	net.Conn
	*os.File
}

func (c fileConn) Close() error { return c.File.Close() }

func (c fileConn) Read(p []byte) (int, error) { return c.File.Read(p) }

func (c fileConn) Write(p []byte) (int, error) { return c.File.Write(p) }

func (c fileConn) SetDeadline(t time.Time) error { return c.File.SetDeadline(t) }

func (c fileConn) SetReadDeadline(t time.Time) error { return c.File.SetReadDeadline(t) }

func (c fileConn) SetWriteDeadline(t time.Time) error { return c.File.SetWriteDeadline(t) }

// adoptConnOfOtherFamilies: a stream socket is not enough. What this kernel has of these
// is tried.
func adoptConnOfOtherFamilies(e *env) {
	e.needsSystem("sockets are opened beside package net")
	p := e.port(nil)
	tried := 0
	for _, kind := range [][2]int{
		{unix.AF_VSOCK, 0}, {unix.AF_TIPC, 0}, {unix.AF_SMC, 0}, {unix.AF_BLUETOOTH, 3},
		{unix.AF_INET, unix.IPPROTO_SCTP}, {unix.AF_INET6, unix.IPPROTO_SCTP},
	} {
		fd, err := unix.Socket(kind[0], unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, kind[1])
		if err != nil {
			continue
		}
		tried++
		c := fileConn{File: os.NewFile(uintptr(fd), "socket")}
		before := countDescriptors()
		_, err = p.AdoptConn(c)
		unsupported(e, p, err)
		equal(e, "descriptors", countDescriptors(), before)
		is(e, c.Close(), nil) // it was still the caller's
	}
	if tried == 0 {
		e.Skip("this kernel has streams of TCP and unix only")
	}
}

// adoptConnNeverConnected: package net makes a connection of any stream socket. One that
// is none is as from Port.Socket.
func adoptConnNeverConnected(e *env) {
	e.needsSystem("sockets are opened beside package net")
	p := e.port(nil)
	for network, domain := range map[string]int{"tcp4": unix.AF_INET, "unix": unix.AF_UNIX} {
		fd, err := unix.Socket(domain, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
		is(e, err, nil)
		f := os.NewFile(uintptr(fd), "socket")
		c, err := net.FileConn(f)
		is(e, err, nil)
		f.Close()
		s, err := p.AdoptConn(c)
		is(e, err, nil)
		equal(e, "remote", s.RemoteAddr(), nil)
		to := e.serve(network, echo)
		is(e, p.Await(e.ctx, &ops.Connect{On: s, To: to}), nil)
		equal(e, "remote", s.RemoteAddr().String(), to.String())
		e.echoes(p, s, "now it is connected")
		is(e, s.Close(), nil)
		noAddr(e, s.RemoteAddr(), to.Network())
	}
}

// adoptMultipathTCP: package net may open TCP sockets of this kind.
func adoptMultipathTCP(e *env) {
	e.needsSystem("an option of package net")
	p := e.port(nil)
	var config net.ListenConfig
	config.SetMultipathTCP(true)
	original, err := config.Listen(context.Background(), "tcp4", "127.0.0.1:0")
	is(e, err, nil)
	l := e.adopt(p, original)
	protocol, err := unix.GetsockoptInt(descriptorOf(e, l), unix.SOL_SOCKET, unix.SO_PROTOCOL)
	is(e, err, nil)
	if protocol != unix.IPPROTO_MPTCP {
		e.Skip("this kernel has no MPTCP")
	}
	accept := &ops.Accept{On: l}
	e.submit(p, accept)
	var dialer net.Dialer
	dialer.SetMultipathTCP(true)
	c, err := dialer.Dial("tcp4", l.Addr().String())
	is(e, err, nil)
	s, err := p.AdoptConn(c)
	is(e, err, nil)
	e.expect(p, accept, nil)
	for _, ends := range [][2]*completion.Socket{{s, accept.Conn}, {accept.Conn, s}} {
		write, read := &ops.Write{To: ends[0], Buf: text("hello")}, &ops.Read{From: ends[1], Buf: own(5), Full: true}
		e.submit(p, write, read)
		e.expectAll(p, nil, write, read)
		equal(e, "read", string(read.Buf.Bytes()), "hello")
	}
}

// refusedKeepAliveChangesNothing: a time that the system does not take leaves all three
// options as they were.
func refusedKeepAliveChangesNothing(e *env) {
	e.needsSystem("options are read through the descriptor")
	p := e.port(nil)
	s, other := e.pair(p)
	is(e, s.SetKeepAlive(0), nil) // package net turns it on
	fresh := keepAlive(e, s)
	equal(e, "on", fresh[0], 0)
	for _, idle := range []time.Duration{10 * time.Hour, 1 << 31 * time.Second, 1 << 32 * time.Second, (1<<32 + 60) * time.Second, math.MaxInt64} {
		is(e, s.SetKeepAlive(idle), syscall.EINVAL)
		equal(e, "keep-alive", keepAlive(e, s), fresh)
	}
	is(e, s.SetKeepAlive(90*time.Second), nil)
	equal(e, "keep-alive", keepAlive(e, s), [3]int{1, 90, 90})
	is(e, s.SetKeepAlive(10*time.Hour), syscall.EINVAL)
	equal(e, "keep-alive", keepAlive(e, s), [3]int{1, 90, 90})
	is(e, s.SetKeepAlive(-1), nil)
	equal(e, "on", keepAlive(e, s)[0], 0)
	talksTo(e, p, s, other)

	u, _ := e.pairOn(p, "unix")
	is(e, u.SetKeepAlive(90*time.Second), unix.EOPNOTSUPP)
	on, err := unix.GetsockoptInt(descriptorOf(e, u), unix.SOL_SOCKET, unix.SO_KEEPALIVE)
	is(e, err, nil)
	equal(e, "on, for a unix socket", on, 0)
}

// keepAlive reads whether it is on, and both times.
func keepAlive(e *env, s *completion.Socket) (options [3]int) {
	e.Helper()
	fd := descriptorOf(e, s)
	for i, o := range [3][2]int{{unix.SOL_SOCKET, unix.SO_KEEPALIVE}, {unix.IPPROTO_TCP, unix.TCP_KEEPIDLE}, {unix.IPPROTO_TCP, unix.TCP_KEEPINTVL}} {
		value, err := unix.GetsockoptInt(fd, o[0], o[1])
		is(e, err, nil)
		options[i] = value
	}
	return options
}
