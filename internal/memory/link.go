package memory

import (
	"math"

	"github.com/completionport/completion/internal/backend"
)

// Link is what one direction of a connection passes.
type Link struct {
	Delay int64 // nanoseconds
	Rate  int   // bytes per second of each connection; 0 for no limit
}

// behind returns two links as one: the delays add up, and the lower rate counts.
func (l Link) behind(other Link) Link {
	if l.Rate == 0 || other.Rate != 0 && other.Rate < l.Rate {
		l.Rate = other.Rate
	}
	if l.Delay += other.Delay; l.Delay < 0 {
		l.Delay = math.MaxInt64
	}
	return l
}

// way is one side of an address: what is sent to it, or from it.
type way struct {
	at backend.Address
	to bool
}

// SetDelay delays everything that is sent from now on by so many nanoseconds. It does not
// overtake what is under way already.
func (s *System) SetDelay(nanoseconds int64) { s.link.Delay = nanoseconds }

// SetRate limits the bytes of each direction of each connection per second, for those that
// are sent from now on. 0 means no limit.
func (s *System) SetRate(bytes int) { s.link.Rate = bytes }

// LinkTo puts a link in front of an address, for everything that is sent to it from now
// on. The zero Link removes it.
func (s *System) LinkTo(at backend.Address, l Link) { s.setLink(way{canonical(at), true}, l) }

// LinkFrom is LinkTo for what is sent from the address.
func (s *System) LinkFrom(at backend.Address, l Link) { s.setLink(way{canonical(at), false}, l) }

func (s *System) setLink(w way, l Link) {
	if l == (Link{}) {
		delete(s.links, w)
		return
	}
	if s.links == nil {
		s.links = make(map[way]Link)
	}
	s.links[w] = l
}

// timed reports whether anything may arrive later than it was sent.
func (s *System) timed() bool {
	return s.link != (Link{}) || len(s.links) > 0 || len(s.transit) > 0
}

// linkFor returns what a cargo for a socket passes.
func (s *System) linkFor(to *Socket, what cargo) Link {
	if len(s.links) == 0 {
		return s.link
	}
	source, target := to.remote, to.local
	if what == request { // it is the socket's own
		source, target = target, source
	}
	return s.link.behind(s.links[way{source, false}]).behind(s.links[way{target, true}])
}

// instant is a time with a fraction of a nanosecond, in units of 1/rate, so that many small
// writes take as long as a large one.
type instant struct {
	at       int64
	fraction int64
	rate     int
}

// after returns when n more bytes have passed at the instant's rate.
func (t instant) after(n int) instant {
	parts := t.fraction + int64(n)*1e9
	return instant{t.at + parts/int64(t.rate), parts % int64(t.rate), t.rate}
}

// from returns the instant if it is not over yet, and else now, with another rate.
func (t instant) from(now int64, rate int) instant {
	switch {
	case t.at < now:
		t = instant{at: now}
	case t.rate != rate:
		t.fraction = 0
	}
	t.rate = rate
	return t
}

// piece returns how many of n bytes arrive together: a packet of Ethernet, or what takes a
// tenth of a second.
func piece(n, rate int) int { return min(n, 1460, max(rate/10, 1)) }
