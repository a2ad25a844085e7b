package main

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"

	"github.com/completionport/completion"
	"github.com/completionport/completion/ops"
)

// piece is how much of a file one SendFile sends. A client has the timeout for each piece.
const piece = 256 << 10

// connection is a client of a server. Its operations are part of it and are used again and
// again. One of them is in flight at any time, or the head of an answer and the first piece of
// its file:
//
//	read ─▶ look ─▶ head and body ─▶ body ─▶ body ─▶ read ─▶ …   a file in three pieces
//	read ─▶ read ─▶ look ─▶ head ─▶ look ─▶ …                   a request in pieces, another behind it
//	head ─▶ end ─▶ read ─▶ read …                               the server ends the connection
type connection struct {
	*server
	read ops.Read
	look ops.Work
	head ops.Write
	body ops.SendFile
	end  ops.CloseWrite

	// rest is input that has to wait: a request that is not complete, or what is behind the
	// one that is answered. Without any, rest has no memory.
	rest    completion.Buffer
	due     completion.Deadline // when the request must be complete, 0 without one
	request *http.Request       // the one that is answered
	answer  answer
	sending int   // of head and body, those in flight
	failure error // of the first of them that failed
	waiting bool  // for the first byte of a request
	closing bool  // the client gets its answer, and then the connection ends
}

// connect starts to serve a client.
func (s *server) connect(socket *completion.Socket) {
	c := &connection{server: s}
	c.read.From, c.read.Value = socket, c
	c.look.Func, c.look.Value = c.lookup, c
	c.head.To, c.head.Value, c.head.Timeout = socket, c, s.timeout
	c.body.To, c.body.Value, c.body.Timeout = socket, c, s.timeout
	c.end.On, c.end.Value, c.end.Timeout = socket, c, s.timeout
	s.connections[c] = struct{}{}
	s.accepted.Add(1)
	s.open.Add(1)
	c.receive()
}

// submit submits operations of the connection.
func (c *connection) submit(all ...completion.Operation) {
	if err := c.port.Submit(all...); err != nil { // the port is closed
		c.hangUp(err)
	}
}

// receive reads more input: into a buffer of the pool, or behind the rest.
func (c *connection) receive() {
	c.read.Pool, c.read.Buf, c.read.Append, c.read.Timeout = c.inputs, nil, false, c.idle
	if c.rest.Len() > 0 {
		c.read.Pool, c.read.Buf, c.read.Append, c.read.Timeout = nil, &c.rest, true, 0
		if c.due == 0 {
			c.due = completion.After(c.timeout)
		}
	}
	c.read.Deadline = c.due
	c.waiting = c.due == 0
	c.submit(&c.read)
}

// received handles the bytes of a read.
func (c *connection) received() {
	c.waiting = false
	switch err := c.read.Err(); {
	case c.closing && err == nil: // what a client sends behind the end is dropped
		c.read.Release()
		c.receive()
	case err == nil:
		c.next()
	case !c.closing && c.rest.Len() == 0 && errors.Is(err, os.ErrDeadlineExceeded):
		c.hangUp(nil) // it was idle for long
	case c.closing || c.rest.Len() == 0:
		c.hangUp(err)
	case errors.Is(err, io.EOF):
		c.refuse(bad("the end comes before the request is complete"))
	case errors.Is(err, os.ErrDeadlineExceeded):
		c.refuse(&refusal{http.StatusRequestTimeout, "the request takes too long"})
	default:
		c.hangUp(err)
	}
}

// next begins to answer the first request of the input, or waits for the rest of it.
func (c *connection) next() {
	in := c.rest.Bytes()
	if c.read.Pool != nil && c.read.Buf != nil {
		in = c.read.Buf.Bytes()
	}
	request, n, err := parse(c.parser, in)
	c.keep(in[n:])
	switch {
	case err != nil:
		c.refuse(err)
	case request == nil:
		c.receive()
	default:
		c.request, c.due = request, 0
		c.closing = request.Close || c.stopping && c.rest.Len() == 0
		c.submit(&c.look)
	}
}

