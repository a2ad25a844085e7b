package sys

import "golang.org/x/sys/unix"

// protocolOption asks for the protocol of a socket. Package net opens listeners of
// Multipath TCP by default, whose connections speak either.
const protocolOption = unix.SO_PROTOCOL

var tcpProtocols = []int{unix.IPPROTO_TCP, unix.IPPROTO_MPTCP}
