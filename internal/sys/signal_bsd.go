//go:build dragonfly || freebsd || netbsd || openbsd

package sys

import "syscall"

// noSignal has nothing to do: every write says MSG_NOSIGNAL.
func noSignal(int) syscall.Errno { return 0 }
