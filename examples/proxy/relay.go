package main

import (
	"errors"
	"io"
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

// direction is one direction of a relay. At any time at most one of its operations is in
// flight, and it has a buffer only from the end of its read to the end of its write. The
// operations are used again and again, so copying allocates nothing.
type direction struct {
	*relay
	other *direction
	read  ops.Read
	write ops.Write
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
	d.read.From, d.read.Pool, d.read.Value = from, r.pool, d
	d.write.To, d.write.Value = to, d
	d.end.On, d.end.Value = to, d
}

// next reads the next bytes.
func (d *direction) next() {
	d.read.Deadline = d.idleAt
	d.submit(&d.read)
}

// received writes what the read has returned. The end of the stream becomes the end of the
// other side's stream. There is no write that the CloseWrite could overtake: the last one
// has ended before the read began.
func (d *direction) received() {
	switch err := d.read.Err(); {
	case err == nil:
		d.active()
		d.write.Buf, d.read.Buf = d.read.Buf, nil
		d.write.Deadline = d.idleAt
		d.submit(&d.write)
	case errors.Is(err, io.EOF):
		d.active()
		d.submit(&d.end)
	case errors.Is(err, os.ErrDeadlineExceeded) && d.idleAt > completion.Now():
		d.next() // the other direction was active meanwhile
	default:
		d.fail(err)
	}
}

// sent reads on after a write.
func (d *direction) sent() {
	d.bytes += int64(d.write.N())
	if err := d.write.Err(); err != nil {
		d.fail(err)
		return
	}
	d.release()
	d.active()
	d.next()
}

// passedOn ends the direction: its receiver has got the end of the stream.
func (d *direction) passedOn() {
	if err := d.end.Err(); err != nil {
		d.fail(err)
		return
	}
	d.rest()
}

// active moves the deadline of the relay. The other direction's read, which is in flight,
// keeps the one that it has, and looks at the relay's when that has passed. To move its
// deadline with Port.SetDeadline would cost a call for each piece of data, and the read
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
	d.release()
	if d.failure == nil {
		d.failure = why
		d.read.From.Close()
		d.write.To.Close()
	}
	d.rest()
}

// release returns the buffer of the write, if there is one.
func (d *direction) release() {
	if d.write.Buf != nil {
		d.write.Buf.Release()
		d.write.Buf = nil
	}
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
		for _, socket := range []*completion.Socket{d.read.From, d.write.To} {
			socket.SetResetOnClose(false)
			socket.Close()
		}
	}
	d.ended(d.relay)
}
