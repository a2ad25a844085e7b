package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/completionport/completion"
)

const here = "10.0.0.1:7002"

// world is a room on a network in memory, in a bubble.
type world struct {
	*testing.T
	network completion.Memory
	room    *room
	began   time.Time
	warning strings.Builder
	stopped bool
	ended   chan struct{}
}

// inWorld runs a test with a room in which a member may be 16 messages behind, and take ten
// seconds for one. At the end the room must have nothing in flight, open or lent.
func inWorld(t *testing.T, f func(w *world)) {
	t.Helper()
	inWorldWithRate(t, mostRate, f)
}

// inWorldWithRate is inWorld with a limit for what a member may say in a second.
func inWorldWithRate(t *testing.T, rate int, f func(w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := &world{T: t, began: time.Now(), ended: make(chan struct{})}
		port, err := completion.Open(&completion.Config{Memory: &w.network})
		w.check(err)
		w.room, err = listen(port, options{address: here, unsent: leastUnsent, rate: rate, timeout: 10 * time.Second})
		w.check(err)
		w.room.stderr = &w.warning
		go func() { w.room.serve(); close(w.ended) }()
		f(w)
		w.stop()
		<-w.ended
		checkAtRest(t, w.room)
	})
}

// checkAtRest checks that a room that has ended has left nothing.
func checkAtRest(t *testing.T, r *room) {
	t.Helper()
	st := r.port.Stats()
	if st.InFlight != 0 || st.Queued != 0 || st.Handles != 0 || r.pool.Lent() != 0 || st.Submitted != st.Completed {
		t.Errorf("%d buffers are lent at the end, and %+v", r.pool.Lent(), st)
	}
	if len(r.members) != 0 || len(r.names) != 0 || r.feed.contents() != nil {
		t.Errorf("at the end there are %d members, %d names, and the messages %q", len(r.members), len(r.names), r.feed.contents())
	}
}

func (w *world) check(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

func (w *world) stop() {
	if !w.stopped {
		w.stopped = true
		w.room.port.Submit(new(stopping))
	}
}

func (w *world) took(want time.Duration) {
	w.Helper()
	if took := time.Since(w.began); took != want {
		w.Errorf("took %v, want %v", took, want)
	}
}

// client is a member's end of a connection.
type client struct {
	*testing.T
	net.Conn
	in   *bufio.Reader
	name string
}

// dial connects a client.
func (w *world) dial() *client {
	w.Helper()
	conn, err := w.network.Dial("tcp", here)
	w.check(err)
	w.Cleanup(func() { conn.Close() })
	return &client{T: w.T, Conn: conn, in: bufio.NewReader(conn)}
}

// join connects a client and waits until it is a member.
func (w *world) join() *client {
	w.Helper()
	c := w.dial()
	c.welcomed()
	c.hears("* " + c.name + " joined")
	w.began = time.Now()
	return c
}

// joinAs is join with a name of its own.
func (w *world) joinAs(name string) *client {
	w.Helper()
	c := w.join()
	c.says("/nick " + name)
	c.hears("* " + c.name + " is now " + name)
	c.name = name
	return c
}

// welcomed reads the first line and learns the name from it.
func (c *client) welcomed() {
	c.Helper()
	line := c.line()
	if _, err := fmt.Sscanf(line, "* welcome, %s /nick NAME, /who, /quit", &c.name); err != nil {
		c.Fatalf("the first line is %q", line)
	}
	c.name = strings.TrimSuffix(c.name, ":")
}

// line returns the next line.
func (c *client) line() string {
	c.Helper()
	line, err := c.in.ReadString('\n')
	if err != nil {
		c.Fatalf("%s gets %q, %v", c.name, line, err)
	}
	return strings.TrimSuffix(line, "\n")
}

// hears checks the next lines.
func (c *client) hears(lines ...string) {
	c.Helper()
	for _, want := range lines {
		if got := c.line(); got != want {
			c.Errorf("%s hears %q, want %q", c.name, got, want)
		}
	}
}

// hearsEnd checks that nothing comes but the end of the stream.
func (c *client) hearsEnd() {
	c.Helper()
	if rest, err := io.ReadAll(c.in); err != nil || len(rest) > 0 {
		c.Errorf("%s hears %q, %v, want the end", c.name, rest, err)
	}
}

// isReset checks that the connection ends with a reset. A test's end has the number that
// the system gives to package net: on Windows that is WSAECONNRESET.
func (c *client) isReset() {
	c.Helper()
	const winsock = syscall.Errno(10054)
	if _, err := io.Copy(io.Discard, c.in); !errors.Is(err, syscall.ECONNRESET) && !errors.Is(err, winsock) {
		c.Errorf("the connection of %s ended with %v", c.name, err)
	}
}

// says sends lines.
func (c *client) says(lines ...string) { c.Helper(); c.sends(strings.Join(lines, "\n") + "\n") }

func (c *client) sends(text string) {
	c.Helper()
	if _, err := io.WriteString(c, text); err != nil {
		c.Fatalf("%s sends: %v", c.name, err)
	}
}

// ends ends the client's side.
func (c *client) ends() {
	c.Helper()
	if err := c.Conn.(interface{ CloseWrite() error }).CloseWrite(); err != nil {
		c.Fatal(err)
	}
}

// all calls hears for some clients.
func all(clients []*client, lines ...string) {
	for _, c := range clients {
		c.Helper()
		c.hears(lines...)
	}
}
