package ops

import (
	"github.com/completionport/completion"
	"github.com/completionport/completion/internal/backend"
	"github.com/completionport/completion/internal/core"
)

var (
	_ completion.Operation = (*Read)(nil)
	_ completion.Operation = (*Write)(nil)
	_ completion.Operation = (*CloseWrite)(nil)
)

// Read reads from a stream, as read(2). It ends when some bytes have come, or
// with Full when the whole memory of the buffer is filled.
//
// The end of the stream is io.EOF with 0 bytes; if it comes when a Full read
// has some of its bytes, io.ErrUnexpectedEOF. A reset is never taken for the
// end of the stream.
type Read struct {
	completion.Op
	From *completion.Socket

	// Buf is filled from its start, or with Append from its end; without Append its
	// length becomes N. Either Buf or Pool
	// must be set, not both. A Buf without memory is a mistake: Submit panics.
	Buf *completion.Buffer

	// Pool makes it a late read: it takes a buffer when there is data, so one
	// that waits holds none. The buffer comes back in Buf exactly if N is above 0,
	// and is then the caller's; else Buf is nil, also after a Submit that a closed
	// port refused. Release gives the buffer back and makes the read ready for its
	// next use. If the pool is empty, the read waits for its turn.
	Pool *completion.Pool

	// Full makes the read go on until the buffer is full.
	Full bool

	// Append puts what comes behind the bytes of Buf that count, and N more count
	// then: a parser keeps the rest of what it has, and needs no second buffer. If
	// there is no room, the read ends with io.ErrShortBuffer. It is for a Buf, and
	// not for a Pool.
	Append bool
}

// Describe is for the port.
func (o *Read) Describe(r *core.Request) {
	o.Op.Describe(r)
	r.Kind, r.Handle, r.Full, r.Append = backend.Read, (*core.Handle)(o.From), o.Full, o.Append
	r.Buffer, r.Pool = (*core.Buffer)(o.Buf), (*core.Pool)(o.Pool)
}

// Release gives the buffer that a late read has brought back to its pool, and
// forgets it: Buf is nil, and the read may be submitted again. It does nothing if
// there is no such buffer: if the read brought none, if Buf was handed on and set
// to nil, or if there is no Pool and Buf is the caller's own. It panics while the
// port owns the read or the buffer.
func (o *Read) Release() {
	o.N() // panics while the port owns the read
	if o.Pool == nil || o.Buf == nil {
		return
	}
	o.Buf.Release()
	o.Buf = nil
}

// Deliver is for the port.
func (o *Read) Deliver(r core.Result) { o.Buf = (*completion.Buffer)(r.Buffer) }

// Write sends the bytes of a buffer on a stream, as send(2): all of them, or it
// ends with an error and the number sent.
//
// If it ends after some of its bytes but not all, because of an error, a cancel
// or a deadline, the direction is broken until this Write is delivered: whatever
// is queued behind it, or submitted before it is delivered, ends with
// completion.ErrWriteAborted and sends nothing.
type Write struct {
	completion.Op
	To  *completion.Socket
	Buf *completion.Buffer
}

// Describe is for the port.
func (o *Write) Describe(r *core.Request) {
	o.Op.Describe(r)
	r.Kind, r.Handle, r.Buffer = backend.Write, (*core.Handle)(o.To), (*core.Buffer)(o.Buf)
}

// CloseWrite tells the peer that no more bytes will come, as shutdown(2) of the
// sending side. It waits for the writes before it, and ends as they do with
// completion.ErrWriteAborted behind one that ended half-way.
type CloseWrite struct {
	completion.Op
	On *completion.Socket
}

// Describe is for the port.
func (o *CloseWrite) Describe(r *core.Request) {
	o.Op.Describe(r)
	r.Kind, r.Handle = backend.CloseWrite, (*core.Handle)(o.On)
}
