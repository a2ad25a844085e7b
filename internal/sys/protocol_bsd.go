//go:build freebsd || openbsd

package sys

import "golang.org/x/sys/unix"

// protocolOption asks for the protocol of a socket.
const protocolOption = unix.SO_PROTOCOL

var tcpProtocols = []int{unix.IPPROTO_TCP}
