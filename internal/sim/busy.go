package sim

import (
	"github.com/completionport/completion/internal/backend"
)

// busy says that a world keeps its leader busy for a while, and how time passes in
// it. In such worlds it is checked that everything is served in time (timely.go);
// they are rare, since they are long.
type busy struct {
	turns  int   // for how many of the leader's there is always something else to do; 0 in any other world
	quiet  bool  // there is nothing else: the leader spins
	filled int   // directions with more operations than a turn performs
	data   int   // bytes that have come on each socket before, but for the quiet one
	look   int64 // the time that a look of the leader takes
	call   int64 // and a system call
	body   int64 // and a loop body
}

// busyScript is what one actor does in a busy world. Each is for one purpose: to
// have the lead, to give it something to do, or to have something due.
type busyScript func(p *plan, c *choices) []instruction

// busyScripts are who meets in such a world: those that sleep while one of them
// leads; loops that find enough in the queue; those that fill the ready list; and one
// that the ready list always satisfies.
var busyScripts = [...][]busyScript{
	{waitsForNothing, consumes, awaitsReads, hasTimersDue, awaitsTimers},
	{postsALot, postsALot, hasTimersDue},
	{writesALot, readsLate, readsLate, consumes, awaitsReads, hasTimersDue},
	{alternates},
}

// waitsForNothing awaits what does not come.
func waitsForNothing(_ *plan, c *choices) []instruction {
	return []instruction{{verb: await, ops: []operationPlan{{kind: backend.Read, at: quietSocket, size: 1, deadline: 40 * soon(c)}}}}
}

func consumes(*plan, *choices) []instruction { return []instruction{{verb: loop}} }

// awaitsReads awaits what the peers send.
func awaitsReads(p *plan, c *choices) (script []instruction) {
	for range 12 {
		script = append(script, instruction{verb: await, ops: []operationPlan{
			{kind: backend.Read, at: 1 + len(p.actors), size: 1 + c.pick(4)}}})
	}
	return script
}

// hasTimersDue submits timers, and reads with deadlines that nothing else ends.
func hasTimersDue(_ *plan, c *choices) (script []instruction) {
	for range 1 + c.pick(4) {
		script = append(script, instruction{verb: submit, ops: []operationPlan{
			{kind: backend.Timer, due: soon(c)},
			{kind: backend.Read, at: quietSocket, size: 1, deadline: soon(c)},
		}})
	}
	return append(script, instruction{verb: loop})
}

func awaitsTimers(_ *plan, c *choices) (script []instruction) {
	for range 6 {
		script = append(script, instruction{verb: await, ops: []operationPlan{{kind: backend.Timer, due: soon(c)}}})
	}
	return script
}

// postsALot is handed more posts than between two looks, while something is due.
func postsALot(_ *plan, c *choices) []instruction {
	return []instruction{
		{verb: submit, ops: []operationPlan{{kind: backend.Timer, due: soon(c)}, {kind: backend.Read, at: 1, size: 1}}},
		{verb: flood, count: 250},
	}
}

// writesALot fills a direction, so that it is on the ready list again and again.
func writesALot(p *plan, _ *choices) []instruction {
	p.busy.filled++
	many := instruction{verb: submit}
	for range 400 {
		many.ops = append(many.ops, operationPlan{kind: backend.Write, at: 1 + len(p.actors), size: 1})
	}
	return []instruction{many, {verb: loop}}
}

// readsLate reads from several sockets, with one buffer for all.
func readsLate(_ *plan, c *choices) (script []instruction) {
	for i := range 6 + c.pick(6) {
		script = append(script,
			instruction{verb: submit, ops: []operationPlan{
				{kind: backend.Read, at: 1 + i, size: 1, pool: 1}, {kind: backend.Read, at: 2 + i, size: 1, pool: 1}}},
			instruction{verb: [...]verb{next, takeBuffer, release}[c.pick(3)]})
	}
	return append(script, instruction{verb: loop})
}