// keep makes the end of the input the rest, and returns the buffer of the pool.
func (c *connection) keep(in []byte) {
	switch {
	case len(in) == 0:
		c.rest.Set(nil)
	case c.rest.Memory() == nil:
		c.rest.Set(make([]byte, mostHead))
		fallthrough
	default:
		c.rest.Resize(copy(c.rest.Memory(), in))
	}
	c.read.Release()
}

// lookup runs on the work pool: looking for a file and opening it blocks.
func (c *connection) lookup(context.Context) error {
	c.answer = c.find(c.request)
	return nil
}

// found sends what the work pool has found.
func (c *connection) found() {
	if err := c.look.Err(); err != nil { // the port was closed before the work began
		c.hangUp(err)
		return
	}
	c.answered.Add(1)
	c.send()
}

// refuse sends the last answer of a connection: behind it, no request can be found.
func (c *connection) refuse(err error) {
	c.failed.Add(1)
	c.closing, c.due = true, 0
	c.rest.Set(nil)
	c.answer = answerTo(err)
	c.send()
}

// send sends the head of the answer, and the first piece of the file behind it.
func (c *connection) send() {
	// Clients that read slowly may have all the buffers of the pool. The others don't wait
	// for them.
	buf := c.heads.Take()
	if buf == nil {
		buf = completion.Own(make([]byte, headSize))
	}
	out := c.answer.appendHead(buf.Memory()[:0], c.closing)
	if len(out) > len(buf.Memory()) { // it did not fit, and append has moved it
		buf.Release()
		buf = completion.Own(out)
	}
	buf.Resize(len(out))
	c.head.Buf, c.failure, c.sending = buf, nil, 1
	if c.answer.count == 0 { // of a SendFile, this means all
		c.submit(&c.head)
		return
	}
	c.sending = 2
	c.submit(&c.head, c.nextPiece())
}

// nextPiece describes the next piece of the file.
func (c *connection) nextPiece() *ops.SendFile {
	a := &c.answer
	c.body.From, c.body.Offset, c.body.Count = a.file, a.from, min(a.count, piece)
	a.from += c.body.Count
	a.count -= c.body.Count
	return &c.body
}

func (c *connection) sentHead() {
	c.head.Buf.Release()
	c.head.Buf = nil
	c.sent(c.head.Err())
}

// sent goes on when the head or a piece was sent. If the head was cut short, the piece behind it
// ends with completion.ErrWriteAborted.
func (c *connection) sent(err error) {
	if c.failure == nil {
		c.failure = err
	}
	if c.sending--; c.sending > 0 {
		return
	}
	switch {
	case c.failure != nil:
		c.hangUp(c.failure)
	case c.answer.count > 0:
		c.sending = 1
		c.submit(c.nextPiece())
	default:
		c.done()
	}
}

// done goes on behind an answer.
func (c *connection) done() {
	c.answer.close()
	c.closing = c.closing || c.stopping && c.rest.Len() == 0
	switch {
	case c.closing:
		// If the server closed the connection while the client sends, the system would send a
		// reset, and the last answer could be lost. So it sends its end, and waits for the
		// client's: for a while, whatever still comes.
		c.rest.Set(nil)
		c.due = completion.After(c.timeout)
		c.submit(&c.end)
	case c.rest.Len() > 0:
		c.next()
	default:
		c.receive()
	}
}

// hangUp ends a connection, and counts it as failed if neither side asked for its end.
func (c *connection) hangUp(why error) {
	switch {
	case why == nil, errors.Is(why, io.EOF), errors.Is(why, net.ErrClosed), errors.Is(why, completion.ErrCanceled):
	default:
		if !c.closing {
			c.failed.Add(1)
		}
		// Otherwise the client takes a part for the whole, and the system keeps the bytes that
		// it never reads.
		c.read.From.SetResetOnClose(true)
	}
	c.read.Release()
	if c.head.Buf != nil {
		c.head.Buf.Release()
	}
	c.answer.close()
	c.read.From.Close()
	c.open.Add(-1)
	delete(c.connections, c)
	c.closeIfDone()
}
