//go:build darwin || dragonfly || freebsd || netbsd || openbsd || windows

package sys

// largest is the most bytes of one call, as in package net (maxRW in internal/poll).
// macOS and FreeBSD take no 2 GiB at a time: calls that were asked for more than fits
// into an int end with EINVAL. Winsock's lengths have 32 bits. Linux cuts by itself.
const largest = 1 << 30

// oneCall is how many of n bytes one call is asked for.
func oneCall(n int) int { return min(n, largest) }
