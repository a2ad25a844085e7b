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

// Read reads from a stream, as read(2). It ends when some bytes have arrived. With Full
// it ends when the whole memory of the buffer is filled.
//
// At the end of the stream, a Read ends with io.EOF and 0 bytes. A Full Read that
// already has some of its bytes ends with io.ErrUnexpectedEOF. A reset is never
// reported as the end of the stream.
type Read struct {
	completion.Op

	// From is the socket.
	From *completion.Socket

	// Buf is the buffer to read into, from the start of its memory. Its length becomes
	// N. With Append, the Read begins at the length of Buf, and N is added to that
	// length. Set either Buf or Pool, not both. A Buf without memory is a mistake:
	// Submit panics.
	Buf *completion.Buffer

	// Pool makes the Read a pooled read: it acquires a buffer of the pool when there
	// is data. A pooled read that waits holds no buffer. If N is above 0, Buf is the
	// buffer, and the program owns it. If N is 0, Buf is nil, also after a Submit
	// that a closed port refused. Release returns the buffer and makes the Read ready
	// for its next use. If the pool is empty, the Read waits for its turn.
	Pool *completion.Pool

	// Full makes the Read go on until the buffer is full.
	Full bool

	// Append keeps the bytes that Buf has, up to its length, and reads behind them. A
	// parser needs no second buffer for the rest of its input. If Buf has no room, the
	// Read ends with io.ErrShortBuffer. Append with a Pool is a mistake: Submit panics.
	Append bool
}

// Describe is for the port.
func (o *Read) Describe(r *core.Request) {
	o.Op.Describe(r)
	r.Kind, r.Handle, r.Full, r.Append = backend.Read, (*core.Handle)(o.From), o.Full, o.Append
	r.Buffer, r.Pool = (*core.Buffer)(o.Buf), (*core.Pool)(o.Pool)
}

// Release returns the buffer of a pooled read to its pool and sets Buf to nil. The
// Read may then be submitted again. Release does nothing if Buf is nil: the Read
// delivered no buffer, or the program passed the buffer on and set Buf to nil. Release
// also does nothing if Pool is nil, since Buf is then the program's own. It panics while
// the port owns the Read or the buffer.
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

// Write sends all bytes of a buffer on a stream, as send(2), or it ends with an error
// and the number of bytes sent.
//
// If a Write ends after some of its bytes, but not all, because of an error, a cancel
// or a deadline, the direction is broken until this Write is delivered. Operations
// that are queued behind it, or that are submitted before it is delivered, end with
// completion.ErrWriteAborted and send nothing. The package documentation of
// completion lists the exceptions, under Order.
type Write struct {
	completion.Op

	// To is the socket.
	To *completion.Socket

	// Buf is the buffer to send, up to its length. The program must not change its
	// bytes until the Write is delivered. A Write without a Buf is a mistake: Submit
	// panics.
	Buf *completion.Buffer
}

// Describe is for the port.
func (o *Write) Describe(r *core.Request) {
	o.Op.Describe(r)
	r.Kind, r.Handle, r.Buffer = backend.Write, (*core.Handle)(o.To), (*core.Buffer)(o.Buf)
}

// CloseWrite sends the end of the stream to the peer, as shutdown(2) of the sending
// side. With TLS, it sends close-notify. It waits for the Writes before it. Behind a Write
// that ended after some of its bytes, it ends with completion.ErrWriteAborted, as a Write does.
type CloseWrite struct {
	completion.Op

	// On is the socket.
	On *completion.Socket
}

// Describe is for the port.
func (o *CloseWrite) Describe(r *core.Request) {
	o.Op.Describe(r)
	r.Kind, r.Handle = backend.CloseWrite, (*core.Handle)(o.On)
}
