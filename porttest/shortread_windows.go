package porttest

import (
	"errors"
	"net"
	"syscall"
)

var shortReadSystemCases []testCase

// writeMessage is for systems with unix sockets.
func writeMessage(net.Conn, []byte) error { return errors.ErrUnsupported }

// writeUrgent sends bytes of which the last is urgent.
func writeUrgent(c net.Conn, b []byte) error {
	const outOfBand = 1 // MSG_OOB
	raw, err := c.(syscall.Conn).SyscallConn()
	if err != nil {
		return err
	}
	var inner error
	err = raw.Control(func(s uintptr) {
		buffer := syscall.WSABuf{Len: uint32(len(b)), Buf: &b[0]}
		var sent uint32
		inner = syscall.WSASend(syscall.Handle(s), &buffer, 1, &sent, outOfBand, nil, nil)
	})
	if err == nil {
		err = inner
	}
	return err
}
