//go:build !unix

package porttest

import (
	"net"
	"syscall"
)

// Errors of connect, as Winsock numbers them.
const (
	errnoRefused     = syscall.Errno(10061)
	errnoIsConnected = syscall.Errno(10056)
	errnoBadFamily   = syscall.Errno(10047)
	errnoReset       = syscall.Errno(10054)
)

// refusingAddress is one where nobody listens.
func (e *env) refusingAddress() *net.TCPAddr { return e.abandonedAddress() }

// boundAddress: there is none.
func (e *env) boundAddress() *net.TCPAddr { return nil }
