//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package sys

import (
	"net"
	"syscall"
	"testing"

	"github.com/completionport/completion/internal/backend"
	"golang.org/x/sys/unix"
)

// An accept may wait, so it does not do so inside of ForkLock: nobody could start a
// process meanwhile. This test hangs if it does.
func TestAcceptWithoutForkLock(t *testing.T) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	c, err := net.Dial("tcp4", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	k := new(Kernel)
	fd, err := k.Adopt(l, backend.ListeningSocket)
	if err != nil {
		t.Fatal(err)
	}
	defer k.Close(fd)
	for !readable(fd) { // the BSDs may complete a connection after connect(2) has returned
	}
	syscall.ForkLock.Lock()
	conn, errno := k.Accept(fd)
	syscall.ForkLock.Unlock()
	if errno != 0 {
		t.Fatal(errno)
	}
	defer k.Close(conn)
	flags, err := unix.FcntlInt(uintptr(conn), unix.F_GETFD, 0)
	if err != nil || flags&unix.FD_CLOEXEC == 0 {
		t.Errorf("children inherit what was accepted: %v", err)
	}
}
