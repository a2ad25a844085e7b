package sim

import (
	"slices"

	"github.com/completionport/completion/internal/backend"
	"github.com/completionport/completion/internal/core"
)

func (c *caller) takeBuffer(i int) {
	pool := at(c.pools, i)
	if pool == nil {
		return
	}
	if b := pool.Take(); b != nil {
		c.world.held++
		copy(b.Memory(), poisoned)
		c.held = append(c.held, b)
	}
}

// release releases the oldest buffer, whose bytes must be unchanged.
func (c *caller) release() {
	switch {
	case len(c.held) > 0:
		b := c.held[0]
		c.held = c.held[1:]
		c.checkHeld(b)
		c.world.held--
		b.Release()
	case len(c.shared) > 0:
		s := c.shared[0]
		c.shared = c.shared[1:]
		s.released = true
		s.buffer.Release()
	}
}

// broadcast writes the same bytes to several connections.
func (c *caller) broadcast(i *instruction) {
	if len(c.connections) == 0 {
		return
	}
	var b *core.Buffer
	share := &share{}
	if pool := at(c.pools, i.at); pool != nil {
		b = pool.Take()
	}
	if b != nil {
		c.shares = append(c.shares, share)
	} else {
		b = new(core.Buffer)
		b.Set(make([]byte, 1+i.at))
	}
	for j := range b.Memory() {
		b.Memory()[j] = byte(len(c.world.uses)*13 + j)
	}
	b.Share()
	var ops []core.Operation
	var uses []*use
	c.batches++
	for j := range i.count {
		o := &operation{number: len(c.operations), world: c.world, kind: backend.Write, conn: at(c.connections, i.at+j), buffer: b}
		c.operations = append(c.operations, o)
		u := c.use(o)
		u.index = j
		ops, uses = append(ops, o), append(uses, u)
	}
	share.uses = uses
	c.give(uses, func() bool { return c.port.Submit(ops, false) })
	share.buffer = b
	if i.at%2 == 0 {
		share.released = true
		b.Release()
	} else {
		c.shared = append(c.shared, share)
	}
}

// share is a pool's buffer that several writes share.
type share struct {
	buffer   *core.Buffer
	released bool // the actor has released it
	uses     []*use
}

// alive reports whether the buffer is still referred to.
func (s *share) alive() bool {
	for _, u := range s.uses {
		if !u.handedOut {
			return true
		}
	}
	return !s.released
}

// acquire borrows a descriptor, and checks that it stays the same.
func (c *caller) acquire(i int) {
	conn := at(c.connections, i)
	if conn == nil {
		return
	}
	if fd, ok := conn.handle.Acquire(); ok {
		c.borrowed = append(c.borrowed, conn)
		if c.kernel.table[fd] != conn.socket {
			c.fail("Acquire lends descriptor %d, which is another's", fd)
		}
	}
}

// giveAllBack returns all borrowed descriptors: Close waits for that.
func (c *caller) giveAllBack() {
	for len(c.borrowed) > 0 {
		c.giveBack()
	}
}

func (c *caller) giveBack() {
	conn := c.borrowed[0]
	c.borrowed = c.borrowed[1:]
	if !conn.socket.open {
		c.fail("a descriptor that was lent is closed")
	}
	conn.handle.Release()
}

func (c *caller) closeHandle(i int) {
	all := slices.Concat(c.connections, c.listeners, c.mailboxes, c.files, c.watched)
	if len(all) == 0 {
		return
	}
	conn := all[i%len(all)]
	conn.closeTried = true
	c.a.effect = func() { c.visitAll(conn.socket, visitCloseHandle) }
	conn.handle.Close()
	conn.closed = true
	if c.plan.backend == onKqueue && len(c.connections) < 6 && c.fires(reopened) {
		c.world.adopt(c.withPeer(), true)
	}
}

func (c *caller) closePort() {
	c.giveAllBack()
	c.closeTried = true
	c.a.effect = func() { c.visitFlying(visitClosePort) }
	if c.port.Close() {
		c.checkClosed()
	}
}

func (c *caller) shutdown(i *instruction) {
	c.giveAllBack()
	ctx := c.context(i)
	c.shutTried = true
	if ctx != nil {
		c.impatient = append(c.impatient, ctx)
	}
	c.a.effect = func() { c.visitFlying(visitShutdown) }
	all, isOpen := c.port.Shutdown(ctx.of())
	c.trace("shutdown: all %v, was open %v", all, isOpen)
	if !all && isOpen && !c.closeTried && (ctx == nil || ctx.err == nil) {
		c.fail("Shutdown gives up and its context has not ended")
	}
	if isOpen {
		c.allWritten = all
		c.checkClosed()
	}
	c.closeTried = true
}

// mistake submits one operation twice in one call. The call panics, and the port
// accepts nothing.
func (c *caller) mistake() {
	conn := at(c.connections, 0)
	if conn == nil {
		return
	}
	post := &operation{number: -1, kind: backend.Post}
	o := &operation{number: -1, kind: backend.Read, conn: conn}
	o.setMemory(4)
	accepted := func() (ok bool) {
		defer func() {
			if r := recover(); r == any(errAbandoned) {
				panic(r)
			}
		}()
		return c.port.Submit([]core.Operation{post, o, o}, false)
	}()
	if accepted {
		c.fail("an operation is accepted twice at once")
	}
	if core.PhaseOf(&post.Record) != core.Idle || core.PhaseOf(&o.Record) != core.Idle {
		c.fail("a refused operation is not given back")
	}
	o.own.Bytes() // panics if the caller does not own it
}
