package echo

import (
	"context"
	"net"

	"github.com/completionport/completion"
	"github.com/completionport/completion/ops"
)

// The key-value server in the three styles. Each connection keeps the bytes of an
// incomplete request. One write sends the answers to all requests of one read.

// serveStore is goNet.serve for a key-value server.
func (n *goNet) serveStore(conn net.Conn) {
	defer conn.Close()
	in, out := make([]byte, n.buffer), make([]byte, 0, n.buffer)
	for kept := 0; ; {
		count, err := conn.Read(in[kept:])
		if err != nil {
			return
		}
		rest, answers, err := n.store.Answer(in[:kept+count], out[:0])
		if err != nil || len(rest) == len(in) {
			return
		}
		kept = copy(in, rest)
		if out = answers; len(out) == 0 {
			continue
		}
		if _, err := conn.Write(out); err != nil {
			return
		}
	}
}

// serveStore is await.serve for a key-value server.
func (a *await) serveStore(port *completion.Port, conn *completion.Socket) {
	defer conn.Close()
	ctx := context.Background()
	in, out := completion.Own(make([]byte, a.buffer)), completion.Own(make([]byte, a.buffer))
	in.Resize(0)
	read, write := &ops.Read{From: conn, Buf: in, Append: true}, &ops.Write{To: conn, Buf: out}
	for port.Await(ctx, read) == nil {
		rest, answers, err := a.store.Answer(in.Bytes(), out.Memory()[:0])
		if err != nil {
			return
		}
		in.Resize(copy(in.Memory(), rest))
		if len(answers) == 0 {
			continue
		}
		out.Set(answers)
		if port.Await(ctx, write) != nil {
			return
		}
	}
}

// receivedStore is received for a key-value server.
func (w *worker) receivedStore(c *storeConn) {
	if c.Err() != nil {
		c.From.Close()
		return
	}
	in := c.Buf.Bytes()
	if len(c.rest) > 0 {
		c.rest = append(c.rest, in...)
		in = c.rest
	}
	r := w.newReply(c, c.From)
	if r.own == nil {
		r.own = completion.Own(make([]byte, w.buffer))
	}
	rest, answers, err := w.store.Answer(in, r.own.Memory()[:0])
	c.rest = append(c.rest[:0], rest...)
	c.Release()
	switch {
	case err != nil || len(c.rest) > w.buffer:
		c.From.Close()
		w.keep(r)
	case len(answers) == 0:
		w.keep(r)
		w.port.Submit(c)
	default:
		r.own.Set(answers)
		r.Buf = r.own
		w.port.Submit(r)
	}
}
