package ops

import (
	"github.com/completionport/completion"
	"github.com/completionport/completion/internal/backend"
	"github.com/completionport/completion/internal/core"
)

var _ completion.Operation = (*Copy)(nil)

// Copy moves bytes from one socket to another, until the end of the stream or until Count of
// them have reached To. It stands in two queues: among the Reads of From, and among the Writes
// of To. It takes no byte before both are its turn. Both sockets are of the same port, and may
// be one socket.
//
// On Linux the bytes go through a pipe, by splice(2), and not through the program. Elsewhere, on
// a Memory, with TLS and for sockets that were adopted, they go through memory of the port, in
// pieces of 64 KiB. A Copy that waits for data has neither a pipe nor memory.
//
// N is how many bytes have reached To, as of a Write, also when the Copy is cancelled in the
// middle. The end of the stream of From is a success; with a Count that is not reached it is
// io.ErrUnexpectedEOF. Copy passes no end of the stream on: submit a CloseWrite for that. If
// reading fails, or From is closed, what was taken before is sent first. If writing fails, or the
// Copy is cancelled or times out, or To is closed, what was taken and not sent is lost: see Lost.
// A Copy that ends with an error after some bytes breaks the direction of To until it is
// delivered, as a Write does.
type Copy struct {
	completion.Op
	core.Copier

	// From is the socket to read from, To the socket to write to. A Copy without a From or a To
	// is a mistake: Submit panics.
	From, To *completion.Socket

	// Count is the number of bytes to copy. With 0, the Copy goes on until the end of the
	// stream. If it is negative, the Copy ends with EINVAL.
	Count int64

	// Some makes the Copy end as soon as it has copied some bytes and From has no more for now,
	// as a Read does: so a proxy learns that a connection is not idle. Count is the most then.
	// At the end of the stream, it ends with success and N 0.
	Some bool
}

// Describe is for the port.
func (o *Copy) Describe(r *core.Request) {
	o.Op.Describe(r)
	c := core.CopyingOf(&o.Copier)
	c.From, c.To, c.Count, c.Some = (*core.Handle)(o.From), (*core.Handle)(o.To), o.Count, o.Some
	r.Kind, r.Handle = backend.Copy, c.To
}

// Progress returns how many bytes have reached To so far. Any goroutine may call it at any time
// after the Submit, unlike N: a program sees whether a Copy that takes long is idle. When the
// Copy has ended, use N.
func (o *Copy) Progress() int64 { return core.CopyingOf(&o.Copier).Progress() }

// Lost returns how many bytes were taken from From and have not reached To. It is above 0 only if
// the Copy has ended with an error. On Windows it may be too high if N may be too low. Lost panics
// while the port owns the Copy.
func (o *Copy) Lost() int64 {
	n := o.N() // panics while the port owns it
	return core.CopyingOf(&o.Copier).Taken() - int64(n)
}
