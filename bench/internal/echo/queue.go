package echo

import (
	"context"
	"errors"
	"log"
	"net"
	"sync"

	"github.com/completionport/completion"
	"github.com/completionport/completion/ops"
)

// queueBuffers is the size of the pool. It limits the number of messages between their
// read and the end of their write. With io_uring, a quarter of them can be in the kernel: the
// messages of 1,000 connections.
const queueBuffers = 4096

// queue is the program that the port is made for: one goroutine, or Spec.Workers, and
// for each connection only its pending read.
type queue struct {
	ports     []*completion.Port
	listeners []*completion.Listener
	running   sync.WaitGroup
}

// worker is one goroutine of a queue.
type worker struct {
	port *completion.Port
	pool *completion.Pool
	work work
	free *reply

	store  *Store // nil for an echo
	buffer int
}

// storeConn is a connection of a key-value server: its read, which is delivered as a storeConn. A
// connection of an echo server is an ops.Read, and nothing else.
type storeConn struct {
	ops.Read
	rest []byte // the bytes of an incomplete request
}

// reply is a write under way. Their number is that of messages in progress, and not of
// connections, so they are kept for the next message.
type reply struct {
	ops.Write
	read completion.Operation // of the connection, submitted when the write has ended
	own  *completion.Buffer   // for answers, nil for an echo
	next *reply
}

func serveQueue(s Spec, buffer int) (Serving, error) {
	ports, listeners, err := openPorts(s)
	if err != nil {
		return nil, err
	}
	q := &queue{ports: ports, listeners: listeners}
	store := s.NewStore()
	for i, port := range ports {
		pool := port.NewPool(buffer, queueBuffers)
		port.Submit(&ops.Accept{On: listeners[i]})
		for range max(s.Workers, 1) {
			w := &worker{port: port, pool: pool, work: s.newWork(), store: store, buffer: buffer}
			q.running.Go(w.run)
		}
	}
	return q, nil
}

// openPorts opens ports, each with a listener, all on one address.
func openPorts(s Spec) (ports []*completion.Port, listeners []*completion.Listener, err error) {
	n, address := max(s.Ports, 1), anyPort
	for range n {
		var port *completion.Port
		if port, err = completion.Open(&completion.Config{Backend: s.Backend, SpinWait: s.Spin}); err != nil {
			break
		}
		ports = append(ports, port)
		var listener *completion.Listener
		config := completion.ListenConfig{ReusePort: n > 1}
		if listener, err = config.Listen(port, "tcp", address); err != nil {
			break
		}
		listeners = append(listeners, listener)
		address = listener.Addr().String()
	}
	if err != nil {
		for _, p := range ports {
			p.Close()
		}
	}
	return ports, listeners, err
}

func (q *queue) Addr() string { return q.listeners[0].Addr().String() }

func (q *queue) Close() {
	for _, p := range q.ports {
		p.Close()
	}
	q.running.Wait()
}

func (w *worker) run() {
	for op := range w.port.Completions(context.Background()) {
		switch op := op.(type) {
		case *ops.Accept:
			w.accepted(op)
		case *ops.Read:
			w.received(op)
		case *storeConn:
			w.receivedStore(op)
		case *reply:
			w.sent(op)
		}
	}
}

func (w *worker) accepted(a *ops.Accept) {
	if err := a.Err(); err != nil {
		acceptFailed(err)
		return
	}
	if w.store == nil {
		w.port.Submit(&ops.Read{From: a.Conn, Pool: w.pool})
	} else {
		w.port.Submit(&storeConn{Read: ops.Read{From: a.Conn, Pool: w.pool}})
	}
	w.port.Submit(a)
}

// acceptFailed prints the error that stops a program from accepting: a lack of
// descriptors, if the program is not being closed. The load then times out.
func acceptFailed(err error) {
	if !errors.Is(err, net.ErrClosed) {
		log.Print("echo: the server accepts no more: ", err)
	}
}

func (w *worker) received(c *ops.Read) {
	if c.Err() != nil {
		c.From.Close()
		return
	}
	w.work.do()
	r := w.newReply(c, c.From)
	r.Buf, c.Buf = c.Buf, nil
	w.port.Submit(r)
}

// newReply returns a reply that is not in use, for a read of this socket.
func (w *worker) newReply(read completion.Operation, to *completion.Socket) *reply {
	r := w.free
	if r == nil {
		r = new(reply)
	} else {
		w.free = r.next
	}
	r.read, r.To = read, to
	return r
}

// keep keeps a reply for its next use.
func (w *worker) keep(r *reply) {
	r.read, r.To, r.Buf = nil, nil, nil
	r.next, w.free = w.free, r
}

func (w *worker) sent(r *reply) {
	read, from, err := r.read, r.To, r.Err()
	if r.Buf != r.own {
		r.Buf.Release()
	}
	w.keep(r)
	if err != nil {
		from.Close()
		return
	}
	w.port.Submit(read)
}
