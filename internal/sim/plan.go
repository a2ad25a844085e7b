package sim

import (
	"github.com/completionport/completion/internal/backend"
)

// plan is who calls what. It is small, so that the same few objects collide.
type plan struct {
	backend     semantics
	habits      habits
	ring        ringPlan
	theme       theme
	faultRate   int // a possible fault happens once in so many times; 0 never
	spin        int64
	block       bool
	maxInFlight int
	observe     bool
	capacity    int
	descriptors int
	listeners   int
	streams     int // connected sockets with a peer
	unconnected int
	pools       []poolPlan
	contexts    int
	visitors    int // peers that connect to listeners
	activity    int // how many actions each peer makes
	sockets     socketKind
	taken       bool // the first socket is adopted; its previous owner received urgent data
	mailboxes   int  // datagram sockets
	files       int
	tries       bool // reads of files may end without a goroutine
	workers     int  // goroutines of the work pool
	busy        busy
	splices     splices
	pipe        int // how many bytes a pipe has room for
	watched     int // descriptors of another owner
	layered     int // bits: which of the first streams have a layer
	lines       bool
	sends       splices // for which sockets the kernel sends from files
	fileSize    int
	actors      [][]instruction
	closing     instruction
}

// theme is what a plan is mostly about. It makes combinations happen that are rare
// otherwise.
type theme uint8

const (
	mixed        theme = iota
	lateBuffers        // pooled reads of several sockets with one small pool
	manyOnOne          // many operations on one socket
	waitsAndTime       // contexts, timers and deadlines, very little I/O
	awaiting           // several actors that await, each with a socket of its own
	themes
)

// socketKind is the kind of a world's sockets.
type socketKind uint8

const (
	tcpSockets socketKind = iota
	unixSockets
	bothSockets
)

type poolPlan struct{ size, limit int }

// verb is the call of an instruction.
type verb uint8

const (
	submit verb = iota
	next
	nextBatch
	await
	begin // Start; waited for at the end of the script, or by wait
	wait
	cancel
	cancelTicket
	move
	closeHandle
	takeBuffer
	release
	broadcast
	open
	acquire
	stats
	loop
	mistake
	flood
	alternate
	closePort
	shutdown
	verbs
)

// instruction is one call.
type instruction struct {
	verb    verb
	ops     []operationPlan
	at      int // the index of a connection, an operation, a pool…
	count   int
	time    int64 // relative to now; 0 for none
	context int   // its number plus 1; 0 for the background
}

type operationPlan struct {
	kind     backend.Kind
	at       int
	size     int
	full     bool
	pool     int // number plus 1
	deadline int64
	due      int64
	target   uint16
	batch    int // of datagrams, 0 for one that is no batch
	to       int // of a copy: the index of the connection that it sends to
	count    int64
	some     bool // of a copy
	watched  bool // of a poll: its descriptor is one of another owner
	sends    bool // of a write: from a file
	offset   int64
	until    int  // of a read up to a delimiter: its number plus 1
	again    bool // use an operation that was delivered before, if there is one
}

// target is what happens to a connect. The port of the address is the target's number.
type target struct {
	slow    bool
	refuses bool
	silent  bool // ETIMEDOUT
	own     int  // a listener of the port itself: its number plus 1
}

var targets = [...]target{{}, {slow: true}, {refuses: true}, {refuses: true, slow: true},
	{silent: true, slow: true}, {own: 1}, {own: 1, slow: true}}

func makePlan(c *choices) *plan {
	on, kind := c.pickOn(7)
	p := &plan{
		backend:     on,
		theme:       [...]theme{mixed, mixed, mixed, lateBuffers, manyOnOne, waitsAndTime, awaiting}[kind],
		faultRate:   [...]int{0, 24, 10, 5}[c.pick(4)],
		spin:        int64([...]int{0, 0, 0, 0, 3, 12}[c.pick(6)]),
		block:       c.pick(3) == 2,
		maxInFlight: [...]int{0, 0, 0, 0, 0, 0, 0, 3}[c.pick(8)],
		observe:     c.pick(5) == 4,
		capacity:    3 + c.pick(7),
		descriptors: 100,
		streams:     c.pick(3),
		unconnected: [...]int{0, 0, 0, 1, 1, 2}[c.pick(6)],
		listeners:   [...]int{0, 0, 1}[c.pick(3)],
		contexts:    c.pick(3),
		activity:    2 + c.pick(6),
	}
	if on == onKqueue {
		p.habits = habits{waker: wakerHabit(c.pick(int(wakerHabits))), echoes: c.pick(2) == 1}
	}
	switch {
	case p.theme == lateBuffers:
		p.streams = 2 + c.pick(2)
		p.pools = []poolPlan{{size: 1 + c.pick(4), limit: 1 + c.pick(2)}}
		p.unconnected, p.listeners = 0, 0
	case p.theme == manyOnOne:
		p.streams, p.unconnected, p.listeners = 1, 0, 0
	case p.theme == waitsAndTime:
		p.contexts++
	case p.theme == awaiting:
		p.streams, p.activity = 4, 10
		p.observe, p.spin = false, 0
	case p.streams+p.unconnected+p.listeners == 0:
		p.streams = 1
	}
	if p.listeners > 0 {
		p.visitors = c.pick(4)
		if c.rarely(8) {
			p.descriptors = p.listeners + p.streams + p.unconnected + 1
		}
	}
	for n := c.pick(3); len(p.pools) < n && p.theme != lateBuffers; {
		p.pools = append(p.pools, poolPlan{size: 1 + c.pick(5), limit: 1 + c.pick(2)})
	}
	n := 1 + c.pick(4)
	if p.theme == awaiting {
		n = 4
	}
	for len(p.actors) < n {
		p.actors = append(p.actors, p.script(c))
	}
	p.closing = instruction{verb: closePort}
	if c.pick(3) == 2 {
		p.closing = instruction{verb: shutdown, context: 1}
	}
	p.sockets = [...]socketKind{tcpSockets, unixSockets, bothSockets}[c.pick(3)]
	p.taken = c.rarely(6)
	if c.rarely(200) && on != onRing {
		p.makeBusy(c)
	}
	return p
}

