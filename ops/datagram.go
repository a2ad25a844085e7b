package ops

import (
	"net/netip"

	"github.com/completionport/completion"
	"github.com/completionport/completion/internal/backend"
	"github.com/completionport/completion/internal/core"
)

var (
	_ completion.Operation = (*ReadFrom)(nil)
	_ completion.Operation = (*WriteTo)(nil)
)

// carrier is the port's part of an operation on datagrams. The alias keeps the embedded
// field unexported; what it promotes is unexported, too.
type carrier = core.Carrier

// ReadFrom receives one datagram, as recvfrom(2). N is the number of its bytes. A datagram
// of 0 bytes ends a ReadFrom with N 0 and no error.
//
// If the datagram is larger than the buffer, the ReadFrom ends with io.ErrShortBuffer: the
// buffer has the first N bytes, Addr is the sender, and the rest is lost. Any other error
// concerns this operation only: the next ReadFrom receives the next datagram. An example is
// ECONNREFUSED on a connected socket, if no socket received an earlier datagram.
type ReadFrom struct {
	completion.Op
	carrier

	// From is the socket.
	From *completion.PacketSocket

	// Buf is the buffer to receive into, from the start of its memory. Its length becomes
	// N. Set either Buf or Pool, not both. A Buf without memory is a mistake: Submit
	// panics.
	Buf *completion.Buffer

	// Pool makes the ReadFrom a pooled one: it acquires a buffer of the pool when there is
	// a datagram. A pooled ReadFrom that waits holds no buffer. If N is above 0, Buf is the
	// buffer, and the program owns it. If N is 0, also of a datagram of 0 bytes, Buf is nil.
	// Release returns the buffer and makes the ReadFrom ready for its next use. If the pool
	// is empty, the ReadFrom waits for its turn, and the datagrams wait in the system, which
	// drops those that it has no room for.
	Pool *completion.Pool

	// Addr is the sender: the zero AddrPort if there is none, because the ReadFrom ended
	// with an error other than io.ErrShortBuffer, or because the socket is a unix socket. An
	// IPv4 address always has 4 bytes, also on a socket that receives both IPv4 and IPv6. A
	// link-local address (fe80::…) has the zone that it was received from.
	Addr netip.AddrPort

	// Path is the address of the sender on a unix socket, or "" if it has none. A Path takes
	// one allocation.
	Path string
}

// Describe is for the port.
func (o *ReadFrom) Describe(r *core.Request) {
	o.Op.Describe(r)
	r.Kind, r.Handle = backend.Receive, (*core.Handle)(o.From)
	r.Buffer, r.Pool = (*core.Buffer)(o.Buf), (*core.Pool)(o.Pool)
	core.DatagramsOf(&o.carrier).One()
}

// Deliver is for the port.
func (o *ReadFrom) Deliver(r core.Result) {
	if o.Pool != nil {
		o.Buf = (*completion.Buffer)(r.Buffer)
	}
	o.Addr, o.Path = netip.AddrPort{}, ""
	if d := core.DatagramsOf(&o.carrier); d.Done == 1 {
		o.Addr, o.Path = d.Messages[0].Addr, d.Messages[0].Path
	}
}

// Release returns the buffer of a pooled ReadFrom to its pool and sets Buf to nil, as
// Read.Release does.
func (o *ReadFrom) Release() {
	o.N() // panics while the port owns the operation
	if o.Pool == nil || o.Buf == nil {
		return
	}
	o.Buf.Release()
	o.Buf = nil
}

// WriteTo sends one datagram, as sendto(2). It sends all bytes of the buffer, or it sends
// nothing and ends with an error: EMSGSIZE if the datagram is too large. A buffer of length 0 is
// a datagram of 0 bytes. A WriteTo that ends without an error does not promise that the
// datagram arrives.
//
// If a WriteTo is cancelled or times out while the system performs it, which happens on
// Windows only, N is 0, and the datagram may have been sent.
type WriteTo struct {
	completion.Op
	carrier

	// To is the socket.
	To *completion.PacketSocket

	// Buf is the buffer to send, up to its length. The program must not change its bytes
	// until the WriteTo is delivered. A WriteTo without a Buf is a mistake: Submit panics.
	Buf *completion.Buffer

	// Addr is the receiver. On a connected socket, leave it zero: with any other Addr, some
	// systems send the datagram there, and others return EISCONN. On a socket without a peer,
	// the zero AddrPort ends the WriteTo with EDESTADDRREQ. An unspecified address, 0.0.0.0 or
	// [::], means this machine.
	Addr netip.AddrPort

	// Path is the receiver on a unix socket. If the receiver has no room, a WriteTo with a Path
	// ends with ENOBUFS, which is temporary: the system does not report when there is room
	// again. On a connected socket a WriteTo waits for room, where the system reports it.
	Path string
}

// Describe is for the port.
func (o *WriteTo) Describe(r *core.Request) {
	o.Op.Describe(r)
	r.Kind, r.Handle, r.Buffer = backend.Send, (*core.Handle)(o.To), (*core.Buffer)(o.Buf)
	m := core.DatagramsOf(&o.carrier).One()
	m.Addr, m.Path = o.Addr, o.Path
}
