//go:build darwin || dragonfly || netbsd

package sys

// protocolOption: no option tells the protocol of a socket.
const protocolOption = 0

var tcpProtocols []int