// alternates reads late from two sockets in turn, with one buffer for both.
func alternates(p *plan, c *choices) []instruction {
	p.busy.data = 200
	return []instruction{
		{verb: submit, ops: []operationPlan{{kind: backend.Timer, due: soon(c)}, {kind: backend.Read, at: 3, size: 1}}},
		{verb: alternate, at: c.pick(2), count: 300}}
}

// quietSocket is the number of the one that nothing comes on.
const quietSocket = 0

// soon is a time from now.
func soon(c *choices) int64 { return int64(1 + c.pick(15)) }

// makeBusy makes a plan that of a busy world.
func (p *plan) makeBusy(c *choices) {
	p.busy = busy{
		turns: 10 * turnsInTime,
		look:  1,
		call:  [...]int64{0, 1, 2_000}[c.pick(3)],
		body:  [...]int64{0, 10, 150_000}[c.pick(3)],
	}
	p.faultRate = [...]int{0, 0, 24}[c.pick(3)]
	p.spin = [...]int64{0, 0, 500}[c.pick(3)]
	p.busy.quiet = p.spin > 0 && c.pick(2) == 1
	p.taken = false
	p.observe, p.block = c.pick(8) == 7, c.pick(2) == 1
	p.maxInFlight, p.capacity, p.descriptors = 0, 1000, 100
	p.streams, p.unconnected, p.listeners, p.visitors = 4, 0, 0, 0
	p.pools = []poolPlan{{size: 1, limit: 1}}
	p.activity = [...]int{0, 0, 0, 4}[c.pick(4)]
	p.actors = nil
	company := c.pick(len(busyScripts))
	if p.spin > 0 { // each wait takes many looks: not so many waits
		company = 0
	}
	scripts := busyScripts[company]
	n := 1
	if len(scripts) > 1 { // who alternates would find the buffer with another
		n += c.pick(4)
	}
	for len(p.actors) < n {
		p.actors = append(p.actors, scripts[c.pick(len(scripts))](p, c))
	}
}

// keepBusy sees to it that a look of the leader finds something, for a while: what
// a peer has just sent, or an event without a reason.
func (w *world) keepBusy() {
	b := &w.plan.busy
	if b.turns == 0 || w.stage != chaos {
		return
	}
	w.advance(w.kernel.now + b.look)
	if w.turns > b.turns || b.quiet || w.kernel.hasEvents() {
		return
	}
	w.fired[keptBusy]++
	if p := w.peerToSend(); p != nil {
		w.sendAsPeer(p.socket)
	}
	if !w.kernel.hasEvents() {
		w.kernel.eventWithoutReason()
	}
}

// peerToSend is one that can, but for that of the quiet socket.
func (w *world) peerToSend() *peer {
	at := w.schedule.pick(len(w.peers))
	for i := range w.peers {
		p := w.peers[(at+i)%len(w.peers)]
		if s := p.socket; s.open && !s.gone && !s.shut && s.other.number != quietSocket && s.room(w.kernel.capacity) > 0 {
			return p
		}
	}
	return nil
}

// hasEvents tells whether a wait would end at once.
func (k *kernel) hasEvents() bool {
	if k.queue != nil {
		return k.queue.something()
	}
	return len(k.ready) > 0
}

// eventWithoutReason tells that some socket has room.
func (k *kernel) eventWithoutReason() {
	at := k.w.schedule.pick(max(len(k.sockets), 1))
	for i := range k.sockets {
		switch s := k.sockets[(at+i)%len(k.sockets)]; {
		case s.armed:
			k.list(s)
			return
		case s.knotes[1].added():
			k.queue.activate(&s.knotes[1])
			return
		}
	}
}

// alternate has two late reads wait for one buffer in turn, each on the ready list when
// the other has given it back. i.at says how they are waited for.
func (c *caller) alternate(i *instruction) {
	c.keeps = true
	for n := range i.count {
		read := c.submit([]operationPlan{{kind: backend.Read, at: 1 + n%2, pool: 1}}, i.at == 1, nil)
		c.releaseAll()
		if i.at == 1 {
			c.begun = append(c.begun, read...)
			c.waitForBegun(nil)
		} else {
			c.next(nil)
		}
	}
	c.keeps = false
}
