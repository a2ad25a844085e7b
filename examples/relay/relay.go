package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"time"

	"github.com/completionport/completion"
	"github.com/completionport/completion/ops"
)

const (
	// bufferCount limits the memory for datagrams that were received and not sent.
	bufferCount = 1024

	// answerBatch is the most datagrams of the target that one operation receives. It is
	// small, since each client has room for so many messages.
	answerBatch = 8

	// patience is how long a datagram may wait for room in the system.
	patience = time.Second
)

// relay is the state of the one goroutine that runs serve.
type relay struct {
	options
	port    *completion.Port
	pool    *completion.Pool
	front   *completion.PacketSocket // of all clients
	read    ops.ReadBatch            // from them
	clients map[netip.AddrPort]*client
	touched []*client // clients of the batch that is handled

	// nothing is the buffer of all datagrams of 0 bytes. It is shared: any number of
	// operations may have it at the same time.
	nothing *completion.Buffer

	served                     int // clients
	relayed, answered          int // datagrams towards the target, and from it
	refused, truncated, unsent int // datagrams that were dropped
}

// client is a peer of the relay. A silent one has two operations in flight: read, which holds
// no buffer, and timer.
type client struct {
	addr     netip.AddrPort
	upstream *completion.PacketSocket // connected to the target
	read     ops.ReadBatch            // answers of the target
	timer    ops.Timer
	active   completion.Deadline // when the last datagram came, in either direction
	up, down lane
}

// newRelay returns a relay on a port, which may be one on a Memory.
func newRelay(o options, port *completion.Port) (*relay, error) {
	front, err := port.ListenPacket("udp", o.address)
	if err != nil {
		return nil, err
	}
	r := &relay{options: o, port: port, front: front, pool: port.NewPool(o.size, bufferCount),
		clients: make(map[netip.AddrPort]*client), nothing: completion.Own(nil)}
	r.nothing.Share()
	r.read.From, r.read.Pool, r.read.Messages = front, r.pool, make([]ops.Message, o.batch)
	return r, nil
}

// serve relays until the port is closed and everything was delivered.
func (r *relay) serve() {
	r.port.Submit(&r.read)
	for op := range r.port.Completions(context.Background()) {
		switch op := op.(type) {
		case *ops.ReadBatch:
			if op == &r.read {
				r.received()
			} else {
				r.receivedAnswers(op.Value.(*client))
			}
		case *ops.WriteBatch:
			r.sent(op.Value.(*lane))
		case *ops.Timer:
			r.silent(op.Value.(*client))
		}
	}
}

// received sends datagrams of clients to the target: those of one client together.
func (r *relay) received() {
	for i := range r.read.Messages[:r.read.Count] {
		m := &r.read.Messages[i]
		c := r.clientOf(m)
		if c == nil {
			continue
		}
		if len(c.up.waiting) == 0 {
			r.touched = append(r.touched, c)
		}
		r.put(&c.up, m, netip.AddrPort{})
		r.relayed++
	}
	for _, c := range r.touched {
		r.flush(&c.up)
	}
	r.touched = r.touched[:0]
	r.again(&r.read)
}

// receivedAnswers sends datagrams of the target to a client.
func (r *relay) receivedAnswers(c *client) {
	for i := range c.read.Messages[:c.read.Count] {
		if m := &c.read.Messages[i]; m.Truncated {
			r.truncated++
		} else {
			r.put(&c.down, m, c.addr)
			r.answered++
			c.active = completion.Now()
		}
	}
	r.flush(&c.down)
	r.again(&c.read)
}

// again receives more. An error does not concern the next datagram: for instance ECONNREFUSED,
// by which the system reports that the port of the target has no socket. Only a closed socket
// receives nothing more.
func (r *relay) again(read *ops.ReadBatch) {
	read.Release() // the buffers that were not passed on
	if !errors.Is(read.Err(), net.ErrClosed) {
		r.port.Submit(read) // a closed port needs nothing more
	}
}

// clientOf returns the client that a datagram came from, a new one if need be. It returns nil
// if the datagram is dropped.
func (r *relay) clientOf(m *ops.Message) *client {
	if m.Truncated {
		r.truncated++
		return nil
	}
	c := r.clients[m.Addr]
	if c == nil && len(r.clients) < r.options.clients {
		c = r.welcome(m.Addr)
	}
	if c == nil {
		r.refused++
		return nil
	}
	c.active = completion.Now()
	return c
}

// welcome returns a new client, or nil if there is no socket for it.
func (r *relay) welcome(addr netip.AddrPort) *client {
	upstream, err := r.port.DialPacket("udp", r.to)
	if err != nil {
		return nil
	}
	c := &client{addr: addr, upstream: upstream}
	c.read.From, c.read.Pool, c.read.Value = upstream, r.pool, c
	c.read.Messages = make([]ops.Message, min(answerBatch, r.batch))
	c.timer.After, c.timer.Value = r.idle, c
	c.up.write.To, c.up.write.Value = upstream, &c.up
	c.down.write.To, c.down.write.Value = r.front, &c.down
	if r.port.Submit(&c.read, &c.timer) != nil { // the port is closed, and closes the socket
		return nil
	}
	r.clients[addr] = c
	r.served++
	return c
}

// silent closes the socket of a client that had no datagrams for the time of -idle, or waits
// for the rest of that time. So a datagram need not move the timer.
func (r *relay) silent(c *client) {
	switch since := completion.Now().Sub(c.active); {
	case c.timer.Err() != nil: // the port is closed
	case since < r.idle:
		c.timer.After = r.idle - since
		r.port.Submit(&c.timer)
	default:
		delete(r.clients, c.addr)
		c.upstream.Close() // ends the read and the writes of the client
	}
}

// drain sends what was received, and closes the port.
func (r *relay) drain() error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return r.port.Shutdown(ctx)
}

// report prints the numbers of the relay.
func (r *relay) report(w io.Writer, drained error) {
	end := "all written"
	if drained != nil {
		end = "cut short: " + drained.Error()
	}
	st := r.port.Stats()
	fmt.Fprintf(w, `stopped, %s
  clients      %d served
  datagrams    %d to the target, %d from it
  dropped      %d of too many clients, %d too large, %d not sent
  operations   %d submitted, %d completed, %d in flight, %d queued
  resources    %d handles, %d buffers lent
`, end, r.served, r.relayed, r.answered, r.refused, r.truncated, r.unsent,
		st.Submitted, st.Completed, st.InFlight, st.Queued, st.Handles, r.pool.Lent())
}
