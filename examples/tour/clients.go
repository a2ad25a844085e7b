package main

import (
	"context"
	"net"
	"time"

	"github.com/completionport/completion"
	"github.com/completionport/completion/ops"
)

// client is one connection to the server, with its message and the answer.
type client struct {
	ops.Write
	ops.Read // of the whole answer
}

// clients are all connections, on one goroutine of one port, so that most of the machine
// is free for the server.
type clients struct {
	port *completion.Port
	all  []*client
}

func newClients() (*clients, error) {
	port, err := completion.Open(nil)
	if err != nil {
		return nil, err
	}
	return &clients{port: port}, nil
}

// close closes the port, and with it all connections.
func (c *clients) close() { c.port.Close() }

// add connects one more client and makes a round trip with it.
func (c *clients) add(to net.Addr) error {
	conn, err := c.port.Socket("tcp")
	if err != nil {
		return err
	}
	one := &client{
		Write: ops.Write{To: conn, Buf: completion.Own(make([]byte, messageSize))},
		Read:  ops.Read{From: conn, Buf: completion.Own(make([]byte, messageSize)), Full: true},
	}
	one.Write.Value, one.Read.Value = one, one
	c.all = append(c.all, one)
	ctx := context.Background()
	for _, op := range []completion.Operation{&ops.Connect{On: conn, To: to}, &one.Write, &one.Read} {
		if err := c.port.Await(ctx, op); err != nil {
			return err
		}
	}
	return nil
}

// pingPong makes each client send messages and await the answer to each, until the time is
// over. It returns the number of answers.
func (c *clients) pingPong(duration time.Duration) (answers int64, err error) {
	over := &ops.Timer{After: duration}
	begin := []completion.Operation{over}
	for _, one := range c.all {
		begin = append(begin, &one.Write, &one.Read)
	}
	if err := c.port.Submit(begin...); err != nil {
		return 0, err
	}
	left := len(c.all)
	for op := range c.port.Completions(context.Background()) {
		if op.Err() != nil {
			return answers, op.Err()
		}
		read, isRead := op.(*ops.Read)
		if !isRead { // the Timer, or a Write, which is complete before its answer comes
			if op == completion.Operation(over) {
				over = nil
			}
			continue
		}
		answers++
		if over == nil {
			if left--; left == 0 {
				break
			}
			continue
		}
		one := read.Value.(*client)
		if err := c.port.Submit(&one.Write, &one.Read); err != nil {
			return answers, err
		}
	}
	return answers, nil
}
