package ionet

import (
	"io"
	"math"
	"net"
	"os"
	"sync"

	"github.com/completionport/completion"
	"github.com/completionport/completion/ops"
)

// copySize is the size of the pieces that ReadFrom and WriteTo move.
const copySize = 64 << 10

var copyBuffers = sync.Pool{New: func() any { return new([copySize]byte) }}

// ReadFrom reads from r until its end and writes everything to the connection. As in
// package net, an error of r, too, is in a *net.OpError.
//
// If r is a Conn of the same port, also within an *io.LimitedReader, the port moves the bytes
// by itself: see ops.Copy. If a deadline passes or one of the two is closed meanwhile, the bytes
// that were received and not sent yet are lost.
//
// If r is a regular file, also within an *io.LimitedReader, the system sends the bytes by itself
// where it can: see ops.SendFile.
func (c *Conn) ReadFrom(r io.Reader) (int64, error) {
	sent, err, done := c.cross(r)
	if err != nil || done {
		return sent, c.copyError("readfrom", err)
	}
	n, err := c.sendFile(r)
	if sent += n; err != nil {
		return sent, c.copyError("readfrom", err)
	}
	b := copyBuffers.Get().(*[copySize]byte)
	defer copyBuffers.Put(b)
	n, err = io.CopyBuffer(onlyWriter{c}, onlyReader{r}, b[:])
	return sent + n, c.copyError("readfrom", err)
}

// sendFile sends what a regular file has from its position on, and moves the position. It
// sends nothing of any other reader, of an empty file (which may be one that the system makes
// up while it is read), and of a file that grows meanwhile.
func (c *Conn) sendFile(r io.Reader) (int64, error) {
	limited, _ := r.(*io.LimitedReader)
	if limited != nil {
		r = limited.R
	}
	f, ok := r.(*os.File)
	if !ok {
		return 0, nil
	}
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return 0, nil
	}
	at, err := f.Seek(0, io.SeekCurrent)
	count := info.Size() - at
	if limited != nil {
		count = min(count, limited.N)
	}
	if err != nil || count <= 0 {
		return 0, nil
	}
	n, err := c.awaitFile(&ops.SendFile{To: c.socket, File: f, Offset: at, Count: min(count, math.MaxInt)})
	if limited != nil {
		limited.N -= n
	}
	if _, failed := f.Seek(at+n, io.SeekStart); err == nil {
		err = failed
	}
	return n, err
}

// awaitFile performs o. A file that has become shorter is no error of a copy.
func (c *Conn) awaitFile(o *ops.SendFile) (int64, error) {
	c.writes.turn.Lock()
	defer c.writes.turn.Unlock()
	err := c.writes.await(c.port, o, &o.Op)
	if err == io.ErrUnexpectedEOF {
		err = nil
	}
	return int64(o.N()), opError("write", c.local, c.remote, err)
}

// WriteTo reads from the connection until its end and writes everything to w. As in
// package net, an error of w, too, is in a *net.OpError.
//
// If w is a Conn of the same port, the port moves the bytes by itself, as in ReadFrom.
func (c *Conn) WriteTo(w io.Writer) (int64, error) {
	sent := int64(0)
	if to, ok := w.(*Conn); ok {
		n, err, done := to.cross(c)
		if err != nil || done {
			return n, c.copyError("writeto", err)
		}
		sent = n
	}
	b := copyBuffers.Get().(*[copySize]byte)
	defer copyBuffers.Put(b)
	n, err := io.CopyBuffer(onlyWriter{w}, onlyReader{c}, b[:])
	return sent + n, c.copyError("writeto", err)
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
// and removes from them what was written. Up to 64 of them go out in one call.
// (*net.Buffers).WriteTo does the same with a call for each, as package net writes them in
// one call to its own connections only.
func (c *Conn) WriteBuffers(buffers *net.Buffers) (written int64, err error) {
	c.writes.turn.Lock()
	defer c.writes.turn.Unlock()
	b := batches.Get().(*batch)
	defer batches.Put(b)
	for len(*buffers) > 0 && err == nil {
		n := 0
		n, err = b.write(c, *buffers)
		written += int64(n)
		consume(buffers, n)
	}
	return written, err
}

// batch is what one write of several buffers needs.
type batch struct {
	op   ops.WriteV
	all  [64]completion.Buffer
	list []*completion.Buffer
}

var batches = sync.Pool{New: func() any {
	b := new(batch)
	for i := range b.all {
		b.list = append(b.list, &b.all[i])
	}
	return b
}}

// write writes the first of the buffers. The turn is held.
func (b *batch) write(c *Conn, buffers net.Buffers) (int, error) {
	n := min(len(buffers), len(b.list))
	for i, p := range buffers[:n] {
		b.all[i].Set(p)
	}
	b.op.To, b.op.Bufs = c.socket, b.list[:n]
	err := c.writes.await(c.port, &b.op, &b.op.Op)
	for i := range n {
		b.all[i].Set(nil) // the memory is the caller's again
	}
	return b.op.N(), opError("write", c.local, c.remote, err)
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
