package sim

import (
	"bytes"
	"slices"

	"github.com/completionport/completion/internal/backend"
	"github.com/completionport/completion/internal/core"
)

// receiverOf is the port of the i-th datagram's receiver.
func receiverOf(i int) uint16 { return uint16(7000 + i) }

// describeDatagrams is Describe for a Receive or a Send.
func (o *operation) describeDatagrams(r *core.Request) {
	d := core.DatagramsOf(&o.Carrier)
	if o.batch == 0 {
		if m := d.One(); o.kind == backend.Send {
			m.Addr = addressOf(receiverOf(0))
		}
		return
	}
	d.Batch(o.batch)
	for i := range o.batch {
		if d.Buffers[i] = nil; o.pool == nil {
			d.Buffers[i] = &o.several[i]
		}
		if o.kind == backend.Send {
			d.Messages[i].Addr = addressOf(receiverOf(i))
		}
	}
}

// setOne gives o new memory in one buffer.
func (o *operation) setOne(size int) {
	o.hasTwo, o.memory = false, make([]byte, size)
	o.own.Set(o.memory)
	o.second.Set(nil)
	o.buffer = &o.own
}

// fillOther sets the memory of operations on datagrams and files.
func (c *caller) fillOther(o *operation, p *operationPlan) {
	if isIn := sideOf(o.kind) == 0; p.pool > 0 && isIn {
		o.pool = c.pools[p.pool-1]
		return
	}
	if o.batch == 0 {
		o.setOne(p.size)
		return
	}
	o.several, o.memories = make([]core.Buffer, o.batch), make([][]byte, o.batch)
	for i := range o.several {
		o.memories[i] = make([]byte, 1+(p.size+i)%8)
		o.several[i].Set(o.memories[i])
	}
}

// prepareSeveral fills the memory of a use that sends, and remembers what it has.
func (c *caller) prepareSeveral(u *use) {
	if u.kind != backend.Send {
		return
	}
	buffers := []*core.Buffer{&u.op.own}
	if u.op.batch > 0 {
		buffers = buffers[:0]
		for i := range u.op.several {
			buffers = append(buffers, &u.op.several[i])
		}
	}
	for n, b := range buffers {
		for i := range b.Bytes() {
			b.Bytes()[i] = byte(u.number*11 + n*31 + i*5)
		}
		u.parts = append(u.parts, slices.Clone(b.Bytes()))
	}
}

// checkReceive: a Receive has its own memory, all of it, and its call is its only one that
// receives something.
func (w *world) checkReceive(u *use, messages []backend.Message) {
	o, limit := u.op, max(u.op.batch, 1)
	if len(u.got) > 0 {
		w.fail("%v is to receive twice", u)
	}
	if n := len(messages); n == 0 || n > limit || n < limit && !u.late {
		w.fail("%v is to receive %d datagrams, it has room for %d", u, n, limit)
		return
	}
	for i, m := range messages {
		want := m.Data
		switch {
		case u.late:
			if size := w.plan.pools[slices.Index(w.pools, o.pool)].size; len(m.Data) != size {
				w.fail("%v: a buffer of the pool has %d bytes", u, len(m.Data))
			}
		case o.batch > 0:
			want = o.memories[i]
		default:
			want = u.memory
		}
		if len(m.Data) == 0 || len(m.Data) != len(want) || &m.Data[0] != &want[0] {
			w.fail("%v is to receive into other memory", u)
		}
	}
	for i := range messages[1:] {
		if &messages[i].Data[0] == &messages[i+1].Data[0] {
			w.fail("%v is to receive twice into the same memory", u)
		}
	}
}

// checkSend: a Send sends what is left of it, n datagrams. A ring sends one of them at a time.
func (w *world) checkSend(u *use, messages []backend.Message, n int) {
	if len(messages) != n || n == 0 || n > len(u.parts)-u.done {
		w.fail("%v is to send %d datagrams, %d of %d are sent", u, len(messages), u.done, len(u.parts))
		return
	}
	for i, m := range messages {
		if at := u.done + i; !bytes.Equal(m.Data, u.parts[at]) || m.Addr != addressOf(receiverOf(at)) {
			w.fail("%v is to send %v to %v as datagram %d", u, m.Data, m.Addr, at)
		}
	}
}

