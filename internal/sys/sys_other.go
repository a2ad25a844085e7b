//go:build !linux

package sys

import (
	"errors"
	"net"
	"time"

	"github.com/completionport/completion/internal/core"
)

// Systems without a backend: nothing here is reached, since no port opens.

func Socket(Family) (int, error)                              { return -1, errors.ErrUnsupported }
func Listen(Family, core.Address, ListenOptions) (int, error) { return -1, errors.ErrUnsupported }
func Close(int)                                               {}
func LocalAddr(int) net.Addr                                  { return nil }
func RemoteAddr(int) net.Addr                                 { return nil }
func Duplicate(int, bool) (int, error)                        { return -1, errors.ErrUnsupported }
func SetNoDelay(int, bool) error                              { return errors.ErrUnsupported }
func SetKeepAlive(int, time.Duration) error                   { return errors.ErrUnsupported }
func SetReadBuffer(int, int) error                            { return errors.ErrUnsupported }
func SetWriteBuffer(int, int) error                           { return errors.ErrUnsupported }
func SetResetOnClose(int, bool) error                         { return errors.ErrUnsupported }
