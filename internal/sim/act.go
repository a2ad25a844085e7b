package sim

import (
	"context"
	"slices"

	"github.com/completionport/completion/internal/backend"
	"github.com/completionport/completion/internal/core"
)

// caller is an actor with what it holds.
type caller struct {
	*world
	a        *actor
	begun    []*use // started, and not yet waited for
	held     []*core.Buffer
	shared   []*share
	borrowed []*connection // acquired
	keeps    bool          // it keeps the buffers that it gets, for now
}

// act follows a script, and releases everything at its end.
func (w *world) act(a *actor, script []instruction) {
	c := &caller{world: w, a: a}
	for i := range script {
		c.follow(&script[i])
		if w.failure != nil {
			w.pause()
		}
	}
	c.giveAllBack()
	c.releaseAll() // others, and its own reads, may wait for the buffers
	c.waitForBegun(nil)
	c.releaseAll()
}

func (c *caller) releaseAll() {
	for len(c.held)+len(c.shared) > 0 {
		c.release()
	}
}

func (c *caller) follow(i *instruction) {
	c.a.calling = verbNames[i.verb]
	c.trace("> %s", verbNames[i.verb])
	switch i.verb {
	case submit:
		c.submit(i.ops, false, nil)
	case begin:
		c.begun = append(c.begun, c.submit(i.ops, true, nil)...)
	case await:
		c.await(i)
	case wait:
		c.waitForBegun(c.context(i))
	case next:
		c.next(c.context(i))
	case nextBatch:
		c.nextBatch(c.context(i), i.count)
	case loop:
		for c.next(c.context(i)) && c.failure == nil {
		}
		for c.next(nil) && c.failure == nil {
		}
	case flood:
		c.flood(i.count)
	case alternate:
		c.alternate(i)
	case cancel:
		c.cancel(i.at)
	case cancelTicket:
		c.cancelTicket(i.at)
	case move:
		c.move(i)
	case takeBuffer:
		c.takeBuffer(i.at)
	case release:
		c.release()
	case broadcast:
		c.broadcast(i)
	case open:
		if len(c.connections) < 6 {
			c.world.adopt(c.withPeer(), true)
		}
	case acquire:
		c.acquire(i.at)
	case stats:
		c.checkStats()
	case mistake:
		c.mistake()
	case closeHandle:
		c.closeHandle(i.at)
	case closePort:
		c.closePort()
	case shutdown:
		c.shutdown(i)
	}
	c.a.effect = nil
}

func (c *caller) context(i *instruction) *simContext {
	if i.context == 0 || len(c.contexts) == 0 {
		return nil
	}
	return c.contexts[(i.context-1)%len(c.contexts)]
}

// of returns the context in the form that the port gets.
func (c *simContext) of() context.Context {
	if c == nil {
		return context.Background()
	}
	c.used = true
	return c
}

// submit submits operations and returns their uses, or nil.
func (c *caller) submit(plans []operationPlan, started bool, awaited *simContext) []*use {
	var ops []core.Operation
	uses := make([]*use, 0, len(plans))
	c.batches++
	for i := range plans {
		o := c.operation(&plans[i])
		if o == nil {
			continue
		}
		u := c.use(o)
		u.started, u.awaited, u.index = started, awaited, len(uses)
		ops, uses = append(ops, o), append(uses, u)
	}
	if len(ops) == 0 {
		return nil
	}
	if !c.give(uses, func() bool { return c.port.Submit(ops, started) }) {
		return nil
	}
	return uses
}

// give submits uses to the port.
func (c *caller) give(uses []*use, call func() bool) bool {
	for _, u := range uses {
		u.began = c.steps
		c.uses = append(c.uses, u)
		u.enlist()
		c.trace("submits %v", u)
	}
	c.flying += len(uses)
	if call() {
		for _, u := range uses {
			u.returned = c.steps
			if u.op.use == u {
				u.ticket = core.TicketOf(&u.op.Record)
				c.tickets = append(c.tickets, u)
			}
		}
		return true
	}
	c.flying -= len(uses)
	if !c.closeTried && !c.shutTried {
		c.fail("Submit is refused by an open port")
	}
	for _, u := range uses {
		c.checkRefused(u)
		u.handedOut = true
		u.op.use = nil
		u.op.poison()
		u.delist()
		c.world.uses = slices.DeleteFunc(c.world.uses, func(v *use) bool { return v == u })
		c.idleOps = append(c.idleOps, u.op)
	}
	return false
}

