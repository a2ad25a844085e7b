package porttest

import (
	"errors"
	"net"
	"os"
	"syscall"
)

// Errors of connect, as Winsock numbers them.
const (
	errnoRefused     = syscall.Errno(10061)
	errnoIsConnected = syscall.Errno(10056)
	errnoBadFamily   = syscall.Errno(10047)
	errnoReset       = syscall.Errno(10054)
)

// isNoSuchFile tells what a connect to a file ends with that is not there. Windows
// has no one answer: it has been seen to say that the network is down.
func (e *env) isNoSuchFile(err error) bool {
	const networkDown = syscall.Errno(10050)
	if !e.onSystem() {
		return errors.Is(err, os.ErrNotExist)
	}
	return errors.Is(err, os.ErrNotExist) || errors.Is(err, networkDown) || errors.Is(err, errnoRefused)
}

// refusingAddress is one where nobody listens.
func (e *env) refusingAddress() *net.TCPAddr { return e.abandonedAddress() }

// boundAddress: there is none.
func (e *env) boundAddress() *net.TCPAddr { return nil }
