package ops

import (
	"net/netip"

	"github.com/completionport/completion"
	"github.com/completionport/completion/internal/backend"
	"github.com/completionport/completion/internal/core"
)

var (
	_ completion.Operation = (*ReadBatch)(nil)
	_ completion.Operation = (*WriteBatch)(nil)
)

// Message is one datagram of a ReadBatch or a WriteBatch.
type Message struct {
	// Buf is the buffer of the datagram, as that of a ReadFrom or a WriteTo.
	Buf *completion.Buffer

	// Addr and Path are the sender or the receiver, as in a ReadFrom or a WriteTo.
	Addr netip.AddrPort
	Path string

	// Truncated reports that the datagram was larger than Buf: the rest of it is lost.
	Truncated bool

	// Control, if not nil, has the control messages of the datagram: those received, which the
	// port stores there as in a RecvMsg, or those to send, as in a SendMsg. The program must
	// not use it while the port owns the operation.
	Control *completion.Control
}

// ReadBatch receives the datagrams that have arrived, and waits for the first one if there is
// none. On Linux it makes one system call for up to 32 datagrams, recvmmsg(2), and elsewhere
// one call for each. N is the number of bytes of all of them.
//
// A datagram that is larger than its buffer is marked as Truncated and is no error of the
// ReadBatch. A ReadBatch that ends with an error may have received Count datagrams before it.
type ReadBatch struct {
	completion.Op
	carrier

	// From is the socket.
	From *completion.PacketSocket

	// Messages are filled from the first on, each with one datagram: the ReadBatch receives at
	// most len(Messages) datagrams. Either each message has a Buf of its own, or none has a Buf
	// and Pool is set. No Messages, and the same Buf twice, are mistakes: Submit panics. The
	// program must not use Messages while the port owns the ReadBatch.
	Messages []Message

	// Pool makes the ReadBatch a pooled one. When datagrams have arrived, it acquires as many
	// buffers as the pool has, at most one for each message, and receives at most one datagram
	// into each. It waits for the first buffer, as a ReadFrom does, but not for more. The
	// buffers that hold bytes belong to the program. Buf is nil in a message of 0 bytes, and in
	// the messages behind Count.
	Pool *completion.Pool

	// Count is the number of datagrams that were received. They are in Messages[:Count].
	Count int

	controls []backend.Control // of Messages
}

// Describe is for the port.
func (o *ReadBatch) Describe(r *core.Request) {
	o.Op.Describe(r)
	r.Kind, r.Handle, r.Pool = backend.Receive, (*core.Handle)(o.From), (*core.Pool)(o.Pool)
	describe(&o.carrier, o.Messages, &o.controls, toReceive)
}

// describe fills in the buffers and the addresses of messages, and what accompanies them.
func describe(c *carrier, messages []Message, controls *[]backend.Control, begin func(*backend.Control, *completion.Control)) {
	d := core.DatagramsOf(c)
	d.Batch(len(messages))
	for i := range messages {
		m := &messages[i]
		d.Buffers[i] = (*core.Buffer)(m.Buf)
		d.Messages[i] = backend.Message{Addr: m.Addr, Path: m.Path}
		if m.Control == nil {
			continue
		}
		if len(*controls) < len(messages) {
			*controls = make([]backend.Control, len(messages))
		}
		d.Messages[i].Control = &(*controls)[i]
		begin(&(*controls)[i], m.Control)
	}
}

// Deliver is for the port.
func (o *ReadBatch) Deliver(core.Result) {
	d := core.DatagramsOf(&o.carrier)
	o.Count = d.Done
	for i := range o.Messages {
		m := &o.Messages[i]
		if o.Pool != nil {
			m.Buf = (*completion.Buffer)(d.Buffers[i])
		}
		m.Addr, m.Path, m.Truncated = netip.AddrPort{}, "", false
		if i < d.Done {
			got := &d.Messages[i]
			m.Addr, m.Path, m.Truncated = got.Addr, got.Path, got.Truncated
		}
		if m.Control != nil {
			received(m.Control, &o.controls[i], i < d.Done)
		}
	}
}

// Release returns the buffers of a pooled ReadBatch to their pool and sets each Buf to nil.
// The ReadBatch may then be submitted again. Release skips a Buf that is nil, for instance
// because the program passed the buffer on and set Buf to nil. Without a Pool it does nothing.
// It panics while the port owns the ReadBatch or one of the buffers.
func (o *ReadBatch) Release() {
	o.N() // panics while the port owns the operation
	if o.Pool == nil {
		return
	}
	for i := range o.Messages {
		if m := &o.Messages[i]; m.Buf != nil {
			m.Buf.Release()
			m.Buf = nil
		}
	}
}

// WriteBatch sends several datagrams, in their order. It ends when all are sent, or at the first
// that can't be sent, with its error: that is Messages[Count]. The messages behind it are not
// sent. If the program submits them again, they are sent behind all operations that were queued
// meanwhile. To keep the order, submit the next WriteBatch when this one is delivered. N is the
// number of bytes of all datagrams that were sent.
//
// On Linux, one sendmsg(2) with UDP_SEGMENT sends consecutive datagrams of equal size to one
// receiver, where the system can: it, or the device, divides them. One sendmmsg(2) sends up to
// 32 others. Elsewhere, a WriteBatch makes one call for each datagram.
//
// On a connected socket, Linux does not report an ECONNREFUSED that it finds behind the first
// datagram of a call. The WriteBatch then sends the rest and does not report that error.
type WriteBatch struct {
	completion.Op
	carrier

	// To is the socket.
	To *completion.PacketSocket

	// Messages are the datagrams. Each has a Buf, and an Addr or a Path unless the socket is
	// connected, as a WriteTo. A shared buffer may be in several of them. No Messages, or one
	// without a Buf, are mistakes: Submit panics. The program must not use Messages while the
	// port owns the WriteBatch.
	Messages []Message

	// Count is the number of datagrams that were sent.
	Count int

	controls []backend.Control // of Messages
}

// Describe is for the port.
func (o *WriteBatch) Describe(r *core.Request) {
	o.Op.Describe(r)
	r.Kind, r.Handle = backend.Send, (*core.Handle)(o.To)
	describe(&o.carrier, o.Messages, &o.controls, toSend)
}

// Deliver is for the port.
func (o *WriteBatch) Deliver(core.Result) { o.Count = core.DatagramsOf(&o.carrier).Done }