// operation prepares an operation for a submit.
func (c *caller) operation(p *operationPlan) *operation {
	conn, isNone := c.connOf(p)
	if isNone {
		return nil
	}
	var o *operation
	if p.again {
		o = c.usedBefore(p, conn)
	}
	if o == nil {
		o = &operation{number: len(c.operations), world: c.world}
		c.operations = append(c.operations, o)
	}
	c.checkPoison(o)
	c.fill(o, p, conn)
	return o
}

// connOf returns what an operation concerns, nil for nothing. isNone reports that the world has
// none.
func (w *world) connOf(p *operationPlan) (c *connection, isNone bool) {
	list, i := w.connections, p.at
	switch p.kind {
	case backend.Accept:
		list = w.listeners
	case backend.Read, backend.Write, backend.CloseWrite, backend.Connect:
	case backend.Receive, backend.Send:
		list = w.mailboxes
	case backend.ReadAt, backend.WriteAt, backend.Append, backend.Sync, backend.CloseFile:
		list = w.files
	case backend.Copy:
		i = p.to
	case backend.PollIn, backend.PollOut:
		if p.watched && len(w.watched) > 0 {
			list = w.watched
		}
	default:
		return nil, false
	}
	c = at(list, i)
	return c, c == nil
}

// fill sets the fields of o as planned.
func (c *caller) fill(o *operation, p *operationPlan, conn *connection) {
	o.kind, o.conn, o.full = p.kind, conn, p.full
	o.buffer, o.pool, o.late, o.accepted, o.delivered = nil, nil, nil, nil, 0
	o.deadline, o.due, o.batch, o.several, o.lates = c.moment(p.deadline), 0, p.batch, nil, nil
	switch p.kind {
	case backend.Read, backend.Write:
		if p.until > 0 {
			o.setUntil(p)
			break
		}
		if p.sends {
			o.setFile(p)
			break
		}
		if p.pool > 0 && p.kind == backend.Read {
			o.pool = c.pools[p.pool-1]
			break
		}
		o.setMemory(p.size)
	case backend.Receive, backend.Send, backend.ReadAt, backend.WriteAt, backend.Append:
		c.fillOther(o, p)
	case backend.Copy:
		o.from, o.count, o.some = at(c.connections, p.at), p.count, p.some
	case backend.Borrow:
		o.pool = c.pools[p.pool-1]
	case backend.Timer:
		o.due = c.kernel.now + p.due
	case backend.Connect:
		o.address.Inet = addressOf(p.target)
	}
}

// usedBefore returns an operation that was delivered before, to be used again. Its kind
// stays the same, as in a program.
func (w *world) usedBefore(p *operationPlan, conn *connection) *operation {
	if p.until > 0 {
		return w.usedUntil(conn)
	}
	for i := len(w.idleOps) - 1; i >= 0; i-- {
		if o := w.idleOps[i]; o.kind == p.kind && !o.seeks() && (o.source != nil) == p.sends {
			w.idleOps = slices.Delete(w.idleOps, i, i+1)
			return o
		}
	}
	return nil
}

// moment returns the deadline for a time relative to now.
func (w *world) moment(t int64) int64 {
	if t == 0 {
		return 0
	}
	return w.kernel.now + t
}

func at[T any](list []*T, i int) *T {
	if len(list) == 0 {
		return nil
	}
	return list[i%len(list)]
}

// use records what is requested of an operation.
func (c *caller) use(o *operation) *use {
	c.numbers++
	u := &use{op: o, number: c.numbers, kind: o.kind, late: o.pool != nil, batch: c.batches}
	o.use = u
	if o.conn != nil {
		u.socket = o.conn.socket
	}
	if o.buffer != nil {
		u.memory = o.bytes()
		u.total = len(u.memory)
	}
	c.prepareSeveral(u)
	u.prepareUntil()
	u.addHalf()
	u.prepareBytes()
	u.deadline, u.sure = o.deadline, o.moving == 0
	u.earliest = backend.Never
	if o.deadline != 0 {
		u.earliest = o.deadline
		u.refusedAtOnce = o.deadline <= c.kernel.now
	}
	u.cancelTried = o.cancelling > 0
	return u
}

func (c *caller) await(i *instruction) {
	ctx := c.context(i)
	o := c.operation(&i.ops[0])
	if o == nil {
		return
	}
	c.batches++
	u := c.use(o)
	u.started, u.awaited, u.waiting = true, ctx, true
	if ctx != nil && ctx.err != nil {
		u.refusedAtOnce, u.cancelFirst = true, true
	}
	if ctx != nil {
		u.cancelTried = true
	}
	accepted := c.give([]*use{u}, func() bool { return c.port.Await(ctx.of(), o) })
	if accepted {
		c.take(o, true)
	}
}

