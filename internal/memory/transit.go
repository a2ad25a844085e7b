package memory

import (
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
)

// passage is a cargo with the time of its arrival.
type passage struct {
	when  int64
	to    *Socket
	what  cargo
	count int // bytes, of data
}

// SetDelay delays everything that is sent from now on by so many nanoseconds. It does not
// overtake what is under way already.
func (s *System) SetDelay(nanoseconds int64) { s.delay = nanoseconds }

// Advance sets the clock to now and delivers what is due. Without a delay it need not be
// called.
func (s *System) Advance(now int64) {
	for len(s.transit) > 0 && s.transit[0].when <= now {
		p := s.transit[0]
		s.transit = slices.Delete(s.transit, 0, 1)
		// An arrival may send something: it leaves at that time, however late this
		// call is.
		s.now = max(s.now, p.when)
		p.to.arrive(p)
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

// send puts a cargo under way. It arrives at once if there is no delay and nothing else is
// under way to the same socket.
func (s *System) send(to *Socket, what cargo, count int) {
	when := max(s.now+s.delay, to.in.latest)
	if when <= s.now {
		to.arrive(passage{when, to, what, count})
		return
	}
	to.in.latest = when
	at := len(s.transit)
	for at > 0 && s.transit[at-1].when > when {
		at--
	}
	s.transit = slices.Insert(s.transit, at, passage{when, to, what, count})
	to.tell() // those that wait for this socket now have an arrival to wait for
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
	case k.phase != connected || k.dead:
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
