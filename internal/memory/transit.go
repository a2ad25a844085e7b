package memory

import (
	"cmp"
	"slices"

	"github.com/completionport/completion/internal/backend"
)

// Never is a time that does not come.
const Never = backend.Never

// cargo is what is under way to a socket.
type cargo uint8

const (
	data    cargo = iota // bytes, which lie in the receiver's stream already
	ending               // the end of the stream
	reset                // the end of the connection
	request              // of a connect, to the listener at its remote address
	refusal              // of a request
	parcel               // a datagram, of which the socket is the sender
)

// passage is a cargo with the time of its arrival. Of bytes at a rate, it is the next piece
// and those behind it.
type passage struct {
	when     int64
	order    uint64 // of sending: cargoes arrive in this order if they do at one time
	to       *Socket
	what     cargo
	count    int       // bytes, of data
	datagram *datagram // of a parcel

	left    instant // when it has left, or its first byte begins to
	arrives instant // when its first byte begins to arrive, with the rate; the rate may be 0
	done    int     // bytes that have arrived
	total   int
}

// Advance sets the clock to now and delivers what is due. Without a Link it need not be
// called.
func (s *System) Advance(now int64) {
	for len(s.transit) > 0 && s.transit[0].when <= now {
		p := s.transit[0]
		s.transit = slices.Delete(s.transit, 0, 1)
		// An arrival may send something: it leaves at that time, however late this
		// call is.
		s.now = max(s.now, p.when)
		p.to.arrive(p)
		if p.done += p.count; p.done < p.total && p.to.receives() {
			s.dispatch(p.next())
		}
	}
	s.now = max(s.now, now)
}

// NextArrival returns when the next cargo arrives, Never if none is under way.
func (s *System) NextArrival() int64 {
	if len(s.transit) == 0 {
		return Never
	}
	return s.transit[0].when
}

// send puts a cargo under way. It arrives at once if it passes no link and nothing else is
// under way to the same socket.
func (s *System) send(to *Socket, what cargo, count int) {
	if what == reset {
		s.drop(to)
	}
	link := s.linkFor(to, what)
	s.sent++
	p := passage{order: s.sent, to: to, what: what, count: count}
	p.left = to.in.left.from(s.now, link.Rate)
	p.arrives = p.left
	p.arrives.at = max(later(p.left.at, link.Delay), to.in.latest)
	p.when = p.arrives.at
	if link.Rate > 0 && count > 0 {
		p.total = count
		to.in.left = p.left.after(count)
		to.in.latest = p.last()
		p = p.next()
	} else {
		to.in.latest = p.when
	}
	if p.when <= s.now && p.count == count {
		to.arrive(p)
		return
	}
	s.dispatch(p)
	to.tell() // those that wait for this socket now have an arrival to wait for
}

// later returns a time plus a delay, at most Never.
func later(at, delay int64) int64 {
	if delay > Never-at {
		return Never
	}
	return at + delay
}

// next returns the passage with its next piece.
func (p passage) next() passage {
	p.count = piece(p.total-p.done, p.arrives.rate)
	p.when = p.arrives.after(p.done + p.count).at
	return p
}

// last returns when the last byte of a passage arrives.
func (p passage) last() int64 {
	if p.total == 0 {
		return p.when
	}
	return p.arrives.after(p.total).at
}

// compare orders passages by their arrivals.
func (p passage) compare(other passage) int {
	return cmp.Or(cmp.Compare(p.when, other.when), cmp.Compare(p.order, other.order))
}

// dispatch enters a passage into those under way.
func (s *System) dispatch(p passage) {
	at := len(s.transit)
	for at > 0 && p.compare(s.transit[at-1]) < 0 {
		at--
	}
	s.transit = slices.Insert(s.transit, at, p)
}

// drop removes what has not left yet on its way to a socket: a reset follows, and does not
// wait for it.
func (s *System) drop(to *Socket) {
	if to.in.left.at <= s.now {
		return
	}
	to.in.left, to.in.latest = instant{}, 0
	s.transit = slices.DeleteFunc(s.transit, func(p passage) bool {
		return p.to == to && p.left.at > s.now
	})
	for i := range s.transit {
		if p := &s.transit[i]; p.to == to {
			if p.total > 0 {
				p.total = max(p.leftBy(s.now), p.done)
				*p = p.next()
			}
			to.in.latest = max(to.in.latest, p.last())
		}
	}
	slices.SortFunc(s.transit, passage.compare)
}

// leftBy returns how many bytes of a passage with a rate have left.
func (p passage) leftBy(now int64) int {
	if p.left.after(p.total).at <= now {
		return p.total
	}
	return int(((now-p.left.at+1)*int64(p.left.rate) - 1 - p.left.fraction) / 1e9)
}

// arrive applies a cargo. The socket may have been closed in the meantime.
func (k *Socket) arrive(p passage) {
	switch {
	case p.what == request:
		k.requested()
		return
	case p.what == refusal:
		k.refused()
		return
	case p.what == parcel:
		k.system.deliver(p.datagram)
		return
	case !k.receives():
		return
	}
	about := backend.Readable
	switch p.what {
	case data:
		k.in.arrived += p.count
	case ending:
		k.in.ended = true
	case reset:
		k.die()
		about |= backend.Writable
	}
	k.edge(about)
}