func (c *caller) waitForBegun(ctx *simContext) {
	for len(c.begun) > 0 {
		u := c.begun[0]
		c.begun = c.begun[1:]
		u.awaited = ctx
		u.cancelTried = u.cancelTried || ctx != nil
		c.a.calling = "Wait for " + u.kind.String()
		u.waiting = true
		c.a.waits = true
		c.port.Wait(ctx.of(), u.op)
		u.waiting, c.a.waits = false, false
		c.take(u.op, true)
	}
}

// next reports whether more operations may come.
func (c *caller) next(ctx *simContext) bool {
	c.a.waits = true
	op := c.port.Next(ctx.of())
	c.a.waits = false
	if op != nil {
		c.take(op.(*operation), false)
		c.handedOut(1)
		return true
	}
	c.checkNothing(ctx)
	return false
}

func (c *caller) nextBatch(ctx *simContext, n int) {
	dst := make([]core.Operation, n)
	c.a.waits = true
	n = c.port.NextBatch(ctx.of(), dst)
	c.a.waits = false
	if n == 0 {
		c.checkNothing(ctx)
	}
	for _, op := range dst[:n] {
		c.take(op.(*operation), false)
	}
	c.handedOut(n)
}

// flood submits so many posts that a dequeuer must check I/O in between.
func (c *caller) flood(n int) {
	plans := make([]operationPlan, n)
	for i := range plans {
		plans[i].kind = backend.Post
	}
	c.submit(plans, false, nil)
	for range n {
		c.next(nil)
	}
}

func (c *caller) cancel(i int) {
	o := at(c.operations, i)
	if o == nil {
		return
	}
	u := o.use
	o.cancelling++
	if u != nil {
		u.cancelTried = true
		c.a.effect = func() { c.visit(u, visitCancel) }
	}
	recorded := c.port.Cancel(o)
	o.cancelling--
	c.trace("cancel of operation %d: %v", o.number, recorded)
	if recorded && u != nil && o.use == u {
		c.checkCancelled(u)
	}
}

func (c *caller) cancelTicket(i int) {
	u := at(c.tickets, i)
	o := at(c.operations, i)
	if post := c.postOnItsWay(); o != nil && (o.use == nil || i == 2 && post != nil) {
		o = post
	}
	if o != nil && o.use != nil && i%2 == 0 {
		// Its Submit may still be under way.
		u = o.use
		if u.ticket == (core.Ticket{}) {
			u.ticket = core.TicketOf(&o.Record)
		}
		c.pause()
		if u.kind == backend.Post {
			c.followPost(u, i%4 == 0)
		}
	}
	if u == nil {
		return
	}
	late := u.handedOut
	u.cancelTried = true
	c.a.effect = func() { c.visit(u, visitTicket) }
	if !c.port.CancelTicket(u.ticket) {
		return
	}
	c.trace("cancel by ticket of %v", u)
	if late {
		c.fail("a cancel by ticket is recorded after %v was handed out", u)
	}
	if !late {
		c.checkCancelled(u)
	}
}

// postOnItsWay returns a post to which a Submit under way may give a ticket, or nil.
func (w *world) postOnItsWay() *operation {
	for i := len(w.operations) - 1; i >= 0; i-- {
		if o := w.operations[i]; o.kind == backend.Post && o.use != nil && o.use.returned == 0 {
			return o
		}
	}
	return nil
}

// followPost gets the ticket of a post, which has one for a few steps only. With
// toItsEnd it waits until the post has ended.
func (c *caller) followPost(u *use, toItsEnd bool) {
	for range 30 {
		switch none := u.ticket == (core.Ticket{}); {
		case u.op.use != u, !none && !toItsEnd, !none && u.phase() == core.Done:
			return
		case none:
			u.ticket = core.TicketOf(&u.op.Record)
		}
		c.pause()
	}
}

func (c *caller) move(i *instruction) {
	o := at(c.operations, i.at)
	if o == nil {
		return
	}
	u, t := o.use, c.moment(i.time)
	o.moving++
	if u != nil {
		if t != 0 {
			u.earliest = min(u.earliest, t)
		}
		c.a.effect = func() { // of several at once, the last to get the lock decides
			c.visit(u, visitMove)
			if o.use == u {
				u.deadline, u.sure = t, true
			}
		}
	}
	moved := c.port.SetDeadline(o, t)
	o.moving--
	c.trace("deadline of operation %d to %d: %v", o.number, t, moved)
	if u == nil || o.use != u {
		if v := o.use; v != nil && moved && t != 0 { // it may have moved that of a later use
			v.sure, v.earliest = false, min(v.earliest, t)
		}
		return
	}
	if !moved {
		u.sure = false
	}
}
