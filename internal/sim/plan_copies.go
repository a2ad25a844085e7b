package sim

import "github.com/completionport/completion/internal/backend"

// splices says for which sockets the kernel moves the bytes of copies through a pipe.
type splices uint8

const (
	noSplices splices = iota
	allSplices
	someSplices
)

// addCopies puts copies and polls into some plans, in the place of reads, writes and posts.
// As those of addOthers, its choices are the last, and 0 changes nothing.
func (p *plan) addCopies(c *choices) {
	what := c.pick(10)
	if what < 7 || p.busy.turns > 0 {
		return
	}
	p.splices = [...]splices{allSplices, noSplices, someSplices, allSplices}[c.pick(4)]
	p.pipe = [...]int{3, 1, 8, 2}[c.pick(4)]
	more := max(1+c.pick(3)-p.streams, 0)
	p.streams, p.descriptors = p.streams+more, p.descriptors+more
	p.activity += c.pick(8)
	if what == 9 {
		p.watched = 1
		p.descriptors++
	}
	for _, script := range p.actors {
		for i := range script {
			for j := range script[i].ops {
				if c.pick(3) > 0 {
					script[i].ops[j].copyOrPoll(c)
				}
			}
		}
	}
	p.layered = c.pick(4)
}

// copyOrPoll makes o a copy or a poll, mostly.
func (o *operationPlan) copyOrPoll(c *choices) {
	switch o.kind {
	case backend.Read:
		o.kind = [...]backend.Kind{backend.Copy, backend.Copy, backend.PollIn, backend.Copy}[c.pick(4)]
	case backend.Write:
		o.kind = [...]backend.Kind{backend.Copy, backend.Write, backend.PollOut, backend.Copy}[c.pick(4)]
	case backend.Post, backend.Timer:
		o.kind = [...]backend.Kind{backend.Copy, backend.PollIn, backend.PollOut}[c.pick(3)]
	default:
		return
	}
	o.full, o.pool, o.due = false, 0, 0
	switch o.kind {
	case backend.Copy:
		n := int64(max(o.size, 1))
		o.to = c.pick(4)
		o.count = [...]int64{0, n, 0, 3 * n, 1, 2 * n}[c.pick(6)]
		o.some = c.pick(3) == 2
		if c.rarely(40) {
			o.count = -n
		}
	case backend.PollIn, backend.PollOut:
		o.watched = c.pick(2) == 1
	}
}

// watchOne makes a connection of another owner, of which the port has a duplicate.
func (w *world) watchOne() {
	s := w.withPeer()
	s.watched = true
	w.givePeer(s)
	fd := w.kernel.describe(s)
	h, failure := w.port.AddStream(fd, func(fd int) { w.kernel.Close(fd) })
	if failure != nil {
		return // as in adopt
	}
	s.conn = &connection{handle: h, socket: s}
	w.watched = append(w.watched, s.conn)
}

// stirOwner lets the owner of a descriptor that the port watches make one action.
func (w *world) stirOwner(p *peer) {
	s := p.socket
	p.activity--
	switch w.schedule.pick(8) {
	case 0, 1, 2:
		w.sendAsPeer(s)
		s.full = s.full || !w.kernel.roomy(s) // the poller finds that, and room causes an edge
	case 3:
		if !s.shut {
			w.trace("the owner of socket %d ends its stream", s.number)
			w.kernel.finish(s)
			w.kernel.raise(s, backend.Writable) // a write finds EPIPE
		}
	default:
		var some [8]byte
		n := w.kernel.take(s, some[:1+w.schedule.pick(8)])
		w.trace("the owner of socket %d reads %d bytes", s.number, n)
	}
}
