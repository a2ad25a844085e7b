package ops

import (
	"github.com/completionport/completion"
	"github.com/completionport/completion/internal/backend"
	"github.com/completionport/completion/internal/core"
)

var _ completion.Operation = (*ReadUntil)(nil)

// seeker keeps Until out of the exported fields.
type seeker = core.Seeker

// ReadUntil reads one message that ends with a delimiter, such as a line. It ends when the
// delimiter has arrived. N is the number of bytes of the message with its delimiter, and
// becomes the length of Buf.
//
// What arrives behind the delimiter stays in the memory of Buf, for the next message. Submit
// the same ReadUntil again: it moves these bytes to the start of the memory, and goes on
// behind them. If they have a delimiter already, it ends at once, without a system call. So
// between two messages, the program must not change the memory of Buf behind its length.
// Every message moves what is behind it: much more memory than messages need costs time if
// many arrive together.
//
// If the memory is full without a delimiter, a ReadUntil ends with io.ErrShortBuffer, as a
// Read with Append that has no room does. At the end of the stream it ends with io.EOF if it
// has no bytes, and else with io.ErrUnexpectedEOF. After any error, N is the number of bytes so
// far, Buf has them, and they are kept: a ReadUntil that was cancelled or timed out goes on
// with them when it is submitted again. A closed port refuses it with an N of 0, and Rest still
// has what is kept.
//
// Other operations do not see what is kept. They read what is behind it in the stream: a Read, a
// Copy, a handshake of package iotls, and whoever gets the socket from Detach.
//
// While bytes are kept, a Submit with other memory in Buf is a mistake, and panics. A Submit with
// another socket in From drops them, and begins anew.
//
// There is no ReadUntil with a Pool: a connection would hold a buffer from its first byte on,
// also while it waits.
type ReadUntil struct {
	completion.Op
	seeker

	// From is the socket.
	From *completion.Socket

	// Buf is the buffer to read into, from the start of its memory. The longest message
	// must fit, with its delimiter. A Buf without memory is a mistake: Submit panics.
	Buf *completion.Buffer

	// Delimiter is what a message ends with, one byte or more. If it is empty, Submit
	// panics.
	Delimiter string
}

// Describe is for the port.
func (o *ReadUntil) Describe(r *core.Request) {
	o.Op.Describe(r)
	u := core.UntilOf(&o.seeker)
	u.Delimiter = o.Delimiter
	r.Kind, r.Handle, r.Full, r.Append = backend.Read, (*core.Handle)(o.From), true, true
	r.Buffer, r.Until = (*core.Buffer)(o.Buf), u
}

// Rest returns the bytes that the next Submit keeps: those behind the message, or after an
// error all bytes so far. They are in the memory of Buf. A program that goes on with another
// operation, such as a Read of a body of known length, begins with them. Rest panics where a
// Submit would, because Buf has other memory, and while the port owns the ReadUntil or its buffer.
func (o *ReadUntil) Rest() []byte {
	o.N() // panics while the port owns it
	return core.UntilOf(&o.seeker).Rest((*core.Handle)(o.From), (*core.Buffer)(o.Buf))
}

// Skip drops the first n bytes of Rest, which the program has used: the next Submit does not
// keep them. It panics if Rest has fewer, and while the port owns the ReadUntil.
func (o *ReadUntil) Skip(n int) {
	o.N() // panics while the port owns it
	core.UntilOf(&o.seeker).Skip(n)
}
