package core

import (
	"github.com/completionport/completion/internal/backend"
	"github.com/completionport/completion/internal/race"
)

// Carrier is embedded in operations on datagrams. A slot has no room for what they need,
// so the engine finds it in the operation. No method of it is visible to programs.
type Carrier struct{ datagrams Datagrams }

// Datagrams are the datagrams of one operation. Describe sets Messages and Buffers, and the
// port owns all of it while the operation is in flight.
type Datagrams struct {
	// Messages has one message for each datagram, in memory of the operation. Describe sets
	// the addresses to send to, and the engine sets Data.
	Messages []backend.Message
	// Buffers has the buffer of each message, nil entries if they come from a pool. It is
	// nil for an operation on a single datagram, which has Request.Buffer or Request.Pool.
	// When a receive has ended, it has the buffers that hold bytes.
	Buffers []*Buffer
	// Done is how many datagrams were received or sent.
	Done int

	one    [1]backend.Message
	wait   backend.Message // without memory: what a Native kernel waits with
	bundle Buffer          // stands for Buffers in the Record
}

// DatagramsOf returns the datagrams of an operation, for Describe and Deliver.
func DatagramsOf(c *Carrier) *Datagrams { return &c.datagrams }

// One makes d one datagram without a buffer of its own, and returns its message.
func (d *Datagrams) One() *backend.Message {
	d.one[0] = backend.Message{}
	d.Messages, d.Buffers = d.one[:], nil
	return &d.one[0]
}

// Batch makes d n datagrams, and sets none of the messages. It allocates if n is larger
// than before.
func (d *Datagrams) Batch(n int) {
	if d.Buffers == nil || cap(d.Messages) < n || cap(d.Buffers) < n {
		d.Messages, d.Buffers = make([]backend.Message, n), make([]*Buffer, n)
	}
	d.Messages, d.Buffers = d.Messages[:n], d.Buffers[:n]
}

func (c *Carrier) carried() *Datagrams { return &c.datagrams }

// datagramsOf returns the datagrams of an operation that is a Receive or a Send.
func datagramsOf(op Operation) *Datagrams {
	return op.(interface{ carried() *Datagrams }).carried()
}

// isBatch reports whether there may be more than one datagram.
func (d *Datagrams) isBatch() bool { return d.Buffers != nil }

// callsFirst reports whether a Native kernel receives without an operation inside it, and
// waits without memory if there is nothing: for a batch, and for what accompanies datagrams.
func (d *Datagrams) callsFirst() bool { return d.isBatch() || d.Messages[0].Control != nil }

// bundled returns the buffer that stands for Buffers in the Record. It has one reference,
// so that the delivery of the operation finds that it was the last.
func (d *Datagrams) bundled() *Buffer {
	d.bundle.bundle = true
	d.bundle.owner.Store(1)
	return &d.bundle
}

// giveBack is Buffer.giveBack for all buffers of the bundle. It returns those that have
// lost their last reference, linked by next.
func (d *Datagrams) giveBack() (last *Buffer) {
	for _, b := range d.Buffers {
		if b != nil && b.giveBack() {
			b.next, last = last, b
		}
	}
	return last
}

// toReceive returns the messages that there is memory for, after it has got that memory: of
// a batch with a pool, the first buffer is there, and more are taken if the pool has them.
func (d *Datagrams) toReceive(s *Slot, rec *Record) []backend.Message {
	if !d.isBatch() {
		d.Messages[0].Data = rec.buffer.data
		return d.Messages
	}
	n := len(d.Buffers)
	if s.flags&pooled != 0 {
		d.Buffers[0] = rec.buffer
		n = 1 + rec.buffer.pool.getMore(d.Buffers[1:])
	}
	for i, b := range d.Buffers[:n] {
		d.Messages[i].Data = b.data
	}
	return d.Messages[:n]
}

// lend declares to the race detector that memory changes its owner: if the kernel is Go code
// itself, the detector sees it write the memory.
func (d *Datagrams) lend(rec *Record, toPort bool) {
	if !race.Enabled {
		return
	}
	one := [1]*Buffer{rec.buffer}
	buffers := d.Buffers
	if !d.isBatch() {
		buffers = one[:]
	}
	for _, b := range buffers {
		switch {
		case b == nil:
		case toPort:
			b.lendMemory(true)
		default:
			b.returnMemory()
		}
	}
}

// sentPerCall is how many datagrams one call sends at most, so that a turn stays short: between
// the calls, others have their turns, and a cancel or a deadline is seen.
const sentPerCall = 32

// toSend returns the next messages to send.
func (d *Datagrams) toSend(rec *Record) []backend.Message {
	if !d.isBatch() {
		d.Messages[0].Data = rec.buffer.data[:rec.buffer.n]
		return d.Messages
	}
	next := d.Messages[d.Done:min(d.Done+sentPerCall, len(d.Messages))]
	for i := range next {
		b := d.Buffers[d.Done+i]
		next[i].Data = b.data[:b.n]
	}
	return next
}
