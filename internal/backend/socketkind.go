package backend

// SocketKind is what Adopt takes and Share makes.
type SocketKind uint8

// The kinds of sockets.
const (
	StreamSocket    SocketKind = iota // one that is connected, or is not connected yet
	ListeningSocket                   // one that accepts streams
	DatagramSocket
)
