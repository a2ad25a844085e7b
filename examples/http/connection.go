package main

import (
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/completionport/completion"
	"github.com/completionport/completion/ops"
)

// enough is the length of answers at which a client has to take them before more of its
// requests are answered.
const enough = 64 << 10

// connection is a client of a handServer. Its operations are part of it and are used again
// and again. One of them is in flight at any time:
//
//	read ─▶ write ─▶ read ─▶ …            requests are answered
//	read ─▶ read ─▶ write ─▶ …            a request in pieces
//	write ─▶ CloseWrite ─▶ read ─▶ read …  the server ends the connection
type connection struct {
	*handServer
	read  ops.Read
	write ops.Write
	end   ops.CloseWrite

	// rest is input that has to wait: a request that is not complete, or all that is behind
	// enough answers. Without any, rest has no memory.
	rest    completion.Buffer
	from    int                 // bytes at the start of rest that were answered
	needs   int                 // bytes without which the request is not complete
	due     completion.Deadline // when the request must be complete, 0 without one
	stopped bool                // there were enough answers, and there is input left
	closing bool                // the client gets its answers, and then the connection ends
}

// connect starts to serve a client.
func (s *handServer) connect(socket *completion.Socket) {
	c := &connection{handServer: s}
	c.read.From, c.read.Value = socket, c
	c.write.To, c.write.Value = socket, c
	c.end.On, c.end.Value = socket, c
	s.connections[c] = struct{}{}
	s.accepted.Add(1)
	s.open.Add(1)
	c.receive()
}

// isIdle reports whether the connection waits for the first byte of a request. It does not
// look into rest, which the port owns while it reads the rest of one.
func (c *connection) isIdle() bool {
	return c.write.Buf == nil && c.due == 0
}

// receive reads more input: into a buffer of the pool, or behind the rest of a request.
func (c *connection) receive() {
	if c.rest.Len() > 0 {
		c.makeRoom()
		c.read.Pool, c.read.Buf, c.read.Append, c.read.Timeout = nil, &c.rest, true, 0
	} else {
		c.read.Pool, c.read.Buf, c.read.Append, c.read.Timeout = c.inputs, nil, false, c.idle
	}
	c.read.Deadline = c.due
	c.submit(&c.read)
}

func (c *connection) submit(op completion.Operation) {
	if err := c.port.Submit(op); err != nil { // the port is closed
		c.hangUp(err)
	}
}

// received handles what a read has brought.
func (c *connection) received() {
	switch err := c.read.Err(); {
	case c.closing && err == nil: // what a client sends behind the end is dropped
		c.read.Release()
		c.receive()
	case err == nil:
		c.respond(nil)
	case !c.closing && c.rest.Len() == 0 && errors.Is(err, os.ErrDeadlineExceeded):
		c.hangUp(nil) // it was idle for long
	case c.closing || c.rest.Len() == 0:
		c.hangUp(err)
	case errors.Is(err, io.EOF):
		c.respond(bad("the end comes before the request is complete"))
	case errors.Is(err, os.ErrDeadlineExceeded):
		c.respond(&refusal{http.StatusRequestTimeout, "the request takes too long"})
	default:
		c.hangUp(err)
	}
}

// respond answers the requests in the input with one write, or refuses the rest of it.
func (c *connection) respond(refused error) {
	// Clients that read slowly may have all the buffers of the pool. The others don't wait
	// for them.
	buf := c.answers.Take()
	if buf == nil {
		buf = completion.Own(make([]byte, answerSize))
	}
	memory := buf.Memory()
	out := c.answer(c.input(), memory[:0], refused)
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
	c.write.Buf, c.write.Timeout = buf, c.timeout*time.Duration(1+len(out)>>20)
	c.submit(&c.write)
}

// answer appends the answers to the requests of in to out, and keeps the rest of in.
func (c *connection) answer(in, out []byte, refused error) []byte {
	used := 0
	for c.stopped = false; refused == nil && !c.closing && !c.stopped && len(in)-used >= max(c.needs, 1); {
		r, err := parse(in[used:])
		if refused = err; err != nil || r.head == 0 {
			break
		}
		if c.needs = r.head + r.body; len(in)-used < c.needs {
			if r.expects && len(in)-used == r.head {
				out = append(out, "HTTP/1.1 100 Continue\r\n\r\n"...)
			}
			break
		}
		r.last = r.last || c.stopping && used+c.needs == len(in)
		out = appendAnswer(out, &r, in[used+r.head:used+c.needs])
		used += c.needs
		c.needs, c.closing = 0, r.last
		c.stopped = len(out) >= enough && used < len(in)
		c.answered.Add(1)
	}
	if refused != nil {
		out = appendRefusal(out, refused)
		c.failed.Add(1)
		c.closing = true
	}
	c.keep(used)
	return out
}

// sent continues after the answers were written.
func (c *connection) sent() {
	c.write.Buf.Release()
	c.write.Buf = nil
	switch err := c.write.Err(); {
	case err != nil:
		c.hangUp(err)
	case c.closing, c.stopping && c.rest.Len() == 0:
		c.closing, c.due = true, completion.After(c.timeout) // for all that follows
		c.end.Deadline = c.due
		c.submit(&c.end)
	case c.stopped:
		c.respond(nil)
	default:
		c.receive()
	}
}

// ended waits for the end of the client, after the end of the server was sent. If the server
// closed the connection while the client sends, the system would send a reset, and the last
// answer could be lost.
func (c *connection) ended() { c.receive() }

// hangUp ends a connection, and counts it as failed if that is nobody's wish.
func (c *connection) hangUp(why error) {
	switch {
	case why == nil, errors.Is(why, io.EOF), errors.Is(why, net.ErrClosed), errors.Is(why, completion.ErrCanceled):
	default:
		if !c.closing {
			c.failed.Add(1)
		}
		// Otherwise the system would keep the bytes that the client never reads.
		c.read.From.SetResetOnClose(true)
	}
	c.read.Release()
	if c.write.Buf != nil {
		c.write.Buf.Release()
	}
	c.read.From.Close()
	c.open.Add(-1)
	delete(c.connections, c)
	c.closeIfDone()
}
