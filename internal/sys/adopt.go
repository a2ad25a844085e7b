//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd || windows

package sys

import (
	"errors"
	"fmt"
	"syscall"

	"github.com/completionport/completion/internal/backend"
)

// adopt returns a descriptor of our own for a socket of package net. duplicate is the
// system's way to duplicate a descriptor.
func adopt(c any, kind backend.SocketKind, duplicate func(fd int, kind backend.SocketKind) (int, error)) (int, error) {
	sc, ok := c.(syscall.Conn)
	if !ok {
		return -1, fmt.Errorf("%T has no descriptor: %w", c, errors.ErrUnsupported)
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return -1, err
	}
	fd := -1
	var inner error
	if err := raw.Control(func(s uintptr) { fd, inner = duplicate(int(s), kind) }); err != nil {
		return -1, err
	}
	if errors.Is(inner, syscall.EPROTOTYPE) {
		return -1, fmt.Errorf("%T is not of the right kind: %w", c, errors.ErrUnsupported)
	}
	return fd, inner
}
