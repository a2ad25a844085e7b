//go:build darwin || dragonfly || freebsd

package sys

import "syscall"

// whyBroken returns 0: the call itself raises no signal.
func whyBroken(int) syscall.Errno { return 0 }

// upToEnd returns n: a file may end before the count.
func upToEnd(_ uintptr, _ int64, n int) int { return n }
