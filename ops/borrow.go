package ops

import (
	"github.com/completionport/completion"
	"github.com/completionport/completion/internal/backend"
	"github.com/completionport/completion/internal/core"
)

var _ completion.Operation = (*Borrow)(nil)

// Borrow acquires a buffer of a pool. If the pool is empty, it waits for its turn
// among the Borrows and the pooled reads of that pool, while Pool.Take returns nil. A
// program that answers from buffers of a pool submits a Borrow where Take has failed.
//
// Borrows of one pool end in the order in which they were submitted. All of them
// together take turns with each socket whose pooled read waits for that pool: they
// have one turn, as a socket has.
type Borrow struct {
	completion.Op

	// Pool is the pool. A Borrow without a Pool is a mistake: Submit panics.
	Pool *completion.Pool

	// Buf is the buffer that was acquired, and the program owns it. Its length is its
	// whole size, and N is the same number. A Borrow that is submitted again must not
	// have a Buf: Release it, or set it to nil. Buf is nil if the Borrow ended with an
	// error, also if a closed port refused it.
	Buf *completion.Buffer
}

// Describe is for the port.
func (o *Borrow) Describe(r *core.Request) {
	o.Op.Describe(r)
	r.Kind, r.Pool, r.Buffer = backend.Borrow, (*core.Pool)(o.Pool), (*core.Buffer)(o.Buf)
}

// Deliver is for the port.
func (o *Borrow) Deliver(r core.Result) { o.Buf = (*completion.Buffer)(r.Buffer) }

// Release returns the buffer to its pool and sets Buf to nil. It does nothing if Buf is
// nil: the Borrow delivered no buffer, or the program passed the buffer on and set Buf
// to nil. It panics while the port owns the Borrow or the buffer.
func (o *Borrow) Release() {
	o.N() // panics while the port owns the borrow
	if o.Buf == nil {
		return
	}
	o.Buf.Release()
	o.Buf = nil
}
