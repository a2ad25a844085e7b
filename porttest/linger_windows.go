package porttest

import (
	"unsafe"

	"golang.org/x/sys/windows"
)

// setLinger sets SO_LINGER, to none for 0.
func setLinger(fd uintptr, seconds int) error {
	l := windows.Linger{Linger: int32(seconds)}
	if seconds > 0 {
		l.Onoff = 1
	}
	return windows.SetsockoptLinger(windows.Handle(fd), windows.SOL_SOCKET, windows.SO_LINGER, &l)
}

// getLinger returns the seconds, 0 if it is off.
func getLinger(fd uintptr) (int, error) {
	var l struct{ on, seconds uint16 } // package windows has it wrong
	size := int32(unsafe.Sizeof(l))
	err := windows.Getsockopt(windows.Handle(fd), windows.SOL_SOCKET, windows.SO_LINGER, (*byte)(unsafe.Pointer(&l)), &size)
	if err != nil || l.on == 0 {
		return 0, err
	}
	return int(l.seconds), nil
}
