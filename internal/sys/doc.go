// Package sys is the only door to the system: every call that the engine and
// the handles make stands here, so that one place can be looked at, counted
// and made to fail. It adds nothing to the calls: no retries, no queues.
package sys

import (
	"net"
	"time"
)

// start is the zero of the clock.
var start = time.Now()

// Now is a monotonic clock in nanoseconds, always above 0.
func Now() int64 { return int64(time.Since(start)) + 1 }

// Time is the moment that Now calls t, with a monotonic reading.
func Time(t int64) time.Time { return start.Add(time.Duration(t - 1)) }

// ListenOptions are set before a socket is bound.
type ListenOptions struct {
	Backlog   int
	ReusePort bool
}

// Family tells apart the sockets that this package opens.
type Family uint8

const (
	IPv4 Family = iota + 1
	IPv6        // v6 only
	Dual        // v6 that takes v4 too, or v4 where there is no v6
	Unix
)

// FamilyOf returns the family that a network and an address ask for, 0 for an
// unknown network.
func FamilyOf(network string, addr net.Addr) Family {
	switch network {
	case "unix":
		return Unix
	case "tcp4":
		return IPv4
	case "tcp6":
		return IPv6
	case "tcp":
	default:
		return 0
	}
	tcp, ok := addr.(*net.TCPAddr)
	switch {
	case !ok || tcp == nil || len(tcp.IP) == 0:
		return Dual
	case tcp.IP.To4() != nil:
		return IPv4
	}
	return IPv6
}
