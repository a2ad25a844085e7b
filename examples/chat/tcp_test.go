package main

import (
	"bufio"
	"io"
	"net"
	"strings"
	"testing"
)

// dialTo connects a member with a name.
func dialTo(t *testing.T, addr, name string) *client {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	c := &client{T: t, Conn: conn, in: bufio.NewReader(conn)}
	c.welcomed()
	c.says("/nick " + name)
	c.until(" is now " + name)
	return c
}

// Members talk over the system's sockets, in this process: so on every system with a
// backend.
func TestTalkOverTCP(t *testing.T) {
	needBackend(t)
	r, err := open([]string{"-listen", "127.0.0.1:0"}, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	addr, served := r.listener.Addr().String(), make(chan bool)
	go func() { r.serve(); close(served) }()
	ann, bob, eve := dialTo(t, addr, "ann"), dialTo(t, addr, "bob"), dialTo(t, addr, "eve")
	ann.says("hello")
	bob.until("ann: hello")
	eve.until("ann: hello")
	eve.sends("half a li")
	eve.Conn.(*net.TCPConn).SetLinger(0)
	eve.Close()
	ann.until("* eve left")
	bob.says("goodbye", "/quit")
	ann.until("bob: goodbye")
	bob.until("bob: goodbye")
	r.port.Submit(new(stopping))
	ann.until("* the server stops")
	ann.hearsEnd()
	<-served
	checkAtRest(t, r)
}

// until reads until a line ends with text.
func (c *client) until(text string) {
	c.Helper()
	for !strings.HasSuffix(c.line(), text) {
	}
}
