//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd || windows

package sys

import (
	"net/netip"

	"github.com/completionport/completion/internal/backend"
)

// target returns the address for the connect call. As in package net, a connect to an
// unspecified address, of either family and in any form, goes to this machine. target
// replaces such an address by the loopback address, since systems differ: Linux refuses a
// mapped 0.0.0.0, OpenBSD and Windows refuse all of them.
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