// checkOthers checks the outcome of operations on datagrams and files.
func (w *world) checkOthers(u *use) {
	if u.n != int64(u.moved) {
		w.fail("%v: N is %d, moved were %d", u, u.n, u.moved)
	}
	switch d := core.DatagramsOf(&u.op.Carrier); u.kind {
	case backend.Receive:
		if d.Done != len(u.got) {
			w.fail("%v tells of %d datagrams, %d were received", u, d.Done, len(u.got))
			return
		}
		w.checkReceived(u, d)
	case backend.Send:
		if d.Done != u.done || (u.failure == nil) != (u.done == len(u.parts)) {
			w.fail("%v tells of %d datagrams and %+v, %d of %d were sent", u, d.Done, u.failure, u.done, len(u.parts))
		}
	default:
		w.checkPerformed(u)
	}
}

// checkReceived: each datagram is in its buffer, with its sender. What was received counts,
// whatever came meanwhile.
func (w *world) checkReceived(u *use, d *core.Datagrams) {
	full := u.op.batch == 0 && len(u.got) == 1 && u.truncated[0]
	switch code := codeOf(u.failure); {
	case (len(u.got) == 0) != (u.failure != nil) && u.errno == 0 && !full:
		w.fail("%v has %d datagrams and %+v", u, len(u.got), u.failure)
	case u.errorBehind && code != core.System:
		w.fail("%v has no error, and its call has returned %v behind %d datagrams", u, u.errno, len(u.got))
	case len(u.got) > 0 && code != 0 && code != core.System && !full, full && code != core.BufferFull && code != core.System:
		w.fail("%v has %d datagrams and %+v", u, len(u.got), u.failure)
	}
	for i, l := range u.got {
		m := &d.Messages[i]
		if m.Addr != addressOf(l.port) || m.Truncated != u.truncated[i] {
			w.fail("%v: datagram %d is from %v, not from port %d, truncated %v", u, i, m.Addr, l.port, m.Truncated)
		}
	}
	for i := range max(u.op.batch, 1) {
		var want []byte
		if i < len(u.got) {
			want = u.got[i].bytes
		}
		b := u.op.bufferOf(i)
		if b == nil && (len(want) > 0 || !u.late) || b != nil && (!bytes.Equal(b.Bytes(), want) || u.late && len(want) == 0) {
			w.fail("%v: datagram %d is in %v, it has %v", u, i, b, want)
		}
	}
}

func codeOf(f *core.Failure) core.Code {
	if f == nil {
		return 0
	}
	return f.Code
}

// bufferOf returns the buffer of the i-th datagram after the delivery, nil for none.
func (o *operation) bufferOf(i int) *core.Buffer {
	switch {
	case o.batch > 0 && o.pool != nil:
		return o.lates[i]
	case o.batch > 0:
		return &o.several[i]
	case o.pool != nil:
		return o.late
	}
	return &o.own
}

// keepSeveral is keep for the buffers of a batch.
func (c *caller) keepSeveral(o *operation) {
	for _, b := range o.lates {
		if b != nil {
			copy(b.Memory(), poisoned)
			c.world.held++
			c.held = append(c.held, b)
		}
	}
	o.lates = nil
}

// checkSeveral is checkPoison for the buffers of a batch.
func (w *world) checkSeveral(o *operation) {
	if o.use != nil || o.delivered == 0 {
		return
	}
	for i := range o.several {
		if m := o.several[i].Memory(); !bytes.Equal(m, poisoned[:len(m)]) {
			w.fail("buffer %d of operation %d was touched after its completion: %v", i, o.number, m)
		}
	}
}

// canMoveMail is canMove for operations on datagrams.
func canMoveMail(u *use, mask backend.Readiness) string {
	switch {
	case u.kind == backend.Receive && mask&backend.Readable != 0:
		return "its socket has a datagram"
	case u.kind == backend.Send && mask&backend.Writable != 0:
		return "its socket has room"
	}
	return ""
}
