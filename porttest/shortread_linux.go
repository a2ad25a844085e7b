package porttest

import (
	"errors"
	"os"
	"os/exec"

	"github.com/completionport/completion"
	"github.com/completionport/completion/ops"
	"golang.org/x/sys/unix"
)

var shortReadLinuxCases = []testCase{
	twoSendersOnAUnixSocket,
	urgentByteAfterAnother,
}

// twoSendersOnAUnixSocket: with SO_PASSCRED a read ends where another sender begins.
func twoSendersOnAUnixSocket(e *env) {
	e.needsSystem("senders are processes")
	other := e.otherSender()
	ask := func(s *completion.Socket) {
		is(e, onDescriptorOf(s, func(fd int) error { return unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_PASSCRED, 1) }), nil)
	}
	shortReads(e, "unix", "abcdef", ask, func(c *peer) {
		c.send("ab")
		other(c, "cd")
		c.send("ef")
	})
}

// otherSender returns a way to send as somebody else: with other credentials if
// this process may say so, else by another process.
func (e *env) otherSender() func(c *peer, s string) {
	somebody := unix.UnixCredentials(&unix.Ucred{Pid: int32(os.Getpid()), Uid: 1, Gid: 1})
	p := e.port(nil)
	_, c := e.pairOn(p, "unix")
	if err := writeWith(c.Conn, []byte("x"), somebody); err == nil {
		return func(c *peer, s string) { is(e, writeWith(c.Conn, []byte(s), somebody), nil) }
	} else if !errors.Is(err, unix.EPERM) {
		e.Fatal(err)
	}
	shell, err := exec.LookPath("sh")
	if err != nil {
		e.Skip("there is no shell to send something, and only root may send as another")
	}
	return func(c *peer, s string) {
		f, err := c.Conn.(interface{ File() (*os.File, error) }).File()
		is(e, err, nil)
		defer f.Close()
		command := exec.Command(shell, "-c", "printf "+s+" >&3")
		command.ExtraFiles = []*os.File{f}
		is(e, command.Run(), nil)
	}
}

// urgentByteAfterAnother: one urgent byte is kept out of the stream at a time. One that
// no read has passed goes back into it when another is sent.
func urgentByteAfterAnother(e *env) {
	e.needsSystem("a matter of the system's TCP")
	p := e.port(nil)
	s, c := e.pair(p)
	c.send("abc")
	c.sendUrgent("X")
	c.sendUrgent("Y")
	fd := descriptorOf(e, s)
	until(func() bool { // all before the Y is there
		n, err := unix.IoctlGetInt(fd, unix.SIOCINQ)
		is(e, err, nil)
		return n == len("abcX")
	})
	c.send("def")
	read := &ops.Read{From: s, Buf: own(7), Full: true}
	is(e, p.Await(e.ctx, read), nil)
	equal(e, "read", string(read.Buf.Bytes()), "abcXdef")
}
