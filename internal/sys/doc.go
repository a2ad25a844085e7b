// Package sys has all system calls that the engine and the handles make, so that they can
// be reviewed, counted and made to fail in one place. It adds no queue to the calls of an
// operation and no retry, except that Kernel.Read of Linux may read again at urgent data.
package sys

import (
	"net"
	"time"

	"github.com/completionport/completion/internal/backend"
)

// start is the zero of the clock.
//
// The clock of a testing/synctest bubble begins in 2000 and has no monotonic reading, so
// inside a bubble time.Since compares the bubble's clock with the wall clock of start.
// start must be before 2000, or the time in a bubble would be negative. Outside of
// bubbles this makes no difference, since only monotonic readings are compared.
var start = before(time.Now(), time.Date(1999, 12, 31, 0, 0, 0, 0, time.UTC))

// before returns now moved back to the time then, with both readings of the clock. If now
// is earlier than then, it returns now.
func before(now, then time.Time) time.Time { return now.Add(min(then.Sub(now), 0)) }

// Now returns the time of a monotonic clock, in nanoseconds, always above 0. Times in a
// bubble of testing/synctest can't be compared with times outside.
func Now() int64 { return int64(time.Since(start)) + 1 }

// Time returns the time.Time at which Now returns t. It has a monotonic reading.
func Time(t int64) time.Time { return start.Add(time.Duration(t - 1)) }

// ListenFamily returns the family of a listener, as package net chooses it. With an
// unspecified address of either family, or without an address, "tcp" means both families,
// and the listener binds to the unspecified address of its socket's family. Where no IPv6
// socket can reach IPv4 addresses, an address selects its own family.
func ListenFamily(network string, addr net.Addr, mapsIPv4 bool) backend.Family {
	if tcp, ok := addr.(*net.TCPAddr); ok && network == "tcp" && tcp.IP.IsUnspecified() && mapsIPv4 {
		return backend.Dual
	}
	return FamilyOf(network, addr)
}

// FamilyOf returns the family for a network and an address, 0 for an unknown network.
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
