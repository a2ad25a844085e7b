package completion

import (
	"net/netip"
	"os"
	"time"

	"github.com/completionport/completion/internal/backend"
)

// Control has the control messages (ancillary data) of a datagram, as recvmsg(2) and sendmsg(2)
// move them. Descriptors and credentials are in Rights.
//
// When receiving, the port sets all fields, to their zero values where the system has reported
// nothing. PacketSocket.SetReports or PacketConfig.Reports selects what the system reports.
//
// When sending, a field that is zero is not sent, and Time and Truncated have no effect. If the
// system can't send a field, the operation ends with an error that matches
// errors.ErrUnsupported.
type Control struct {
	// Local is the address that the datagram was sent to, which may be that of a group: see
	// ReportLocal. When sending, it is the address of this machine that the datagram is sent
	// from. If the machine has no such address, the operation ends with EINVAL or
	// EADDRNOTAVAIL. An IPv4 address always has 4 bytes.
	Local netip.Addr

	// Interface is the index of the network interface that the datagram came through, as in
	// net.Interface: see ReportLocal. When sending, it is the interface that the datagram is
	// sent through. The BSDs can't send it with IPv4, and macOS can't together with Local.
	Interface int

	// TTL is the time to live, in IPv6 the hop limit: see ReportTTL. macOS and the BSDs can't
	// send it with IPv4.
	TTL int

	// ECN is the explicit congestion notification: see ReportECN. When sending, it sets the
	// rest of the traffic class (DSCP) to 0, whatever the option of the socket is. OpenBSD,
	// NetBSD and DragonFly can't send it with IPv4.
	ECN ECN

	// Time is the time of arrival by the system's clock, in nanoseconds on Linux and in
	// microseconds elsewhere: see ReportTime. Windows does not report it.
	Time time.Time

	// SegmentSize is the size in bytes of each datagram, if the buffer has several, one behind the
	// other: see ReportSegments. The last one may be smaller. 0 means one datagram. When
	// sending, the port divides the buffer into datagrams of this size. On Linux, one call sends
	// up to 64 of them (UDP_SEGMENT) if the system can; otherwise there is one call for each.
	// If the operation ends with an error, some of the datagrams may have been sent, and N does
	// not count them.
	SegmentSize int

	// Truncated reports that some control messages were lost for lack of room (MSG_CTRUNC).
	Truncated bool
}

// Rights are the control messages of a unix socket: open descriptors (SCM_RIGHTS) and
// credentials (SCM_CREDENTIALS). They move with bytes of a stream (ops.ReadRights, ops.WriteRights) or
// with a datagram (ops.RecvMsg, ops.SendMsg). On Windows, on a Memory, and on IP sockets, an
// operation that sends them ends with an error that matches errors.ErrUnsupported.
type Rights struct {
	// Descriptors: when receiving, its capacity limits how many are received, and is 0 by
	// default. When the operation is delivered, Descriptors has those that were received. They
	// are close-on-exec and belong to the program, which must close each of them, or make it a
	// file with os.NewFile. If the operation ends with an error, there are none.
	//
	// When sending, these descriptors must stay open until the operation is delivered. They
	// still belong to the program: the receiver gets duplicates.
	Descriptors []int

	// Files are sent behind Descriptors. The program must not close them before the operation
	// is delivered, but need not keep them reachable. Sending them allocates.
	Files []*os.File

	// Credentials are those of the sender, confirmed by the system: see ReportCredentials. A
	// process needs privileges to send others than its own. Only Linux has them.
	Credentials Credentials

	// Truncated reports that received descriptors were closed or lost: Descriptors had no room,
	// or the process has too many open.
	Truncated bool
}

// Credentials identify a process. If Valid is false, there are none.
type Credentials struct {
	PID, UID, GID int
	Valid         bool
}

// ECN is a code point of explicit congestion notification (RFC 3168). The zero value means that
// none was reported, or that the options of the socket select the one to send.
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
	// buffer (UDP_GRO). Control.SegmentSize is their size. The program must give each receive a
	// Control and a buffer of 64 KiB: otherwise it loses the bounds of datagrams, or their ends.
	// Only Linux has it.
	ReportSegments = Reports(backend.ReportSegments)

	// ReportCredentials is for Rights.Credentials of unix sockets (SO_PASSCRED). A socket with
	// it that has no address gets one from Linux when it sends.
	ReportCredentials = Reports(backend.ReportCredentials)
)

// SetReports selects what the socket reports about each datagram that it receives from now
// on, in the Control of an ops.RecvMsg or a message of an ops.ReadBatch. It replaces what was
// selected before. If the socket can't report one of them, the error matches
// errors.ErrUnsupported, and nothing changes. Other operations receive as before, except with
// ReportSegments. On macOS, a socket of both families reports no TTL of a datagram over IPv4,
// and on some versions no Local.
func (s *PacketSocket) SetReports(r Reports) error {
	return s.set("set reports", func(k kernel, fd int) error { return k.SetReports(fd, backend.Reports(r)) })
}

// ReportCredentials selects whether an ops.ReadRights receives the credentials of the sender:
// SO_PASSCRED, of unix sockets on Linux. Elsewhere, the error matches errors.ErrUnsupported.
func (s *Socket) ReportCredentials(on bool) error {
	var r Reports
	if on {
		r = ReportCredentials
	}
	return s.set("report credentials", func(k kernel, fd int) error { return k.SetReports(fd, backend.Reports(r)) })
}
