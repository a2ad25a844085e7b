package porttest

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// terminal returns both ends of a pseudo-terminal, which changes no byte; nil if there is
// none.
func (e *env) terminal(flags int) (master, slave *os.File) {
	e.Helper()
	flags |= unix.O_RDWR | unix.O_NOCTTY | unix.O_CLOEXEC
	m, err := unix.Open("/dev/ptmx", flags, 0)
	if err != nil {
		return nil, nil
	}
	master = e.openedFile(m)
	is(e, unix.IoctlSetPointerInt(m, unix.TIOCSPTLCK, 0), nil)
	number, err := unix.IoctlGetInt(m, unix.TIOCGPTN)
	is(e, err, nil)
	s, err := unix.Open(fmt.Sprintf("/dev/pts/%d", number), flags, 0)
	is(e, err, nil)
	raw, err := unix.IoctlGetTermios(s, unix.TCGETS)
	is(e, err, nil)
	raw.Iflag, raw.Oflag, raw.Lflag = 0, 0, 0
	raw.Cc[unix.VMIN], raw.Cc[unix.VTIME] = 1, 0
	is(e, unix.IoctlSetTermios(s, unix.TCSETS, raw), nil)
	return master, e.openedFile(s)
}
