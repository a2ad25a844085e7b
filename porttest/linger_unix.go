//go:build unix

package porttest

import "golang.org/x/sys/unix"

// setLinger sets SO_LINGER, to none for 0.
func setLinger(fd uintptr, seconds int) error {
	l := unix.Linger{Linger: int32(seconds)}
	if seconds > 0 {
		l.Onoff = 1
	}
	return unix.SetsockoptLinger(int(fd), unix.SOL_SOCKET, unix.SO_LINGER, &l)
}

// getLinger returns the seconds, 0 if it is off.
func getLinger(fd uintptr) (int, error) {
	l, err := unix.GetsockoptLinger(int(fd), unix.SOL_SOCKET, unix.SO_LINGER)
	if err != nil || l.Onoff == 0 {
		return 0, err
	}
	return int(l.Linger), nil
}
