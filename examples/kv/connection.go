package main

import (
	"errors"
	"io"
	"net"
	"time"

	"github.com/completionport/completion"
	"github.com/completionport/completion/ops"
)

// connection is a client of a queueServer. Its operations are part of it and are used again
// and again. One of them is in flight at any time:
//
//	read ─▶ write ─▶ read ─▶ …            requests are answered
//	read ─▶ read ─▶ write ─▶ …            a request in pieces
//	write ─▶ CloseWrite ─▶ read ─▶ read …  the server ends the connection
type connection struct {
	client
	server *queueServer
	read   ops.Read
	write  ops.Write

	// rest is input that has to wait: a request that is not complete, or all that is behind
	// enough answers. Without any, rest has no memory.
	rest     completion.Buffer
	answered int // bytes at the start of rest that were answered
}

// connect starts to serve a client.
func (s *queueServer) connect(socket *completion.Socket) {
	c := &connection{client: s.welcome(), server: s}
	c.read.From, c.read.Value = socket, c
	c.write.To, c.write.Value = socket, c
	c.receive()
}

// receive reads more input: into a buffer of the pool, or behind the rest of a request. A
// client may stay silent forever, but not in the middle of a request.
func (c *connection) receive() {
	if c.rest.Len() == 0 {
		c.read.Pool, c.read.Buf, c.read.Append, c.read.Timeout = c.server.input, nil, false, 0
	} else {
		c.makeRoom()
		c.read.Pool, c.read.Buf, c.read.Append, c.read.Timeout = nil, &c.rest, true, c.server.timeout
	}
	if err := c.server.port.Submit(&c.read); err != nil {
		c.hangUp(err)
	}
}

// received handles what a read has brought.
func (c *connection) received() {
	switch err := c.read.Err(); {
	case err != nil:
		c.hangUp(err)
	case c.closing:
		c.discard()
	default:
		c.respond()
	}
}

// respond executes the requests in the input, and sends all their answers with one write.
func (c *connection) respond() {
	s := c.server
	s.draining.RLock()
	defer s.draining.RUnlock()
	if s.drained {
		c.hangUp(net.ErrClosed)
		return
	}
	// Clients that read slowly may have all the buffers of the pool. The others don't wait
	// for them.
	buf := s.answers.Take()
	if buf == nil {
		buf = completion.Own(make([]byte, answerSize))
	}
	memory := buf.Memory()
	n, out := c.answer(c.input(), memory)
	c.drop(n)
	if cap(out) > cap(memory) { // it did not fit, and append has moved it
		buf.Release()
		buf = completion.Own(out)
	}
	buf.Resize(len(out))
	if len(out) == 0 {
		buf.Release()
		c.receive()
		return
	}
	c.write.Buf, c.write.Timeout = buf, s.timeToRead(len(out))
	if err := s.port.Submit(&c.write); err != nil {
		buf.Release()
		c.hangUp(err)
	}
}

// timeToRead is how long a client may take to read n bytes: the timeout, and as much again
// for each MiB.
func (o *options) timeToRead(n int) time.Duration {
	return o.timeout * time.Duration(1+n>>20)
}

// sent continues after the answers were written.
func (c *connection) sent() {
	c.write.Buf.Release()
	c.write.Buf = nil
	switch err := c.write.Err(); {
	case err != nil:
		c.hangUp(err)
	case c.closing:
		end := &ops.CloseWrite{On: c.write.To, Op: completion.Op{Value: c}}
		if err := c.server.port.Submit(end); err != nil {
			c.hangUp(err)
		}
	case c.stopped:
		c.respond()
	default:
		c.receive()
	}
}

// ended waits for the end of the client, after the end of the server was sent.
func (c *connection) ended() {
	c.read.Deadline = completion.After(c.server.timeout) // for all reads from now on
	c.receive()
}

// discard drops what a client sends behind the end.
func (c *connection) discard() {
	c.read.Release()
	c.receive()
}

// pooled reports whether the input is in a buffer of the pool.
func (c *connection) pooled() bool { return c.read.Pool != nil && c.read.Buf != nil }

// input is the input that was not answered.
func (c *connection) input() []byte {
	if c.pooled() {
		return c.read.Buf.Bytes()
	}
	return c.rest.Bytes()[c.answered:]
}

// drop drops the first n bytes of the input, and returns the buffer to the pool.
func (c *connection) drop(n int) {
	if c.pooled() {
		if in := c.read.Buf.Bytes(); n < len(in) {
			c.setRest(in[n:])
		}
		c.read.Release()
	} else {
		c.answered += n
	}
	if c.closing || c.answered == c.rest.Len() {
		c.rest.Set(nil)
		c.answered = 0
	}
}

// setRest makes a copy of input the rest, with room behind it.
func (c *connection) setRest(in []byte) {
	memory := make([]byte, c.requests.room(len(in)))
	copy(memory, in)
	c.rest.Set(memory)
	c.rest.Resize(len(in))
	c.answered = 0
}

// makeRoom moves the rest to the start of its memory, and gives it more if it needs more.
func (c *connection) makeRoom() {
	rest, memory := c.rest.Bytes()[c.answered:], c.rest.Memory()
	if len(rest) == len(memory) {
		c.setRest(rest)
		return
	}
	c.rest.Resize(copy(memory, rest))
	c.answered = 0
}

// hangUp ends a connection, and counts it as failed if that is nobody's wish.
func (c *connection) hangUp(why error) {
	if !errors.Is(why, io.EOF) && !errors.Is(why, net.ErrClosed) {
		if !c.closing {
			c.failed.Add(1)
		}
		// Otherwise the system would keep the bytes that the client never reads.
		c.read.From.SetResetOnClose(true)
	}
	c.read.Release() // of a server that drains
	c.connected.Add(-1)
	c.read.From.Close()
}
