package ops

import (
	"net/netip"
	"os"

	"github.com/completionport/completion"
	"github.com/completionport/completion/internal/backend"
	"github.com/completionport/completion/internal/core"
)

var (
	_ completion.Operation = (*RecvMsg)(nil)
	_ completion.Operation = (*SendMsg)(nil)
)

// RecvMsg is a ReadFrom that also receives the control messages of the datagram, as recvmsg(2):
// its local address, its time of arrival and others, and on a unix socket descriptors. The
// documentation of ReadFrom holds for it. For a stream, see ReadRights.
type RecvMsg struct {
	completion.Op
	carrier

	// From is the socket. PacketSocket.SetReports selects what it reports.
	From *completion.PacketSocket

	// Buf and Pool are those of a ReadFrom.
	Buf  *completion.Buffer
	Pool *completion.Pool

	// Addr and Path are the sender, as in a ReadFrom.
	Addr netip.AddrPort
	Path string

	// Control has the control messages of the datagram. The port sets all fields of it, to their
	// zero values if the RecvMsg has received no datagram.
	Control completion.Control

	// Rights are the descriptors and credentials that came with the datagram, on a unix
	// socket. The port closes the descriptors of a datagram that is larger than the buffer.
	Rights completion.Rights

	control backend.Control
}

// Describe is for the port.
func (o *RecvMsg) Describe(r *core.Request) {
	o.Op.Describe(r)
	r.Kind, r.Handle = backend.Receive, (*core.Handle)(o.From)
	r.Buffer, r.Pool = (*core.Buffer)(o.Buf), (*core.Pool)(o.Pool)
	toReceive(&o.control, nil)
	o.control.Descriptors = o.Rights.Descriptors[:0]
	core.DatagramsOf(&o.carrier).One().Control = &o.control
}

// Deliver is for the port.
func (o *RecvMsg) Deliver(r core.Result) {
	if o.Pool != nil {
		o.Buf = (*completion.Buffer)(r.Buffer)
	}
	o.Addr, o.Path = netip.AddrPort{}, ""
	d := core.DatagramsOf(&o.carrier)
	if d.Done == 1 {
		o.Addr, o.Path = d.Messages[0].Addr, d.Messages[0].Path
	}
	received(&o.Control, &o.control, d.Done == 1)
	receivedRights(&o.Rights, &o.control)
}

// Release returns the buffer of a pooled RecvMsg to its pool and sets Buf to nil, as
// Read.Release does.
func (o *RecvMsg) Release() {
	o.N() // panics while the port owns the operation
	if o.Pool == nil || o.Buf == nil {
		return
	}
	o.Buf.Release()
	o.Buf = nil
}

// SendMsg is a WriteTo that also sends control messages with the datagram, as sendmsg(2). The
// documentation of WriteTo holds for it. For a stream, see WriteRights.
type SendMsg struct {
	completion.Op
	carrier

	// To is the socket.
	To *completion.PacketSocket

	// Buf is the buffer to send, up to its length, as that of a WriteTo.
	Buf *completion.Buffer

	// Addr and Path are the receiver, as in a WriteTo.
	Addr netip.AddrPort
	Path string

	// Control and Rights are the control messages to send with the datagram.
	Control completion.Control
	Rights  completion.Rights

	control     backend.Control
	descriptors []int
}

// Describe is for the port.
func (o *SendMsg) Describe(r *core.Request) {
	o.Op.Describe(r)
	r.Kind, r.Handle, r.Buffer = backend.Send, (*core.Handle)(o.To), (*core.Buffer)(o.Buf)
	m := core.DatagramsOf(&o.carrier).One()
	m.Addr, m.Path = o.Addr, o.Path
	toSend(&o.control, &o.Control)
	o.descriptors = rightsToSend(&o.control, &o.Rights, o.descriptors)
	m.Control = &o.control
}

// Deliver is for the port.
func (o *SendMsg) Deliver(core.Result) {}

// toReceive makes c ready for a kernel to receive into.
func toReceive(c *backend.Control, _ *completion.Control) { *c = backend.Control{} }

// received stores what a kernel has received, or nothing.
func received(to *completion.Control, c *backend.Control, isThere bool) {
	if !isThere {
		c.Clear()
	}
	*to = completion.Control{Local: c.Local, Interface: c.Interface, TTL: c.TTL, ECN: completion.ECN(c.ECN),
		Time: c.Time, SegmentSize: c.SegmentSize, Truncated: c.Truncated}
}

// toSend stores what a kernel is to send.
func toSend(c *backend.Control, from *completion.Control) {
	*c = backend.Control{Local: from.Local.Unmap(), Interface: from.Interface, TTL: from.TTL, ECN: uint8(from.ECN), SegmentSize: max(from.SegmentSize, 0)}
}

// receivedRights stores the descriptors and credentials that a kernel has received.
func receivedRights(to *completion.Rights, c *backend.Control) {
	*to = completion.Rights{Descriptors: c.Descriptors, Credentials: completion.Credentials(c.Credentials), Truncated: c.Truncated}
}

// rightsToSend stores what a kernel is to send. It uses the memory of room for the descriptors
// of files, and returns it.
func rightsToSend(c *backend.Control, from *completion.Rights, room []int) []int {
	c.Descriptors, c.Credentials = from.Descriptors, backend.Credentials(from.Credentials)
	if len(from.Files) == 0 {
		return room
	}
	room = append(room[:0], from.Descriptors...)
	for _, f := range from.Files {
		room = append(room, descriptorOf(f))
	}
	c.Descriptors = room
	return room
}

// descriptorOf returns the descriptor of a file, and -1 if it is closed: then the system
// returns EBADF. Unlike File.Fd, it does not change the mode of the file.
func descriptorOf(f *os.File) int {
	fd := -1
	if raw, err := f.SyscallConn(); err == nil {
		raw.Control(func(d uintptr) { fd = int(d) })
	}
	return fd
}
