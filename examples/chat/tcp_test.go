package main

import (
	"bufio"
	"crypto/tls"
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

// With -tls, members talk as without, and a client that sends no handshake or a bad one
// comes not in.
func TestTalkOverTLS(t *testing.T) {
	needBackend(t)
	r, err := open([]string{"-listen", "127.0.0.1:0", "-tls"}, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	if line, rest, _ := strings.Cut(r.notice, "\n"); !strings.Contains(line, "self-made") || rest != "" {
		t.Errorf("it says %q", r.notice)
	}
	addr, served := r.listener.Addr().String(), make(chan bool)
	go func() { r.serve(); close(served) }()
	stranger, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	stranger.Write([]byte("/nick eve\n"))
	if b, err := io.ReadAll(stranger); err == nil && strings.Contains(string(b), "welcome") {
		t.Errorf("the stranger gets %q", b)
	}
	stranger.Close()
	ann, bob := dialTLS(t, addr, "ann"), dialTLS(t, addr, "bob")
	ann.says("hello")
	bob.until("ann: hello")
	bob.says("goodbye", "/quit")
	ann.until("bob: goodbye")
	r.port.Submit(new(stopping))
	ann.until("* the server stops")
	ann.hearsEnd()
	<-served
	checkAtRest(t, r)
}

func dialTLS(t *testing.T, addr, name string) *client {
	t.Helper()
	conn, err := tls.Dial("tcp", addr, &tls.Config{InsecureSkipVerify: true})
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

// until reads until a line ends with text.
func (c *client) until(text string) {
	c.Helper()
	for !strings.HasSuffix(c.line(), text) {
	}
}
