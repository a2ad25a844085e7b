//go:build freebsd || openbsd

package sys

import "golang.org/x/sys/unix"

// protocolOption is the option that returns the protocol of a socket.
const protocolOption = unix.SO_PROTOCOL

var tcpProtocols = []int{unix.IPPROTO_TCP}
