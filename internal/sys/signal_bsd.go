//go:build dragonfly || freebsd || netbsd || openbsd

package sys

import "syscall"

// noSignal does nothing: every write has MSG_NOSIGNAL.
func noSignal(int) syscall.Errno { return 0 }
