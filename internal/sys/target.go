//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd || windows

package sys

import (
	"net/netip"

	"github.com/completionport/completion/internal/backend"
)

// target is the address that a connect to an address is made to. To connect to no
// address in particular, of either family and in any form, means this machine, as in
// package net: but the systems disagree. Linux refuses a mapped 0.0.0.0, OpenBSD and
// Windows refuse all of them.
func target(to backend.Address) backend.Address {
	ip := to.Inet.Addr().WithZone("").Unmap()
	switch {
	case !ip.IsUnspecified():
		return to
	case ip.Is4():
		ip = netip.AddrFrom4([4]byte{127, 0, 0, 1})
	default:
		ip = netip.IPv6Loopback()
	}
	to.Inet = netip.AddrPortFrom(ip, to.Inet.Port())
	return to
}
