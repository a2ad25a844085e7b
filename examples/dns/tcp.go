package main

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os"

	"github.com/completionport/completion"
	"github.com/completionport/completion/ops"
)

const (
	mostQuery  = 4094          // bytes of a query over TCP
	inputSize  = 2 + mostQuery // what a read brings, and a connection keeps of it, at most
	answerSize = 4096          // most answers to one read have room in it
	poolCount  = 256

	// enough is the length of answers at which a client must receive them before the server
	// answers more of its queries.
	enough = 64 << 10
)

// connection is a client over TCP. One of its operations is in flight at any time. Its reads are
// pooled, so a silent client has no buffer.
type connection struct {
	*server
	read  ops.Read
	write ops.Write
	rest  completion.Buffer   // input that has to wait: without any, it has no memory
	due   completion.Deadline // when the next query must be complete
}

// connect starts to serve a client.
func (s *server) connect(socket *completion.Socket) {
	c := &connection{server: s}
	c.read.From, c.read.Value = socket, c
	c.write.To, c.write.Value = socket, c
	s.accepted.Add(1)
	c.receive()
}

// receive reads more input: into a buffer of the pool, or behind the rest.
func (c *connection) receive() {
	if c.due == 0 {
		c.due = completion.After(c.idle)
	}
	c.read.Pool, c.read.Buf, c.read.Append, c.read.Deadline = c.inputs, nil, false, c.due
	if c.rest.Len() > 0 {
		c.read.Pool, c.read.Buf, c.read.Append = nil, &c.rest, true
	}
	if err := c.port.Submit(&c.read); err != nil {
		c.hangUp(err)
	}
}

func (c *connection) received() {
	if err := c.read.Err(); err != nil {
		c.hangUp(err)
		return
	}
	c.respond(c.read.Buf.Bytes())
}

var errTooLong = errors.New("a query is too long")

// respond answers the queries in the input with one write, and keeps the rest of it.
func (c *connection) respond(in []byte) {
	buf := c.answers.Take()
	if buf == nil { // clients that never read may have all of them
		buf = completion.Own(make([]byte, answerSize))
	}
	out, rest, err := c.answerAll(buf.Memory()[:0], in)
	c.keep(rest)
	if len(out) > len(buf.Memory()) { // they did not fit, and append has moved them
		buf.Release()
		buf = completion.Own(out)
	}
	buf.Resize(len(out))
	if len(out) > 0 && err == nil {
		c.write.Buf, c.write.Timeout, c.due = buf, c.idle, 0
		if err = c.port.Submit(&c.write); err == nil {
			return
		}
	}
	buf.Release()
	if c.write.Buf = nil; err != nil {
		c.hangUp(err)
		return
	}
	c.receive()
}

// answerAll appends the answers to the queries of in to out. Each has its length before it.
func (c *connection) answerAll(out, in []byte) (_, rest []byte, err error) {
	for len(in) >= 2 && len(out) < enough {
		size := int(binary.BigEndian.Uint16(in))
		if size > mostQuery {
			return out, nil, errTooLong
		}
		if len(in) < 2+size {
			break
		}
		start := len(out)
		out = c.answer(append(out, 0, 0), in[2:2+size], true)
		if n := len(out) - start - 2; n > 0 {
			binary.BigEndian.PutUint16(out[start:], uint16(n))
			c.queries.Add(1)
		} else { // it has no answer
			out = out[:start]
		}
		in = in[2+size:]
	}
	return out, in, nil
}

// keep makes the end of the input the rest, and returns the buffer of the pool.
func (c *connection) keep(in []byte) {
	switch {
	case len(in) == 0:
		c.rest.Set(nil)
	case c.rest.Memory() == nil:
		c.rest.Set(make([]byte, inputSize))
		fallthrough
	default:
		c.rest.Resize(copy(c.rest.Memory(), in))
	}
	c.read.Release()
}

// sent goes on with the queries that had to wait, or with new ones.
func (c *connection) sent() {
	c.write.Buf.Release()
	c.write.Buf = nil
	switch err := c.write.Err(); {
	case err != nil:
		c.hangUp(err)
	case c.rest.Len() > 0:
		c.respond(c.rest.Bytes())
	default:
		c.receive()
	}
}

// hangUp ends a connection, and counts it as failed if neither side asked for its end.
func (c *connection) hangUp(why error) {
	wasIdle := errors.Is(why, os.ErrDeadlineExceeded) && c.rest.Len() == 0
	if !errors.Is(why, io.EOF) && !errors.Is(why, net.ErrClosed) && !wasIdle {
		c.failed.Add(1)
		// Otherwise the system would keep the bytes that the client never reads.
		c.read.From.SetResetOnClose(true)
	}
	c.read.From.Close()
}
