package backend

import (
	"net/netip"
	"time"
)

// Message is one datagram that a Receive stores or that a Send sends.
type Message struct {
	// Data is the memory to receive into, or the bytes to send.
	Data []byte
	// Addr is the sender, never in the IPv6 form of an IPv4 address, or the receiver. To
	// send on a connected socket, Addr and Path are zero. The address of a unix socket is
	// Path.
	Addr netip.AddrPort
	Path string
	// N is the number of bytes that were stored or sent.
	N int
	// Truncated reports that the datagram that was received did not fit into Data. The
	// rest of it is lost.
	Truncated bool
	// Control, if not nil, is what accompanies the datagram.
	Control *Control
}

// Control is what accompanies a datagram, or bytes on a unix stream, beside its data and the
// address of the other side. To send, a field that is zero is absent. A kernel that receives
// sets all fields, to zero where the system has reported nothing.
type Control struct {
	// Local is the address that the datagram was sent to, or is to be sent from, never in
	// the IPv6 form of an IPv4 address. Interface is the number of the network interface.
	Local     netip.Addr
	Interface int
	TTL       int   // the hop limit
	ECN       uint8 // the code point plus 1
	Time      time.Time
	// SegmentSize is the size of each of several datagrams in Data, of which the last may be
	// shorter.
	SegmentSize int
	// Descriptors are sent along. To receive, its capacity is the room, and the kernel closes
	// those that it has no room for.
	Descriptors []int
	Credentials Credentials
	// Truncated reports that some of it got lost: descriptors, or others that the system had
	// no room for.
	Truncated bool
}

// Credentials are those of a sender. They are zero if Valid is false.
type Credentials struct {
	PID, UID, GID int
	Valid         bool
}

// HasRights reports whether there are descriptors or credentials to send.
func (c *Control) HasRights() bool { return len(c.Descriptors) > 0 || c.Credentials.Valid }

// Clear sets all fields to zero, and keeps the memory of Descriptors.
func (c *Control) Clear() { *c = Control{Descriptors: c.Descriptors[:0]} }

// Reports are what a socket stores in the Control of a message that it receives.
type Reports uint8

const (
	ReportLocal Reports = 1 << iota
	ReportTTL
	ReportECN
	ReportTime
	ReportCredentials
	ReportSegments
)

// PacketOptions are set before a datagram socket is bound.
type PacketOptions struct {
	ReusePort bool
	Broadcast bool
}

// Group is a group of multicast receivers on one interface. Interface 0 lets the system
// choose.
type Group struct {
	Addr      netip.Addr
	Interface int
}
