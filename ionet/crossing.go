package ionet

import (
	"context"
	"io"
	"net"
	"os"
	"sync"

	"github.com/completionport/completion"
	"github.com/completionport/completion/ops"
)

// crossing is a copy between two connections of one port. It belongs to the reads of the one
// and to the writes of the other.
type crossing struct {
	op            ops.Copy // used once: a deadline that is set late must not meet another use
	reads, writes *side
	mu            sync.Mutex // held while a deadline is passed on to the port
}

// await performs the copy. Both turns are held.
func (x *crossing) await(port *completion.Port) error {
	if err := x.start(port); err != nil {
		return err
	}
	err := port.Wait(context.Background(), &x.op) // as in side.await
	for _, s := range [...]*side{x.reads, x.writes} {
		s.mu.Lock()
		s.inFlight, s.crossing = nil, nil
		s.mu.Unlock()
	}
	return err
}

// start starts the copy, unless a deadline is set: a write that has none of its bytes yet does
// not time out while the read waits, and a read that has timed out does not end the write of
// what was read before. One operation has one deadline.
func (x *crossing) start(port *completion.Port) error {
	x.reads.mu.Lock() // reads before writes, here only
	defer x.reads.mu.Unlock()
	x.writes.mu.Lock()
	defer x.writes.mu.Unlock()
	switch {
	case x.reads.over || x.writes.over:
		return errOver
	case x.reads.deadline != 0 || x.writes.deadline != 0:
		return errTimed
	}
	err := port.Start(&x.op)
	if err == nil {
		x.reads.inFlight, x.reads.crossing = &x.op, x
		x.writes.inFlight, x.writes.crossing = &x.op, x
	}
	return err
}

// deadlineMoved passes on the earlier of the two deadlines. The caller has stored its own. If
// two callers meet, the second one sees both.
func (x *crossing) deadlineMoved(port *completion.Port) {
	x.mu.Lock()
	defer x.mu.Unlock()
	earliest := completion.Deadline(0)
	for _, s := range [...]*side{x.reads, x.writes} {
		s.mu.Lock()
		if s.deadline != 0 && (earliest == 0 || s.deadline < earliest) {
			earliest = s.deadline
		}
		s.mu.Unlock()
	}
	port.SetDeadline(&x.op, earliest)
}

// cross copies what r has to the connection if r is a Conn of the same port, also behind an
// *io.LimitedReader. done is false if it is none, or if the rest is to be copied in another
// way: because of a deadline.
func (c *Conn) cross(r io.Reader) (n int64, err error, done bool) {
	limited, _ := r.(*io.LimitedReader)
	count := int64(0)
	if limited != nil {
		r, count = limited.R, limited.N
	}
	from, ok := r.(*Conn)
	if !ok || from.port != c.port || limited != nil && count <= 0 {
		return 0, nil, false
	}
	from.reads.turn.Lock() // reads before writes, here only
	defer from.reads.turn.Unlock()
	c.writes.turn.Lock()
	defer c.writes.turn.Unlock()
	x := &crossing{reads: &from.reads, writes: &c.writes}
	x.op.From, x.op.To, x.op.Count = from.socket, c.socket, count
	err = x.await(c.port)
	if err == errTimed || err == errOver {
		return 0, nil, false // a read finds out
	}
	n = int64(x.op.N())
	if limited != nil {
		limited.N -= n
	}
	err, done = x.ended(err)
	return n, err, done
}

// ended returns what a Copy that has ended with err means for the caller. done is false if
// there may be more to copy, or a read finds out what is wrong.
func (x *crossing) ended(err error) (_ error, done bool) {
	whole := x.op.Lost() == 0
	switch {
	case err == nil, err == io.ErrUnexpectedEOF && x.op.Count > 0 && whole:
		return nil, true
	case err == completion.ErrCanceled && x.reads.isOver():
		return nil, true // as the end of the stream
	case err == os.ErrDeadlineExceeded && whole:
		return nil, false // it waited for the read: see start
	}
	if system, ok := err.(*net.OpError); ok {
		err = system.Err
	}
	return err, true
}
