package ionet

import (
	"io"
	"net"
	"sync"
)

// copySize is the size of the pieces that ReadFrom, WriteTo and WriteBuffers move.
const copySize = 64 << 10

var copyBuffers = sync.Pool{New: func() any { return new([copySize]byte) }}

// ReadFrom reads from r until its end and writes everything to the connection. As in
// package net, an error of r, too, is in a *net.OpError.
func (c *Conn) ReadFrom(r io.Reader) (int64, error) {
	b := copyBuffers.Get().(*[copySize]byte)
	defer copyBuffers.Put(b)
	n, err := io.CopyBuffer(onlyWriter{c}, onlyReader{r}, b[:])
	return n, c.copyError("readfrom", err)
}

// WriteTo reads from the connection until its end and writes everything to w. As in
// package net, an error of w, too, is in a *net.OpError.
func (c *Conn) WriteTo(w io.Writer) (int64, error) {
	b := copyBuffers.Get().(*[copySize]byte)
	defer copyBuffers.Put(b)
	n, err := io.CopyBuffer(onlyWriter{w}, onlyReader{c}, b[:])
	return n, c.copyError("writeto", err)
}

func (c *Conn) copyError(op string, err error) error {
	if err == nil {
		return nil
	}
	return &net.OpError{Op: op, Net: c.local.Network(), Source: c.local, Addr: c.remote, Err: err}
}

// onlyReader and onlyWriter hide the methods that io.CopyBuffer would prefer.
type onlyReader struct{ io.Reader }

type onlyWriter struct{ io.Writer }

// WriteBuffers writes the buffers one behind the other, without another Write in between,
// and removes from them what was written. Buffers that are small together go out in one
// call. (*net.Buffers).WriteTo does the same with a call for each, as package net writes
// them in one call to its own connections only.
func (c *Conn) WriteBuffers(buffers *net.Buffers) (written int64, err error) {
	c.writes.turn.Lock()
	defer c.writes.turn.Unlock()
	b := copyBuffers.Get().(*[copySize]byte)
	defer copyBuffers.Put(b)
	for len(*buffers) > 0 && err == nil {
		n := 0
		n, err = c.writeAll(gather(*buffers, b[:0]))
		written += int64(n)
		consume(buffers, n)
	}
	return written, err
}

// gather returns the first buffer if it is large, and else a copy of as many as there is
// room for.
func gather(buffers net.Buffers, room []byte) []byte {
	if len(buffers) == 1 || len(buffers[0]) >= cap(room) {
		return buffers[0]
	}
	for _, b := range buffers {
		if len(room)+len(b) > cap(room) {
			break
		}
		room = append(room, b...)
	}
	return room
}

// consume removes the first n bytes, and empty buffers.
func consume(buffers *net.Buffers, n int) {
	for len(*buffers) > 0 {
		first := &(*buffers)[0]
		if n < len(*first) {
			*first = (*first)[n:]
			return
		}
		n -= len(*first)
		*first = nil
		*buffers = (*buffers)[1:]
	}
}
