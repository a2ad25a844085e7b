//go:build !unix && !windows

package porttest

import (
	"errors"
	"net"
	"os"
	"syscall"
)

// Systems without a backend, where the suite runs on a network of its own.

const (
	errnoRefused     = syscall.ECONNREFUSED
	errnoIsConnected = syscall.EISCONN
	errnoBadFamily   = syscall.EAFNOSUPPORT
	errnoReset       = syscall.ECONNRESET
)

var shortReadSystemCases []testCase

// isNoSuchFile tells what a connect to a path ends with where nobody listens.
func (e *env) isNoSuchFile(err error) bool { return errors.Is(err, os.ErrNotExist) }

// refusingAddress is one where nobody listens.
func (e *env) refusingAddress() *net.TCPAddr { return e.abandonedAddress() }

// boundAddress: there is none.
func (e *env) boundAddress() *net.TCPAddr { return nil }

func noDelay(uintptr) (bool, error) { return false, errors.ErrUnsupported }

func setLinger(uintptr, int) error { return errors.ErrUnsupported }

func getLinger(uintptr) (int, error) { return 0, errors.ErrUnsupported }

func isOpen(uintptr) bool { return false }

func writeMessage(net.Conn, []byte) error { return errors.ErrUnsupported }

func writeUrgent(net.Conn, []byte) error { return errors.ErrUnsupported }
