package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/completionport/completion"
	"github.com/completionport/completion/ops"
)

// The datagrams that are under way: the clients take turns, and each sends as many as it
// has answers of its last turn.
const (
	udpClients = 2
	udpBatch   = 32
)

// compareUDP compares servers of datagrams. A server named echo answers each, one named sink
// answers one in 32. In those of the library, a datagram is an operation, or 32 of them are.
func compareUDP(b *builder, o options) error {
	for _, task := range []string{"echo", "sink"} {
		t := table{unit: "datagrams", perUnit: "us", scale: 1e6}
		for _, style := range []string{"batch", "one", "net"} {
			s, err := b.child(task+" "+style, "udp", task+" "+style)
			if err != nil {
				return err
			}
			t.servers = append(t.servers, s)
		}
		for _, size := range []int{64, 1200} {
			t.rows = append(t.rows, row{fmt.Sprintf("%s, %d B", task, size), func(s *server) (float64, time.Duration, error) {
				return udpLoad(s.address, task, size, o.share(600_000))
			}})
		}
		if err := t.hold(o); err != nil {
			return err
		}
		// The other way round: one by one is compared with package net, too.
		t.servers = t.servers[1:]
		if err := t.hold(o); err != nil {
			return err
		}
	}
	return nil
}

// udpClient sends a batch and waits for the answers, again and again.
type udpClient struct {
	out     ops.WriteBatch
	in      ops.ReadBatch
	answers int // of one batch
	missing int // of those
}

// udpLoad sends datagrams of a size until so many are sent and answered.
func udpLoad(address, task string, size, datagrams int) (float64, time.Duration, error) {
	port, err := completion.Open(nil)
	if err != nil {
		return 0, 0, err
	}
	defer port.Close()
	for range udpClients {
		c, err := newUDPClient(port, address, task, size)
		if err != nil {
			return 0, 0, err
		}
		if err := port.Submit(&c.in, &c.out); err != nil {
			return 0, 0, err
		}
	}
	begin := time.Now()
	sent, err := udpTurns(port, datagrams)
	return float64(sent), time.Since(begin), err
}

// udpTurns lets the clients take turns. It returns how many datagrams they have sent.
func udpTurns(port *completion.Port, datagrams int) (sent int, err error) {
	// A datagram that is lost ends the measurement: neither side sends it again.
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	sent = udpClients * udpBatch
	for active := udpClients; active > 0; {
		op, err := port.Next(ctx)
		if err == nil {
			err = op.Err()
		}
		if err != nil {
			return 0, err
		}
		in, ok := op.(*ops.ReadBatch)
		if !ok {
			continue
		}
		again, turn := in.Value.(*udpClient).received(sent < datagrams)
		if turn {
			sent += udpBatch
		}
		if len(again) == 0 {
			active--
		} else if err := port.Submit(again...); err != nil {
			return 0, err
		}
	}
	return sent, nil
}

func newUDPClient(port *completion.Port, address, task string, size int) (*udpClient, error) {
	s, err := port.DialPacket("udp", address)
	if err != nil {
		return nil, err
	}
	c := &udpClient{answers: udpBatch}
	if task == "sink" {
		c.answers = 1
	}
	c.missing = c.answers
	c.in.From, c.out.To, c.in.Value = s, s, c
	for range udpBatch {
		c.in.Messages = append(c.in.Messages, ops.Message{Buf: completion.Own(make([]byte, size))})
		c.out.Messages = append(c.out.Messages, ops.Message{Buf: completion.Own(make([]byte, size))})
	}
	return c, s.SetReadBuffer(1 << 20)
}

// received counts the answers, and returns what to submit next. turn reports that all have
// come, and that another batch is sent.
func (c *udpClient) received(more bool) (next []completion.Operation, turn bool) {
	c.missing -= c.in.Count
	switch {
	case c.missing > 0:
		return []completion.Operation{&c.in}, false
	case !more:
		return nil, false
	}
	c.missing = c.answers
	return []completion.Operation{&c.in, &c.out}, true
}

var errUDPStyle = errors.New("no such style of udp")
