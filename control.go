package completion

import (
	"net/netip"
	"os"
	"time"

	"github.com/completionport/completion/internal/backend"
)

// Control is what accompanies a datagram besides its data and the address of the other side:
// the control messages of recvmsg(2) and sendmsg(2). Descriptors accompany bytes on a unix
// stream, too.
//
// To receive: the port sets all fields, to their zero values where the system has reported
// nothing. It reports what PacketSocket.SetReports or PacketConfig.Reports selects.
//
// To send: a field that is zero is absent, and Time and Truncated have no effect. What the
// system can't send ends the operation with an error that matches errors.ErrUnsupported.
type Control struct {
	// Local is the address that the datagram was sent to, which may be that of a group. To
	// send: the address of this machine that it is sent from; EINVAL or EADDRNOTAVAIL if it
	// has no such address. An IPv4 address always has 4 bytes. With ReportLocal.
	Local netip.Addr

	// Interface is the number of the network interface that the datagram came through, as in
	// net.Interface. To send: the interface that it is sent through; not with IPv4 on the
	// BSDs. With ReportLocal.
	Interface int

	// TTL is the time to live, in IPv6 the hop limit. To send: not with IPv4 on macOS and the
	// BSDs. With ReportTTL.
	TTL int

	// ECN is the congestion notification. To send: with it, the rest of the traffic class is
	// 0, whatever the option of the socket says. Not with IPv4 on OpenBSD, NetBSD and
	// DragonFly. With ReportECN.
	ECN ECN

	// Time is when the datagram has arrived, by the system's clock: with nanoseconds on Linux,
	// microseconds elsewhere. Not on Windows. With ReportTime.
	Time time.Time

	// Segment is the size of each of several datagrams in the buffer, one behind the other, of
	// which the last may be smaller. 0 means one datagram. With ReportSegments. To send: the
	// port sends so many bytes in each datagram, on Linux with one call for up to 64 of them
	// (UDP_SEGMENT) if the system can, else with a call for each. If that ends with an error,
	// some of the datagrams may have been sent.
	Segment int

	// Truncated reports that the system had no room for all of it.
	Truncated bool
}

// Rights are what accompanies a datagram or bytes on a unix socket: open descriptors
// (SCM_RIGHTS) and credentials (SCM_CREDENTIALS). The documentation of the operation says what
// becomes of them. Where there are none, on Windows, on a Memory, and on sockets of IP, an
// operation that sends them ends with an error that matches errors.ErrUnsupported.
type Rights struct {
	// Descriptors, to receive: its capacity is the room, 0 by default. When the operation is
	// delivered it has the descriptors that were received, which belong to the program from
	// then on: it closes each of them, or makes a file of it with os.NewFile. They are
	// close-on-exec. If the operation ends with an error, there are none.
	//
	// To send: these descriptors, which must stay open until the operation is delivered. They
	// stay the program's: the receiver gets others, for the same files.
	Descriptors []int

	// Files are sent behind Descriptors. The program must not close them before the operation
	// is delivered, and need not keep them reachable. It takes allocations.
	Files []*os.File

	// Credentials are those of the sender, as the system confirms them, if Valid is true. To
	// receive them, see ReportCredentials. To send others than its own, a process needs
	// privileges. On Linux only.
	Credentials Credentials

	// Truncated reports that descriptors were closed: the program had no room for them, or the
	// process has too many open.
	Truncated bool
}

// Credentials identify a process. They are to be ignored if Valid is false.
type Credentials struct {
	PID, UID, GID int
	Valid         bool
}

// ECN is a code point of explicit congestion notification (RFC 3168). The zero value means
// that there is none: not reported, or to be sent as the options of the socket say.
type ECN uint8

// The code points. Their values are those in the IP header plus 1.
const (
	NotECT ECN = iota + 1 // the transport does not support it
	ECT1                  // ECT(1)
	ECT0                  // ECT(0)
	CE                    // congestion was experienced
)

// Reports selects what a socket reports in a Control: see PacketSocket.SetReports.
type Reports uint8

const (
	ReportLocal = Reports(backend.ReportLocal) // Control.Local and Control.Interface
	ReportTTL   = Reports(backend.ReportTTL)   // Control.TTL
	ReportECN   = Reports(backend.ReportECN)   // Control.ECN
	ReportTime  = Reports(backend.ReportTime)  // Control.Time

	// ReportSegments lets the system put datagrams of equal size from one sender into one
	// buffer (UDP_GRO), and Control.Segment tell their size. Only for a program that gives
	// each receive a Control and room for 64 KiB: others would lose the bounds of datagrams,
	// or their ends. On Linux only.
	ReportSegments = Reports(backend.ReportSegments)

	// ReportCredentials is for Rights.Credentials of unix sockets. On Linux, it gives an
	// address to a socket that has none when it sends.
	ReportCredentials = Reports(backend.ReportCredentials)
)

// SetReports selects what the socket reports about each datagram that it receives from now
// on, in the Control of an ops.RecvMsg or a message of an ops.ReadBatch. It replaces what was
// selected before. If the socket can't report one of them, the error matches
// errors.ErrUnsupported, and nothing changes. Other operations receive as before.
func (s *PacketSocket) SetReports(r Reports) error {
	return s.set("set reports", func(k kernel, fd int) error { return k.SetReports(fd, backend.Reports(r)) })
}

// ReportCredentials selects whether an ops.ReadMsg gets the credentials of who has sent the
// bytes: SO_PASSCRED, of unix sockets on Linux. Elsewhere, the error matches
// errors.ErrUnsupported.
func (s *Socket) ReportCredentials(on bool) error {
	var r Reports
	if on {
		r = ReportCredentials
	}
	return s.set("report credentials", func(k kernel, fd int) error { return k.SetReports(fd, backend.Reports(r)) })
}
