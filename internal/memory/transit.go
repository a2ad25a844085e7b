package memory

import (
	"slices"

	"github.com/completionport/completion/internal/backend"
)

// Never is a time at which nothing happens.
const Never = backend.Never

// cargo is what is under way to a socket.
type cargo uint8

const (
	data    cargo = iota // bytes, which lie in the receiver's stream already
	ending               // the end of the stream
	reset                // the end of the connection
	request              // of a connect, to whatever listens at its remote address
	refusal              // of a request
)

// passage is one cargo with the time of its arrival.
type passage struct {
	when  int64
	to    *Socket
	what  cargo
	count int // bytes, of data
}

// SetDelay makes what is sent from now on arrive so many nanoseconds later.
// What is under way already is not overtaken.
func (s *System) SetDelay(nanoseconds int64) { s.delay = nanoseconds }

// Advance brings the clock to now and lets arrive what is due. Without a delay
// it need not be called at all.
func (s *System) Advance(now int64) {
	for len(s.transit) > 0 && s.transit[0].when <= now {
		p := s.transit[0]
		s.transit = slices.Delete(s.transit, 0, 1)
		// What an arrival sends on leaves at that moment, however late we look.
		s.now = max(s.now, p.when)
		p.to.arrive(p)
	}
	s.now = max(s.now, now)
}

// NextArrival is when something under way arrives, Never if nothing is.
func (s *System) NextArrival() int64 {
	if len(s.transit) == 0 {
		return Never
	}
	return s.transit[0].when
}

// send puts a cargo on its way. It arrives at once if there is no delay and
// nothing before it on the same way.
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
	to.tell() // whoever waits there has a time to wait for
}

// arrive lets a cargo take effect. The socket may have been closed meanwhile.
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
