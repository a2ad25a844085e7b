//go:build dragonfly || netbsd || openbsd

package sys

// These systems report no traffic class of IPv4, and take none for one datagram.
const (
	classKind = -1
	classSize = 0
)

var classOptions []reportOption
