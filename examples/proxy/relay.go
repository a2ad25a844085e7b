package main

import (
	"errors"
	"os"

	"github.com/completionport/completion"
	"github.com/completionport/completion/ops"
)

// relay is a client and its backend.
type relay struct {
	*proxy
	up, down direction           // from the client to the backend, and back
	idleAt   completion.Deadline // when the relay has been idle for too long
	going    int                 // directions that have an operation in flight
	failure  error               // why both sockets were closed, nil while none has failed
}

// pieceSize is how many bytes one Copy moves at most. It must pass within the idle time. Half of it
// costs a third more CPU time for each byte of a fast stream.
const pieceSize = 512 << 10

// direction is one direction of a relay. At any time at most one of its operations is in
// flight, and only a Copy that has received something holds memory, or on Linux a pipe. The
// operations are used again and again, so copying allocates nothing.
type direction struct {
	*relay
	other *direction
	copy  ops.Copy
	end   ops.CloseWrite
	bytes int64
}

// relay begins to copy between two sockets.
func (p *proxy) relay(client, backend *completion.Socket) {
	r := &relay{proxy: p, going: 2}
	r.up.init(r, &r.down, client, backend)
	r.down.init(r, &r.up, backend, client)
	r.idleAt = completion.After(p.idle)
	r.up.next()
	r.down.next()
}

func (d *direction) init(r *relay, other *direction, from, to *completion.Socket) {
	d.relay, d.other = r, other
	d.copy.From, d.copy.To, d.copy.Value = from, to, d
	d.copy.Some, d.copy.Count = true, pieceSize
	d.end.On, d.end.Value = to, d
}

// next copies the next bytes.
func (d *direction) next() {
	d.copy.Deadline = d.idleAt
	d.submit(&d.copy)
}

// copied goes on after a Copy. The end of the stream becomes the end of the other side's
// stream.
func (d *direction) copied() {
	n, err := d.copy.N(), d.copy.Err()
	d.bytes += int64(n)
	switch {
	case err == nil && n > 0:
		d.active()
		d.next()
	case err == nil:
		d.active()
		d.submit(&d.end)
	case errors.Is(err, os.ErrDeadlineExceeded) && n == 0 && d.copy.Lost() == 0 && d.idleAt > completion.Now():
		d.next() // the other direction was active meanwhile
	default:
		d.fail(err)
	}
}

// passedOn ends the direction: its receiver has got the end of the stream.
func (d *direction) passedOn() {
	if err := d.end.Err(); err != nil {
		d.fail(err)
		return
	}
	d.rest()
}

// active moves the deadline of the relay. The other direction's Copy, which is in flight,
// keeps the one that it has, and looks at the relay's when that has passed. To move its
// deadline with Port.SetDeadline would cost a call for each piece of data, and the Copy
// would have to look all the same: it may have ended just before the call.
func (d *direction) active() { d.idleAt = completion.After(d.idle) }

func (d *direction) submit(op completion.Operation) {
	if err := d.port.Submit(op); err != nil { // the port is closed
		d.fail(err)
	}
}

// fail closes both sockets, which resets them. An operation of the other direction ends
// with net.ErrClosed, and comes here, too.
func (d *direction) fail(why error) {
	if d.failure == nil {
		d.failure = why
		d.copy.From.Close()
		d.copy.To.Close()
	}
	d.rest()
}

// rest records that the direction has no operation in flight and gets none any more. Both
// directions at rest are the end of the relay. If both streams have ended, the sockets must
// not be reset: the system may still have bytes to send.
func (d *direction) rest() {
	d.going--
	if d.going > 0 {
		return
	}
	if d.failure == nil {
		for _, socket := range []*completion.Socket{d.copy.From, d.copy.To} {
			socket.SetResetOnClose(false)
			socket.Close()
		}
	}
	d.ended(d.relay)
}
