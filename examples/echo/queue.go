package main

import (
	"context"
	"errors"
	"net"
	"sync"

	"github.com/completionport/completion"
	"github.com/completionport/completion/ops"
)

// connection is one client in queue style. Its operations are part of it and are used
// again and again, so a round trip allocates nothing. At any time one of them is in
// flight.
type connection struct {
	read  ops.Read
	write ops.Write
}

// serveQueue serves the clients of a shard on the configured number of goroutines, until
// the port is closed and everything was delivered.
func serveQueue(s *shard) {
	// The only error of Submit is a closed port. Then there is no client to wait for.
	s.port.Submit(&ops.Accept{On: s.listener})
	var workers sync.WaitGroup
	for range s.workers {
		workers.Go(s.work)
	}
	workers.Wait()
}

// work handles completions. Other goroutines may do so at the same time. This goroutine
// owns an operation that was delivered to it, and the connection of that operation, until
// it submits an operation of the connection.
func (s *shard) work() {
	for op := range s.port.Completions(context.Background()) {
		switch op := op.(type) {
		case *ops.Accept:
			switch err := op.Err(); {
			case err == nil:
				s.accepted.Add(1)
				s.welcome(op.Conn)
				s.port.Submit(op)
			case !errors.Is(err, net.ErrClosed):
				s.warn(err)
				s.port.Submit(&ops.Timer{After: acceptPause, Op: completion.Op{Value: op}})
			}
		case *ops.Timer:
			s.port.Submit(op.Value.(*ops.Accept))
		case *ops.Read:
			s.received(op.Value.(*connection))
		case *ops.Write:
			s.sent(op.Value.(*connection))
		}
	}
}

// welcome starts to serve a client.
func (s *shard) welcome(socket *completion.Socket) {
	c := new(connection)
	c.read.From, c.read.Pool, c.read.Value = socket, s.pool, c
	c.write.To, c.write.Value = socket, c
	if err := s.port.Submit(&c.read); err != nil {
		s.hangUp(socket, err)
	}
}

// received sends back the bytes that the client sent.
func (s *shard) received(c *connection) {
	if err := c.read.Err(); err != nil {
		s.hangUp(c.read.From, err)
		return
	}
	c.write.Buf, c.read.Buf = c.read.Buf, nil
	c.write.Deadline = completion.After(s.timeout)
	if err := s.port.Submit(&c.write); err != nil {
		c.write.Buf.Release()
		s.hangUp(c.write.To, err)
	}
}

// sent reads the next bytes of the client.
func (s *shard) sent(c *connection) {
	s.echoed.Add(int64(c.write.N()))
	c.write.Buf.Release()
	err := c.write.Err()
	if err == nil {
		err = s.port.Submit(&c.read)
	}
	if err != nil {
		s.hangUp(c.write.To, err)
	}
}
