//go:build unix

package main

import (
	"bytes"
	"io"
	"net"
	"testing"
)

// A reset in the middle of a stream is one for the other side. Wine reports the end of
// the stream instead, so on Windows the tests in memory stand in.
func TestResetsOverTCP(t *testing.T) {
	ends := make(chan error)
	to := serveWith(t, func(c *net.TCPConn) {
		_, err := io.ReadFull(c, make([]byte, 5))
		if err == nil {
			_, err = c.Read(make([]byte, 1))
		}
		ends <- err
	})
	_, dial := serveHere(t, to)
	c := dial()
	io.WriteString(c, "hello")
	c.SetLinger(0)
	c.Close()
	if err := <-ends; !isReset(err) {
		t.Errorf("a client's reset ends with %v", err)
	}

	to = serveWith(t, func(c *net.TCPConn) {
		io.ReadFull(c, make([]byte, 5))
		io.WriteString(c, "hello")
		c.SetLinger(0)
	})
	_, dial = serveHere(t, to)
	c = dial()
	io.WriteString(c, "hello")
	if text, err := io.ReadAll(c); !isReset(err) || !bytes.HasPrefix([]byte("hello"), text) {
		t.Errorf("a backend's reset ends with %q, %v", text, err)
	}
}
