package sim

import (
	"errors"
	"time"

	"github.com/completionport/completion/internal/backend"
)

// event is something that happens without an actor.
type event uint8

const (
	edgeArrives event = iota // or what is inside a ring ends
	visitorComes
	connectDecided
	clockTicks
	contextEnds
	firstPeer
	events = firstPeer + 16 // peers beyond share the last number
)

// peer acts for the other side of a connection.
type peer struct {
	socket   *socket
	activity int // how many actions it still makes in the stage chaos
}

func (w *world) givePeer(s *socket) {
	s.peer = &peer{socket: s, activity: w.plan.activity}
	w.peers = append(w.peers, s.peer)
}

// possible appends the events that can happen now.
func (w *world) possible(options []option) []option {
	k := w.kernel
	if len(k.late) > 0 || k.ring != nil && len(k.ring.ripe()) > 0 {
		options = append(options, option{event: edgeArrives})
	}
	if w.visitors > 0 && w.stage == chaos && w.listenerWithRoom() != nil {
		options = append(options, option{event: visitorComes})
	}
	if len(w.pending) > 0 {
		options = append(options, option{event: connectDecided})
	}
	for i, p := range w.peers {
		if w.stirs(p) {
			options = append(options, option{event: min(firstPeer+event(i), events-1)})
		}
	}
	if w.stage == chaos {
		for _, c := range w.contexts {
			if c.err == nil && c.used {
				options = append(options, option{event: contextEnds})
				break
			}
		}
	}
	if len(options) > 0 && (w.ticks > 0 && w.stage == chaos || k.looking) {
		options = append(options, option{event: clockTicks})
	}
	return options
}

func (w *world) happen(e event) {
	k := w.kernel
	switch e {
	case edgeArrives:
		k.edgeArrives()
	case visitorComes:
		w.visitors--
		server, remote := k.newSocket(), k.newSocket()
		pair(server, remote)
		w.givePeer(remote)
		l := w.listenerWithRoom()
		l.backlog = append(l.backlog, server)
		w.trace("a visitor comes to socket %d: socket %d", l.number, remote.number)
		k.raise(l, backend.Readable)
	case connectDecided:
		i := w.schedule.pick(len(w.pending))
		s := w.pending[i]
		w.pending = append(w.pending[:i], w.pending[i+1:]...)
		if s.open {
			k.decide(s)
			k.raise(s, backend.Readable|backend.Writable)
		}
	case clockTicks:
		w.tick()
	case contextEnds:
		w.endContext(w.schedule.pick(len(w.contexts)))
	default:
		for i, p := range w.peers {
			if min(firstPeer+event(i), events-1) == e && w.stirs(p) {
				w.stirAny(p)
				return
			}
		}
	}
}

// edgeArrives delivers a late edge, or ends something inside a ring.
func (k *kernel) edgeArrives() {
	if k.ring != nil {
		k.ring.endOne()
		return
	}
	i := k.w.schedule.pick(len(k.late))
	e := k.late[i]
	k.late = append(k.late[:i], k.late[i+1:]...)
	k.w.trace("an edge of socket %d arrives late", e.socket.number)
	k.arrive(e)
}

func (w *world) endContext(at int) {
	for i := range w.contexts {
		if c := w.contexts[(at+i)%len(w.contexts)]; c.err == nil && c.used {
			c.end()
			return
		}
	}
}

func (w *world) listenerWithRoom() *socket {
	for _, l := range w.listeners {
		if l.socket.open && len(l.socket.backlog) < backlogLimit {
			return l.socket
		}
	}
	return nil
}

// tick moves the clock a little, a lot, or to the time that a leader waits for.
func (w *world) tick() {
	w.ticks--
	step := [...]int64{1, 2, 5, 0, 40}[w.schedule.pick(5)]
	to := w.kernel.now + step
	if step == 0 {
		if to = w.nextTime(); to == backend.Never || to <= w.kernel.now {
			to = w.kernel.now + 1
		}
	}
	w.advance(to)
}

// decide ends a connect under way.
func (k *kernel) decide(s *socket) {
	t := s.target
	s.phase = refused
	switch {
	case t.refuses:
		s.errno = errRefused
		k.w.fired[connectRefused]++
	case t.silent:
		s.errno = errTimedOut
		k.w.fired[connectTimedOut]++
	case t.own > 0:
		l := k.w.listenerWithRoom()
		if l == nil {
			s.errno = errRefused
			break
		}
		server := k.newSocket()
		pair(s, server)
		l.backlog = append(l.backlog, server)
		k.raise(l, backend.Readable)
	default:
		remote := k.newSocket()
		pair(s, remote)
		k.w.givePeer(remote)
	}
	k.w.trace("the connect of socket %d is decided: %v", s.number, s.errno)
}

