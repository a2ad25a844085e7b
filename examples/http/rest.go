package main

import "github.com/completionport/completion"

// The input of a connection is in a buffer of the pool, which it has for one turn of the
// loop, or in memory of its own, until the request that began there is complete.

// leastRest is the memory that the rest of a request gets at first.
const leastRest = 512

// input is the input that was not answered.
func (c *connection) input() []byte {
	if c.pooled() {
		return c.read.Buf.Bytes()
	}
	return c.rest.Bytes()[c.from:]
}

// pooled reports whether the input is in a buffer of the pool.
func (c *connection) pooled() bool { return c.read.Pool != nil && c.read.Buf != nil }

// keep drops the first n bytes of the input, and returns the buffer to the pool. What is
// left of a request has until the deadline to become complete, however often more of it
// comes.
func (c *connection) keep(n int) {
	if c.pooled() {
		if in := c.read.Buf.Bytes(); n < len(in) {
			c.setRest(in[n:])
		}
		c.read.Release()
	} else {
		c.from += n
	}
	if c.closing || c.from == c.rest.Len() {
		c.rest.Set(nil)
		c.from = 0
	}
	switch {
	case c.rest.Len() == 0 || c.stopped:
		c.due = 0
	case n > 0 || c.due == 0:
		c.due = completion.After(c.timeout)
	}
}

// setRest makes a copy of input the rest, with room behind it.
func (c *connection) setRest(in []byte) {
	memory := make([]byte, c.room(len(in)))
	copy(memory, in)
	c.rest.Set(memory)
	c.rest.Resize(len(in))
	c.from = 0
}

// room returns how much memory is good for n bytes of a request: twice as much, whatever the
// client announces, but not more than the request needs.
func (c *connection) room(n int) int {
	room := max(2*n, leastRest)
	if c.needs > n {
		room = min(room, c.needs)
	}
	return room
}

// makeRoom moves the rest to the start of its memory, and gives it more if it needs more.
func (c *connection) makeRoom() {
	rest, memory := c.rest.Bytes()[c.from:], c.rest.Memory()
	if len(rest) == len(memory) {
		c.setRest(rest)
		return
	}
	c.rest.Resize(copy(memory, rest))
	c.from = 0
}
