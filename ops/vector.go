package ops

import (
	"github.com/completionport/completion"
	"github.com/completionport/completion/internal/backend"
	"github.com/completionport/completion/internal/core"
)

var (
	_ completion.Operation = (*ReadV)(nil)
	_ completion.Operation = (*WriteV)(nil)
)

// ReadV is a Read into several buffers, as readv(2). It fills the memory of each buffer before
// that of the next. A ReadV that waits for data holds its buffers.
//
// N is the total. The length of each buffer becomes the number of bytes that were read into
// it, which is 0 for a buffer that was not reached.
type ReadV struct {
	completion.Op

	// From is the socket.
	From *completion.Socket

	// Bufs are the buffers to read into, from the start of their memory. The port owns all
	// of them until the ReadV is delivered, and the program must not change the slice
	// meanwhile. Submit panics for these mistakes: no buffer; a nil buffer, a shared one, or one
	// that the program does not own; the same buffer twice; no memory in any of them.
	Bufs []*completion.Buffer

	// Full makes the ReadV go on until all buffers are full. Without it, the ReadV ends
	// when some bytes have arrived. One system call fills 64 buffers at most.
	Full bool

	vector core.Vector
}

// Describe is for the port.
func (o *ReadV) Describe(r *core.Request) {
	o.Op.Describe(r)
	r.Kind, r.Handle, r.Full = backend.Read, (*core.Handle)(o.From), o.Full
	r.Vector = vectorOf(&o.vector, o.Bufs)
}

// WriteV is a Write of several buffers, one behind the other, as writev(2). The number of
// buffers is not limited; one system call sends up to 64 of them. A shared buffer may be among
// them, also more than once.
//
// N is the total. A WriteV that ends after some of its bytes breaks its direction, as a
// Write does.
type WriteV struct {
	completion.Op

	// To is the socket.
	To *completion.Socket

	// Bufs are the buffers to send, each up to its length. The port owns all of them until
	// the WriteV is delivered, and the program must not change the slice meanwhile. Submit
	// panics for these mistakes: no buffer; a nil buffer, or one that the program does not own;
	// the same buffer twice, unless it is shared.
	Bufs []*completion.Buffer

	vector core.Vector
}

// Describe is for the port.
func (o *WriteV) Describe(r *core.Request) {
	o.Op.Describe(r)
	r.Kind, r.Handle = backend.Write, (*core.Handle)(o.To)
	r.Vector = vectorOf(&o.vector, o.Bufs)
}

// vectorOf puts the buffers into v, whose memory is used again.
func vectorOf(v *core.Vector, bufs []*completion.Buffer) *core.Vector {
	v.Bufs = v.Bufs[:0]
	for _, b := range bufs {
		v.Bufs = append(v.Bufs, (*core.Buffer)(b))
	}
	return v
}
