package core

import (
	"slices"

	"github.com/completionport/completion/internal/backend"
)

// acquireMessages is acquireBuffer for a Receive and a Send. It returns 0 for operations of
// other kinds, which have no buffer.
func (st *state) acquireMessages(op Operation, req *Request) slotFlags {
	if req.Kind != backend.Receive && req.Kind != backend.Send {
		return 0
	}
	d := datagramsOf(op)
	one := [1]*Buffer{req.Buffer}
	buffers := one[:]
	if d.isBatch() {
		buffers = d.Buffers
	}
	switch {
	case len(buffers) == 0:
		panic("completion: a " + req.Kind.String() + " of no datagrams")
	case req.Pool == nil:
		acquireAll(buffers, req.Kind)
		return lent
	}
	for _, b := range buffers {
		if b != nil {
			panic("completion: a receive with both a buffer and a pool; if Buf holds the buffer of its last use, call Release or set Buf to nil")
		}
	}
	req.Pool.checkFor(st.port)
	return pooled
}

// acquireAll makes the port the owner of all buffers, or panics.
func acquireAll(buffers []*Buffer, kind backend.Kind) {
	for i, b := range buffers {
		mistake := ""
		switch {
		case b == nil && kind == backend.Send:
			mistake = "completion: a send without a buffer"
		case b == nil:
			mistake = "completion: a receive with neither a buffer nor a pool"
		default:
			mistake = b.acquire(kind == backend.Receive)
			if mistake == lentBuffer && slices.Contains(buffers[:i], b) {
				mistake = bufferTwice
			}
			if mistake == "" && kind == backend.Receive && len(b.data) == 0 {
				b.giveBack()
				mistake = "completion: a receive into a buffer without memory: every datagram would be lost"
			}
		}
		if mistake != "" {
			giveBackAll(buffers[:i])
			panic(mistake)
		}
	}
}

// giveBackAll gives back buffers whose operation was not accepted. These are not the last
// references: a shared buffer still has the caller's own.
func giveBackAll(buffers []*Buffer) {
	for _, b := range buffers {
		b.giveBack()
	}
}

// fillInMessages sets the buffer of a Receive or a Send.
func (s *Slot) fillInMessages(rec *Record, req *Request) {
	d := datagramsOf(s.op)
	d.Done = 0
	switch {
	case s.flags&pooled != 0:
		rec.buffer = &req.Pool.placeholder
		return
	case d.isBatch():
		rec.buffer = d.bundled()
	default:
		rec.buffer = req.Buffer
	}
	if s.kind != backend.Receive {
		return
	}
	rec.buffer.n = 0
	for _, b := range d.Buffers {
		b.n = 0
	}
}

// refuseMessages is refuseOne for a Receive or a Send, which is claimed.
func refuseMessages(op Operation, req *Request) {
	d := datagramsOf(op)
	d.Done = 0
	if req.Kind == backend.Receive && req.Pool == nil {
		refuseBuffer(req.Buffer)
		for _, b := range d.Buffers {
			refuseBuffer(b)
		}
	}
	op.Deliver(Result{})
}

// refuseBuffer sets the length of a buffer into which a closed port received nothing. If
// the caller does not own it, that is a mistake, but harmless here.
func refuseBuffer(b *Buffer) {
	if b != nil && b.acquire(true) == "" {
		b.n = 0
		b.giveBack()
	}
}
