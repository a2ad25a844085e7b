package iotls

import (
	"context"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/completionport/completion"
	"github.com/completionport/completion/internal/core"
	"github.com/completionport/completion/ops"
)

var _ net.Conn = (*carrier)(nil)

// carrier is the net.Conn below a tls.Conn. During the handshake its methods wait, on the
// goroutine of the handshake. After that no method blocks: Read returns errBlocked, and
// Write keeps what the layer then sends.
type carrier struct {
	handle *core.Handle
	waits  atomic.Pointer[awaiting] // nil after the handshake
	dry    bool                     // the system has no more for the Read under way
	short  bool                     // only a read that would block says so
	left   int                      // how many bytes the Read under way may still receive
	out    outbox
}

// carrierError is an error of Read after which the connection can go on: crypto/tls keeps
// the part of a record that it has only after an error that is temporary.
type carrierError struct{ error }

func (e carrierError) Timeout() bool   { return true }
func (e carrierError) Temporary() bool { return true }
func (e carrierError) Unwrap() error   { return e.error }

// lostError is an error of Read that is final. It hides the methods of an errno, since
// crypto/tls takes some of them for temporary.
type lostError struct{ err error }

func (e lostError) Error() string { return e.err.Error() }
func (e lostError) Unwrap() error { return e.err }

var errBlocked error = carrierError{core.ErrBlocked}

// errCut is the end of the connection. It is not io.EOF, since crypto/tls takes that
// between two records for the end of the stream.
var errCut error = lostError{io.ErrUnexpectedEOF}

// Read moves bytes that the peer has sent to crypto/tls.
func (c *carrier) Read(p []byte) (int, error) {
	if w := c.waits.Load(); w != nil {
		return w.read(p)
	}
	if c.dry || c.left <= 0 {
		return 0, errBlocked
	}
	n, fatal, err := c.handle.Receive(p)
	c.left -= n
	c.dry = n < len(p) && !c.short || err == core.ErrBlocked
	switch {
	case err == nil:
		return n, nil
	case err == io.EOF:
		return 0, errCut
	case fatal:
		return 0, lostError{err}
	case err == core.ErrBlocked:
		return 0, errBlocked
	}
	return 0, carrierError{err}
}

// Write takes a record from crypto/tls, one or more.
func (c *carrier) Write(p []byte) (int, error) {
	if w := c.waits.Load(); w != nil {
		return w.write(p)
	}
	c.out.put(p)
	return len(p), nil
}

// Close does nothing: crypto/tls calls it if a handshake is interrupted, and the context of
// the handshake has ended its operations then.
func (c *carrier) Close() error { return nil }

// LocalAddr returns the address of the socket.
func (c *carrier) LocalAddr() net.Addr { return (*completion.Socket)(c.handle).LocalAddr() }

// RemoteAddr returns the address of the peer.
func (c *carrier) RemoteAddr() net.Addr { return (*completion.Socket)(c.handle).RemoteAddr() }

// SetDeadline does nothing: operations have the deadlines.
func (c *carrier) SetDeadline(time.Time) error { return os.ErrNoDeadline }

// SetReadDeadline does nothing.
func (c *carrier) SetReadDeadline(time.Time) error { return os.ErrNoDeadline }

// SetWriteDeadline does nothing. crypto/tls calls it before it sends close-notify, and
// ignores its error.
func (c *carrier) SetWriteDeadline(time.Time) error { return os.ErrNoDeadline }

// awaiting performs the reads and writes of a handshake.
type awaiting struct {
	ctx    context.Context
	port   *completion.Port
	socket *completion.Socket
	in     rawRead
	out    rawWrite
	buffer [2]completion.Buffer
}

// rawRead and rawWrite belong to the handshake: the socket accepts no others meanwhile.
type (
	rawRead  struct{ ops.Read }
	rawWrite struct{ ops.Write }
)

// Describe is for the port.
func (o *rawRead) Describe(r *core.Request) {
	o.Read.Describe(r)
	r.Beneath = true
}

// Describe is for the port.
func (o *rawWrite) Describe(r *core.Request) {
	o.Write.Describe(r)
	r.Beneath = true
}

func (w *awaiting) read(p []byte) (int, error) {
	w.buffer[0].Set(p)
	w.in.From, w.in.Buf = w.socket, &w.buffer[0]
	err := w.await(&w.in)
	w.buffer[0].Set(nil)
	if err == io.EOF {
		err = errCut
	}
	return w.in.N(), err
}

func (w *awaiting) write(p []byte) (int, error) {
	w.buffer[1].Set(p)
	w.out.To, w.out.Buf = w.socket, &w.buffer[1]
	err := w.await(&w.out)
	w.buffer[1].Set(nil)
	return w.out.N(), err
}

func (w *awaiting) await(op completion.Operation) (err error) {
	core.WaitInWork(func() { err = w.port.Await(w.ctx, op) })
	return err
}

// outbox holds encrypted bytes that are still to be sent, mostly none.
type outbox struct {
	mu   sync.Mutex
	data *[]byte // from outboxes, nil for none
	sent int     // how many of them are with the system
	mark int     // how many more complete the records of the Write under way
	owed int     // how many plain bytes those records have
	// fresh: something was added since the last flush.
	fresh bool
	// waits: a Write has found no room. When there is some, it sends everything.
	waits bool
	// begun: a Native kernel has a part of data.
	begun bool
	// full: the peer makes the layer answer and does not read the answers.
	full bool
	// torn: nobody knows what was sent last.
	torn bool
	lost error // a fatal errno that no operation has got
}

var outboxes = sync.Pool{New: func() any { return new([]byte) }}

// largestOutbox is the limit of bytes that wait to be sent: far more than the records of a
// chunk.
const largestOutbox = 4 * largestChunk

// keptOutbox is how much memory a pooled outbox has at most.
const keptOutbox = 2 * largestChunk

func (o *outbox) put(p []byte) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.pending() > largestOutbox {
		o.full = true
		return
	}
	if o.data == nil {
		o.data = outboxes.Get().(*[]byte)
	}
	if o.sent > keptOutbox && !o.begun { // a slow peer may keep the outbox from becoming empty
		*o.data = append((*o.data)[:0], (*o.data)[o.sent:]...)
		o.sent = 0
	}
	*o.data = append(*o.data, p...)
	o.fresh = true
}

// pending returns how many bytes are to be sent. The lock is held, as for those below.
func (o *outbox) pending() int {
	if o.data == nil {
		return 0
	}
	return len(*o.data) - o.sent
}

// hasSent takes n bytes out.
func (o *outbox) hasSent(n int) {
	o.sent += n
	o.mark -= min(n, o.mark)
	if o.data == nil || o.pending() > 0 {
		return
	}
	if cap(*o.data) <= keptOutbox {
		*o.data = (*o.data)[:0]
		outboxes.Put(o.data)
	}
	o.data, o.sent = nil, 0
}

// flush sends what the system has room for. It returns nil if all is sent.
func (o *outbox) flush(h *core.Handle) error {
	o.fresh = false
	for o.pending() > 0 {
		if o.begun {
			return core.ErrBlocked
		}
		n, fatal, err := h.Send((*o.data)[o.sent:])
		if err != nil {
			if fatal {
				o.lost = err
			}
			return err
		}
		o.hasSent(n)
	}
	return nil
}
