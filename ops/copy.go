package ops

import (
	"github.com/completionport/completion"
	"github.com/completionport/completion/internal/backend"
	"github.com/completionport/completion/internal/core"
)

var _ completion.Operation = (*Copy)(nil)

// Copy moves bytes from one socket to another, until the end of the stream or until it has sent
// Count bytes. It is in two queues, among the Reads of From and among the Writes of To, and it
// reads no byte before it is the first in both. Both sockets belong to the same port, and may
// be the same socket.
//
// With epoll, 64 KiB or more go through a pipe, by splice(2), and not through the program. Less than
// that, for which a read and a write are cheaper, goes through memory of the port, and so does
// everything elsewhere, on a Memory, with TLS and for sockets that were adopted, in pieces of
// 64 KiB. A Copy that waits for data has neither a pipe nor memory. If To breaks during a call of
// splice(2), a program that collects SIGPIPE (package os/signal) may receive it.
//
// N is the number of bytes that were sent to To, also if the Copy ends with an error. At the end
// of the stream of From, the Copy ends with success, or with io.ErrUnexpectedEOF if it has not
// sent Count bytes. It does not pass on the end of the stream: submit a CloseWrite for that.
//
// If reading fails or From is closed, the Copy first sends the bytes that it has read, and then
// ends. If writing fails, To is closed, or the Copy is cancelled or times out, the bytes that it
// has read and not sent are lost: see Lost. A Copy that ends with an error after some bytes
// breaks the direction of To until it is delivered, as a Write does. The addresses in an error
// of the system are those of the socket that failed: From if reading failed, To if writing did.
type Copy struct {
	completion.Op
	core.Copier

	// From is the socket to read from, and To is the socket to write to. A Copy without a From
	// or a To is a mistake: Submit panics.
	From, To *completion.Socket

	// Count is the number of bytes to copy. With 0, the Copy goes on until the end of the
	// stream. If it is negative, the Copy ends with EINVAL.
	Count int64

	// Some makes the Copy end, as a Read does, when it has copied some bytes and From has no
	// more for now. A proxy learns in this way that a connection is not idle. Count is then the
	// largest number of bytes. At the end of the stream, the Copy ends with success and N 0.
	Some bool
}

// Describe is for the port.
func (o *Copy) Describe(r *core.Request) {
	o.Op.Describe(r)
	c := core.CopyingOf(&o.Copier)
	c.From, c.To, c.Count, c.Some = (*core.Handle)(o.From), (*core.Handle)(o.To), o.Count, o.Some
	r.Kind, r.Handle = backend.Copy, c.To
}

// Progress returns the number of bytes that were sent to To so far. Unlike N, any goroutine may
// call it while the port owns the Copy, to find out whether a long Copy is idle. When the Copy
// is delivered, use N.
func (o *Copy) Progress() int64 { return core.CopyingOf(&o.Copier).Progress() }

// Lost returns the number of bytes that were read from From and not sent to To. It is above 0
// only if the Copy has ended with an error. On Windows and with TLS, where N of a write that was
// cut short is a lower bound, Lost is an upper bound. Lost panics while the port owns the Copy.
func (o *Copy) Lost() int64 {
	n := o.N() // panics while the port owns it
	return core.CopyingOf(&o.Copier).Taken() - int64(n)
}
