package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/completionport/completion/bench/internal/system"
)

// compareChat compares examples/chat with a chat server on package net that has two
// goroutines for each member. All members are silent, except the one that says the next
// line. Only one server has members at a time: a process can't have as many descriptors
// as the members of both.
func compareChat(b *builder, o options) error {
	ours, err := b.example("chat", "chat", "-rate", "1000000")
	if err != nil {
		return err
	}
	theirs, err := b.child("net, two goroutines", "chat", "")
	if err != nil {
		return err
	}
	t := table{servers: []*server{ours, theirs}, unit: "lines delivered", perUnit: "us", scale: 1e6}
	t.head(o.out)
	var all []gathering
	for _, size := range []int{1000, o.share(10_000)} {
		g := gathering{size: size, lines: o.share(200_000) / size, samples: make([][]measured, 2), resident: make([]int64, 2)}
		for round := range o.rounds {
			for k := range t.servers {
				i := (k + round) % len(t.servers)
				if err := g.visit(t.servers[i], i); err != nil {
					return fmt.Errorf("%s, %d members: %w", t.servers[i].name, g.size, err)
				}
			}
		}
		t.line(o.out, fmt.Sprintf("%d members", g.size), g.samples)
		all = append(all, g)
	}
	for _, g := range all {
		for i, s := range t.servers {
			fmt.Fprintf(o.out, "%s: %d silent members take %.1f MB of resident memory, %d bytes each\n",
				s.name, g.size, float64(g.resident[i])/1e6, g.resident[i]/int64(g.size))
		}
	}
	return nil
}

// gathering is a number of members, and what they have cost each server.
type gathering struct {
	size, lines int
	samples     [][]measured
	resident    []int64 // of the first visit: later ones find memory that the server has kept
}

// visit lets all members join server i, takes turns in saying a line that all wait for,
// and lets all members leave.
func (g *gathering) visit(s *server, i int) error {
	before, err := system.ResidentOf(s.pid())
	if err != nil {
		return err
	}
	c, err := joinCrowd(s.address, g.size)
	if err != nil {
		return err
	}
	defer c.leave()
	if err := c.say(0); err != nil { // all are there, and what was allocated for joining is used
		return err
	}
	after, err := system.ResidentOf(s.pid())
	if err != nil {
		return err
	}
	if g.resident[i] == 0 {
		g.resident[i] = after - before
	}
	m, err := s.measure(row{"", func(*server) (float64, time.Duration, error) {
		begin := time.Now()
		for n := range max(g.lines, 1) {
			if err := c.say(n + 1); err != nil {
				return 0, 0, err
			}
		}
		return float64(max(g.lines, 1) * g.size), time.Since(begin), nil
	}})
	g.samples[i] = append(g.samples[i], m)
	return err
}

// crowd are the members that this program has in a room.
type crowd struct {
	members []net.Conn
	heard   chan error // one value from each member for each line that was said
}

func joinCrowd(address string, size int) (*crowd, error) {
	c := &crowd{heard: make(chan error, size)}
	for range size {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			c.leave()
			return nil, err
		}
		in := bufio.NewReaderSize(conn, 256)
		if _, err := in.ReadSlice('\n'); err != nil { // the welcome
			conn.Close()
			c.leave()
			return nil, err
		}
		c.members = append(c.members, conn)
		go c.listen(in)
	}
	return c, nil
}

// mark begins what the members say.
var mark = []byte(": line ")

// listen tells of each line that a member has said, and of its end. Announcements may be
// longer than the buffer.
func (c *crowd) listen(in *bufio.Reader) {
	for {
		line, err := in.ReadSlice('\n')
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			c.heard <- err
			return
		}
		if bytes.Contains(line, mark) {
			c.heard <- nil
		}
	}
}

// say lets a member say a line, and waits until all have heard it.
func (c *crowd) say(n int) error {
	if _, err := fmt.Fprintf(c.members[n%len(c.members)], "line %d\n", n); err != nil {
		return err
	}
	for range c.members {
		if err := <-c.heard; err != nil {
			return err
		}
	}
	return nil
}

// leave ends all members, and returns when their goroutines have ended.
func (c *crowd) leave() {
	for _, m := range c.members {
		m.Close()
	}
	for range c.members {
		for <-c.heard == nil {
		}
	}
}
