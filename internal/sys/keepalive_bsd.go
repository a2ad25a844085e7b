//go:build dragonfly || freebsd || netbsd

package sys

import "golang.org/x/sys/unix"

// keepAliveTimes are the options for the time before the first probe and for the time
// between probes.
var keepAliveTimes = []int{unix.TCP_KEEPIDLE, unix.TCP_KEEPINTVL}
