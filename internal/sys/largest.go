//go:build darwin || dragonfly || freebsd || netbsd || openbsd || windows

package sys

// largest is the limit of one call, in bytes, as in package net (maxRW in internal/poll).
// On macOS and FreeBSD, a call with 2 GiB or more fails with EINVAL, since its length does
// not fit into a C int. Winsock's lengths have 32 bits. Linux limits its calls by itself.
const largest = 1 << 30

// oneCall returns how many of n bytes one call may move.
func oneCall(n int) int { return min(n, largest) }
