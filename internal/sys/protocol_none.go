//go:build darwin || dragonfly || netbsd

package sys

// protocolOption is 0: no option returns the protocol of a socket.
const protocolOption = 0

var tcpProtocols []int
