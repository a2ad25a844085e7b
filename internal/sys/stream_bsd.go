//go:build darwin || dragonfly || freebsd || netbsd || openbsd

package sys

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// pipeRoom is PIPE_BUF: a pipe that poll(2) reports as writable takes as much at once.
const pipeRoom = 512

const getTermios = unix.TIOCGETA

// readNow and writeNow: no call of these systems has a flag that makes it non-blocking.

func readNow(int, []byte) (int, syscall.Errno) { return 0, unix.EOPNOTSUPP }

func writeNow(int, []byte) (int, syscall.Errno) { return 0, unix.EOPNOTSUPP }

// readPlain is read(2).
func readPlain(fd int, p []byte) (int, syscall.Errno) { return moved(unix.Read(fd, p)) }

// reopenTerminal: /dev/fd would share the description.
func reopenTerminal(int) (own int, ok bool) { return -1, false }
