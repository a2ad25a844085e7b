package echo

import (
	"context"
	"errors"
	"log"
	"net"

	"github.com/completionport/completion"
	"github.com/completionport/completion/ops"
)

// queueBuffers is the size of the pool: the number of messages between their
// read and the end of their write.
const queueBuffers = 256

// queue is the program that the port is made for: one goroutine and, for each
// connection, nothing but its pending read.
type queue struct {
	port     *completion.Port
	listener *completion.Listener
	pool     *completion.Pool
	accept   ops.Accept
	free     *reply
	ended    chan struct{}
}

// queueConn is a connection: its read, which comes back as a queueConn.
type queueConn struct{ ops.Read }

// reply is a write under way. There are as many as there are messages being
// worked on, not as many as connections, so they are kept for the next.
type reply struct {
	ops.Write
	to   *queueConn
	next *reply
}

func serveQueue(s Spec, buffer int) (Serving, error) {
	port, listener, err := openPort(s)
	if err != nil {
		return nil, err
	}
	q := &queue{port: port, listener: listener, pool: port.NewPool(buffer, queueBuffers), ended: make(chan struct{})}
	q.accept.On = listener
	go q.run()
	return q, nil
}

// openPort opens a port and a listener on it.
func openPort(s Spec) (*completion.Port, *completion.Listener, error) {
	port, err := completion.Open(&completion.Config{Backend: s.Backend, SpinWait: s.Spin})
	if err != nil {
		return nil, nil, err
	}
	listener, err := port.Listen("tcp", anyPort)
	if err != nil {
		port.Close()
		return nil, nil, err
	}
	return port, listener, nil
}

func (q *queue) Addr() string { return q.listener.Addr().String() }

func (q *queue) Close() {
	q.port.Close()
	<-q.ended
}

func (q *queue) run() {
	defer close(q.ended)
	q.port.Submit(&q.accept)
	for op := range q.port.Completions(context.Background()) {
		switch op := op.(type) {
		case *ops.Accept:
			q.accepted(op)
		case *queueConn:
			q.received(op)
		case *reply:
			q.sent(op)
		}
	}
}

func (q *queue) accepted(a *ops.Accept) {
	if err := a.Err(); err != nil {
		acceptFailed(err)
		return
	}
	c := &queueConn{ops.Read{From: a.Conn, Pool: q.pool}}
	q.port.Submit(c)
	q.port.Submit(a)
}

// acceptFailed reports what stops a program from accepting: running out of
// descriptors, if it is not being closed. The load then runs into its time-out.
func acceptFailed(err error) {
	if !errors.Is(err, net.ErrClosed) {
		log.Print("echo: the server accepts no more: ", err)
	}
}

func (q *queue) received(c *queueConn) {
	if c.Err() != nil {
		c.From.Close()
		return
	}
	r := q.free
	if r == nil {
		r = new(reply)
	} else {
		q.free = r.next
	}
	r.to, r.To, r.Buf = c, c.From, c.Buf
	c.Buf = nil
	q.port.Submit(r)
}

func (q *queue) sent(r *reply) {
	c, err := r.to, r.Err()
	r.Buf.Release()
	r.to, r.To, r.Buf = nil, nil, nil
	r.next, q.free = q.free, r
	if err != nil {
		c.From.Close()
		return
	}
	q.port.Submit(c)
}
