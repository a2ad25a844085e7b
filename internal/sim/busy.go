package sim

import (
	"github.com/completionport/completion/internal/backend"
)

// busy configures a world that keeps its leader busy for a while, and how time passes in
// it. Such worlds check that everything is served in time (timely.go). They are rare,
// since they are long.
type busy struct {
	turns  int   // how many turns the leader has other work for; 0 in all other worlds
	quiet  bool  // the leader has nothing else to do: it spins
	filled int   // directions with more operations than a turn performs
	data   int   // bytes that each socket has received before, except the quiet one
	look   int64 // the time that a look of the leader takes
	call   int64 // the time that a system call takes
	body   int64 // the time that a loop body takes
}

// busyScript is what one actor does in a busy world. Each has one purpose: to take the
// lead, to give the leader work, or to have something due.
type busyScript func(p *plan, c *choices) []instruction

// busyScripts are the groups of actors of busy worlds: actors that sleep while one of
// them leads; loops that always find items in the queue; actors that fill the ready
// list; and one that always gets what it wants from the ready list.
var busyScripts = [...][]busyScript{
	{waitsForNothing, consumes, awaitsReads, hasTimersDue, awaitsTimers},
	{postsALot, postsALot, hasTimersDue},
	{writesALot, readsLate, readsLate, consumes, awaitsReads, hasTimersDue},
	{alternates},
}

// waitsForNothing awaits an operation that does not end.
func waitsForNothing(_ *plan, c *choices) []instruction {
	return []instruction{{verb: await, ops: []operationPlan{{kind: backend.Read, at: quietSocket, size: 1, deadline: 40 * soon(c)}}}}
}

func consumes(*plan, *choices) []instruction { return []instruction{{verb: loop}} }

// awaitsReads awaits reads of the bytes that the peers send.
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

// postsALot dequeues more posts than are allowed between two looks, while something is
// due.
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

// readsLate submits pooled reads of several sockets, with one buffer for all.
func readsLate(_ *plan, c *choices) (script []instruction) {
	for i := range 6 + c.pick(6) {
		script = append(script,
			instruction{verb: submit, ops: []operationPlan{
				{kind: backend.Read, at: 1 + i, size: 1, pool: 1}, {kind: backend.Read, at: 2 + i, size: 1, pool: 1}}},
			instruction{verb: [...]verb{next, takeBuffer, release}[c.pick(3)]})
	}
	return append(script, instruction{verb: loop})
}

// alternates submits pooled reads of two sockets in turn, with one buffer for both.
func alternates(p *plan, c *choices) []instruction {
	p.busy.data = 200
	return []instruction{
		{verb: submit, ops: []operationPlan{{kind: backend.Timer, due: soon(c)}, {kind: backend.Read, at: 3, size: 1}}},
		{verb: alternate, at: c.pick(2), count: 300}}
}

// quietSocket is the number of the socket that receives nothing.
const quietSocket = 0

// soon returns a time relative to now, in the near future.
func soon(c *choices) int64 { return int64(1 + c.pick(15)) }

// makeBusy turns a plan into the plan of a busy world.
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
	if p.spin > 0 { // each wait takes many looks: fewer waits
		company = 0
	}
	scripts := busyScripts[company]
	n := 1
	if len(scripts) > 1 { // for one that alternates, another actor could have the buffer
		n += c.pick(4)
	}
	for len(p.actors) < n {
		p.actors = append(p.actors, scripts[c.pick(len(scripts))](p, c))
	}
}

// keepBusy makes a look of the leader find something, for a while: bytes that a peer has
// just sent, or an event without a reason.
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

// peerToSend returns a peer that can send, but not that of the quiet socket.
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

// hasEvents reports whether a wait would end at once.
func (k *kernel) hasEvents() bool {
	if k.queue != nil {
		return k.queue.something()
	}
	if k.ring != nil {
		return len(k.ring.results) > 0
	}
	return len(k.ready) > 0
}

// eventWithoutReason adds an event that some socket has room.
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

// alternate makes two pooled reads wait for one buffer in turn. Each is on the ready list
// when the other has released the buffer. i.at selects how they are waited for.
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
