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

	// Control, if not nil, is what accompanies the datagram: to receive, the port stores it
	// there, as in a RecvMsg, and to send it is that of a SendMsg. The program must not use it
	// while the port owns the operation.
	Control *completion.Control
}

// ReadBatch receives several datagrams at once: those that are there, and at least one. On
// Linux it makes one system call for 32 of them, recvmmsg(2), and elsewhere one for each. N
// is the number of bytes of all of them.
//
// A datagram that is larger than its buffer is marked as Truncated and is no error of the
// ReadBatch. A ReadBatch that ends with an error may have received Count datagrams before.
type ReadBatch struct {
	completion.Op
	carrier

	// From is the socket.
	From *completion.PacketSocket

	// Messages is the room: the ReadBatch receives at most so many datagrams, one in each
	// message from the first on. Either each has a Buf of its own, or none has and Pool is
	// set. No Messages, and a Buf twice, are mistakes: Submit panics. The program must not
	// use Messages while the port owns the ReadBatch.
	Messages []Message

	// Pool makes the ReadBatch a pooled one: when datagrams are there, it acquires as many
	// buffers as the pool has, at most one for each message, and receives so many datagrams.
	// It waits for the first buffer as a ReadFrom does, and not for more. The buffers that
	// hold bytes belong to the program. The Buf of a datagram of 0 bytes is nil, as that of
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
// The ReadBatch may then be submitted again. It skips a Buf that is nil, because the program
// has passed the buffer on and set Buf to nil for instance. Without a Pool it does nothing. It
// panics while the port owns the ReadBatch or one of the buffers.
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

// WriteBatch sends several datagrams, in their order. It ends when all are sent, or with the
// error of the first that was not: that is Messages[Count], and those behind it are not sent,
// either. If the program submits the others again, they are sent behind all that was queued
// meanwhile: to keep an order, submit the next WriteBatch when this one is delivered. N is the
// number of bytes of all that were sent.
//
// On Linux, datagrams of equal size to one receiver, one behind the other, leave as one large
// one that the system or the device divides (UDP_SEGMENT), where it can, and the others in one
// call of sendmmsg(2) for 32 of them. Elsewhere, a WriteBatch makes a call for each.
//
// On a connected socket, Linux forgets an ECONNREFUSED that it finds behind the first datagram
// of a call. Then the WriteBatch sends on, and reports nothing of it.
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
