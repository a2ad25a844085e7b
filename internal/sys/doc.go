// Package sys is the only door to the system: every call that the engine and
// the handles make stands here, so that one place can be looked at, counted
// and made to fail. It adds nothing to the calls: no retries, no queues.
package sys

import (
	"net"
	"time"

	"github.com/completionport/completion/internal/backend"
)

// start is the zero of the clock.
//
// Inside a bubble of testing/synctest, whose clock begins in 2000 and has no
// monotonic reading, time.Since compares the bubble's clock with the wall clock
// of start. That must lie before 2000, or the bubble's time would be negative;
// outside it makes no difference, as only monotonic readings are compared.
var start = before(time.Now(), time.Date(1999, 12, 31, 0, 0, 0, 0, time.UTC))

// before returns now moved back to the moment then, with both readings of the
// clock, or now itself if that is even earlier.
func before(now, then time.Time) time.Time { return now.Add(min(then.Sub(now), 0)) }

// Now is a monotonic clock in nanoseconds, always above 0. The times of a bubble
// of testing/synctest and those outside can't be compared.
func Now() int64 { return int64(time.Since(start)) + 1 }

// Time is the moment that Now calls t, with a monotonic reading.
func Time(t int64) time.Time { return start.Add(time.Duration(t - 1)) }

// ListenFamily returns the family of a listener, as package net chooses it: on an
// unspecified address of either family, or on none, "tcp" means both. The address
// to bind to is then the unspecified one of the family that the socket has. Where no
// IPv6 socket can reach IPv4 addresses, an address means its own family.
func ListenFamily(network string, addr net.Addr, mapsIPv4 bool) backend.Family {
	if tcp, ok := addr.(*net.TCPAddr); ok && network == "tcp" && tcp.IP.IsUnspecified() && mapsIPv4 {
		return backend.Dual
	}
	return FamilyOf(network, addr)
}

// FamilyOf returns the family that a network and an address ask for, 0 for an
// unknown network.
func FamilyOf(network string, addr net.Addr) backend.Family {
	switch network {
	case "unix":
		return backend.Unix
	case "tcp4":
		return backend.IPv4
	case "tcp6":
		return backend.IPv6
	case "tcp":
	default:
		return 0
	}
	tcp, ok := addr.(*net.TCPAddr)
	switch {
	case !ok || tcp == nil || len(tcp.IP) == 0:
		return backend.Dual
	case tcp.IP.To4() != nil:
		return backend.IPv4
	}
	return backend.IPv6
}