// script returns the instructions of one actor.
func (p *plan) script(c *choices) (script []instruction) {
	n := 1 + c.pick(5)
	if p.theme == awaiting {
		n += 3
	}
	for len(script) < n {
		i := p.instruction(c)
		script = append(script, i)
		if i.verb == loop {
			break
		}
	}
	return script
}

// weights are how often each verb comes.
var weights = [verbs]int{
	submit: 20, next: 7, nextBatch: 3, await: 14, begin: 8, wait: 2, cancel: 9, cancelTicket: 5, move: 7,
	closeHandle: 5, takeBuffer: 4, release: 3, broadcast: 3, open: 2, acquire: 2, stats: 1, loop: 8, mistake: 1,
	flood: 0, alternate: 0, closePort: 1, shutdown: 1,
}

// verbOf is the verb for each value of a choice.
var verbOf = func() (list []verb) {
	for v, n := range weights {
		for range n {
			list = append(list, verb(v))
		}
	}
	return list
}()

func (p *plan) instruction(c *choices) instruction {
	i := instruction{verb: verbOf[c.pick(len(verbOf))], at: c.pick(6)}
	if p.theme == awaiting && c.pick(4) > 0 {
		i.verb = await
		i.ops = []operationPlan{{kind: backend.Read, at: len(p.actors), size: 1 + c.pick(4)}}
		i.context = p.context(c)
		return i
	}
	switch i.verb {
	case submit, begin:
		n := [...]int{1, 1, 1, 2, 3, 4}[c.pick(6)]
		many := p.theme == manyOnOne && c.rarely(4)
		if many {
			n = 18 // more than the calls of one turn
		}
		for range n {
			i.ops = append(i.ops, p.operation(c, many, i.at))
		}
	case await:
		i.ops = append(i.ops, p.operation(c, false, i.at))
		i.context = p.context(c)
	case next, loop, wait:
		i.context = p.context(c)
		if i.verb == loop && c.rarely(30) {
			i.verb, i.count = flood, 70
		}
	case nextBatch:
		i.count = 1 + c.pick(4)
		i.context = p.context(c)
	case shutdown:
		i.context = p.context(c)
	case move:
		i.time = moment(c)
	case broadcast:
		i.count = 1 + c.pick(3)
	}
	return i
}

func (p *plan) context(c *choices) int {
	if p.contexts == 0 {
		return 0
	}
	return c.pick(p.contexts + 1)
}

// moment returns a time relative to now: none, in the past, or soon.
func moment(c *choices) int64 {
	return [...]int64{0, 4, 12, 1, 30, -1, 7, 2}[c.pick(8)]
}

func (p *plan) operation(c *choices, small bool, at int) operationPlan {
	o := operationPlan{at: c.pick(4), size: 1 + c.pick(8), again: c.pick(3) == 2}
	if small { // many on one socket
		o.at, o.size = at, 1
	}
	kinds := [...]backend.Kind{backend.Read, backend.Write, backend.Read, backend.Write, backend.Read, backend.Write, backend.Read, backend.Write,
		backend.Timer, backend.Post, backend.CloseWrite, backend.Read}
	n := len(kinds)
	k := c.pick(n + 3*min(p.listeners, 1) + 4*min(p.unconnected, 1))
	switch {
	case p.theme == lateBuffers && k%3 > 0:
		o.kind = backend.Read
	case p.theme == waitsAndTime && k%3 > 0:
		o.kind = [...]backend.Kind{backend.Timer, backend.Timer, backend.Post}[k%3]
	case p.theme == lateBuffers && k < n && kinds[k] == backend.Post:
		o.kind = backend.Borrow // instead of a post, which leaves stored schedules as they are
	case k < n:
		o.kind = kinds[k]
	case p.listeners > 0 && k < n+3:
		o.kind = backend.Accept
	default:
		o.kind = backend.Connect
		o.target = uint16(c.pick(len(targets)))
	}
	p.detail(c, &o)
	if c.pick(4) == 3 {
		o.deadline = moment(c)
	}
	return o
}

// detail sets the fields of operations of that kind.
func (p *plan) detail(c *choices, o *operationPlan) {
	switch o.kind {
	case backend.Read:
		o.full = c.pick(4) == 3
		if len(p.pools) > 0 {
			o.pool = c.pick(len(p.pools) + 1)
		}
		if p.theme == lateBuffers && c.pick(4) > 0 {
			o.pool = 1
		}
		fallthrough
	case backend.Write:
		if c.rarely(16) && o.kind == backend.Write {
			o.size = 0
		}
	case backend.Borrow:
		o.pool = 1
	case backend.Timer:
		o.due = [...]int64{3, 0, 1, 9, -2, 25}[c.pick(6)]
	}
}