// stirs reports whether a peer has something to do.
func (w *world) stirs(p *peer) bool {
	s := p.socket
	if s.mail != nil {
		return w.stirsMail(p)
	}
	if s.watched {
		return s.open && w.stage == chaos && p.activity > 0
	}
	if !s.open || s.gone {
		return false
	}
	if w.stage == chaos && p.activity > 0 {
		return true
	}
	// In the last stages it reads everything and sends no more.
	return w.stage != chaos && (len(s.received) > 0 || !s.shut)
}

// stir lets a peer make one action.
func (w *world) stir(p *peer) {
	k, s := w.kernel, p.socket
	if w.stage != chaos {
		var all [64]byte
		n := k.take(s, all[:])
		w.trace("peer %d reads %d bytes", s.number, n)
		if len(s.received) == 0 && !s.shut {
			w.trace("peer %d ends its stream", s.number)
			k.finish(s)
		}
		return
	}
	p.activity--
	switch choice := w.schedule.pick(14); choice {
	default:
		w.sendAsPeer(s)
	case 5, 6, 7, 8:
		var some [8]byte
		n := k.take(s, some[:1+w.schedule.pick(8)])
		w.trace("peer %d reads %d bytes", s.number, n)
	case 9:
		if !s.shut {
			w.trace("peer %d ends its stream", s.number)
			w.fired[halfClosed]++
			k.finish(s)
		}
	case 10:
		w.trace("peer %d closes", s.number)
		w.fired[closedByPeer]++
		k.closeSide(s)
	case 12, 13:
		if choice == 12 {
			w.sendAsPeer(s)
		}
		if !s.shut {
			w.trace("peer %d marks its stream at %d", s.number, len(s.sent))
			k.markHere(s)
		}
	case 11:
		w.trace("peer %d resets", s.number)
		w.fired[reset]++
		k.breakOff(s)
		s.open = false
		s.other.nobody = true
	}
}

func (w *world) sendAsPeer(s *socket) {
	n := min(1+w.schedule.pick(6), s.room(w.kernel.capacity))
	if s.shut || n == 0 {
		return
	}
	w.trace("peer %d sends %d bytes", s.number, n)
	w.kernel.deliver(s, s.nextBytes(n))
}

// nextBytes returns the bytes that a peer sends next. They differ each time.
func (s *socket) nextBytes(n int) []byte {
	p := make([]byte, n)
	for i := range p {
		if p[i] = byte(len(s.sent)+i)*3 + byte(s.number)*17; s.lines {
			p[i] = lineByte(len(s.sent)+i+s.number, p[i])
		}
	}
	return p
}

// receiveUrgent makes the state of an adopted socket whose previous owner has received an
// urgent byte among others. Reads end there and no event reports it.
func (k *kernel) receiveUrgent(s *socket) {
	k.deliver(s.other, s.other.nextBytes(k.capacity))
	s.marks, s.taken = append(s.marks, 1), !s.messages
}

// simContext is a context whose callbacks are actors.
type simContext struct {
	w         *world
	done      chan struct{}
	err       error
	used      bool // an actor waits with it, or has waited
	callbacks []*callback
}

type callback struct {
	f       func()
	stopped bool
}

func newContext(w *world) *simContext { return &simContext{w: w, done: make(chan struct{})} }

func (c *simContext) Deadline() (t time.Time, ok bool) { return t, false }
func (c *simContext) Done() <-chan struct{}            { return c.done }
func (c *simContext) Err() error                       { return c.err }
func (c *simContext) Value(any) any                    { return nil }

// AfterFunc makes an actor of its own call f when the context has ended.
func (c *simContext) AfterFunc(f func()) (stop func() bool) {
	b := &callback{f: f}
	if c.err != nil {
		c.run(b)
		return func() bool { return false }
	}
	c.callbacks = append(c.callbacks, b)
	return func() bool {
		if c.err != nil || b.stopped {
			return false
		}
		b.stopped = true
		return true
	}
}

func (c *simContext) run(b *callback) {
	c.w.start("callback", func(a *actor) { b.f() })
	a := c.w.living[len(c.w.living)-1]
	a.calling = callbackCall
	a.effect = func() { a.calling = "a callback that has been heard" }
}

const callbackCall = "a context's callback"

var errEnded = errors.New("the context has ended")

// end ends the context.
func (c *simContext) end() {
	c.w.trace("a context ends")
	c.w.fired[contextEnded]++
	c.err = errEnded
	close(c.done)
	for _, u := range c.w.uses {
		if u.awaited == c && !u.handedOut {
			c.w.visit(u, visitContext)
		}
	}
	for _, b := range c.callbacks {
		if !b.stopped {
			c.run(b)
		}
	}
}
