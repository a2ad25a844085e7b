package sys

import "golang.org/x/sys/unix"

// protocolOption is the option that returns the protocol of a socket. By default package
// net opens listeners of Multipath TCP, whose connections are of that or of plain TCP.
const protocolOption = unix.SO_PROTOCOL

var tcpProtocols = []int{unix.IPPROTO_TCP, unix.IPPROTO_MPTCP}
