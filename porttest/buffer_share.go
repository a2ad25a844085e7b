package porttest

import (
	"net"
	"sync"

	"github.com/completionport/completion"
	"github.com/completionport/completion/ops"
)

// broadcast is one shared buffer on its way to many sockets.
type broadcast struct {
	pool    *completion.Pool
	buf     *completion.Buffer
	bytes   []byte
	sockets []*completion.Socket
	peers   []*peer
	writes  []ops.Write
}

// newBroadcast shares a pool's buffer of so many bytes.
func newBroadcast(e *env, p *completion.Port, sockets, size int) *broadcast {
	e.Helper()
	b := &broadcast{pool: e.pool(p, size, 1), bytes: streamPattern(9, size), writes: make([]ops.Write, sockets)}
	b.buf = b.pool.Take()
	copy(b.buf.Memory(), b.bytes)
	b.buf.Share()
	for i := range sockets {
		s, c := e.pair(p)
		b.sockets, b.peers = append(b.sockets, s), append(b.peers, c)
		b.writes[i] = ops.Write{To: s, Buf: b.buf}
	}
	return b
}

func (b *broadcast) operations() []completion.Operation {
	var all []completion.Operation
	for i := range b.writes {
		all = append(all, &b.writes[i])
	}
	return all
}

// receive lets all peers read and check the bytes.
func (b *broadcast) receive() []<-chan error {
	var all []<-chan error
	for _, c := range b.peers {
		all = append(all, streamPeerReceive(c, b.bytes))
	}
	return all
}

// handOut dequeues all writes and checks that the buffer is in its pool after
// the last, and not before.
func (b *broadcast) handOut(e *env, p *completion.Port, want error) {
	e.Helper()
	for range b.writes {
		equal(e, "lent", b.pool.Lent(), 1)
		w := e.next(p).(*ops.Write)
		is(e, w.Err(), want)
		if want == nil {
			equal(e, "written", w.N(), len(b.bytes))
		}
	}
}

func sharedBufferIsFrozen(e *env) {
	b := text("abc")
	b.Share()
	b.Share() // changes nothing
	equal(e, "bytes", string(b.Bytes()), "abc")
	equal(e, "length", b.Len(), 3)
	for _, name := range []string{"Memory", "Resize", "Set"} {
		submitSentence(e, panics(e, bufferUses(b)[name]), "shared")
	}
	b.Release()
	b.Memory()[0] = 'A'
	equal(e, "bytes", string(b.Bytes()), "Abc")
}

func sharedMemoryUsableAgain(e *env) {
	p := e.port(nil)
	s, c := e.pair(p)
	b := text("ab")
	b.Share()
	writes := []ops.Write{{To: s, Buf: b}, {To: s, Buf: b}, {To: s, Buf: b}}
	e.submit(p, &writes[0], &writes[1])
	equal(e, "bytes in flight", string(b.Bytes()), "ab")
	e.submit(p, &writes[2])
	b.Release()
	for i := range writes {
		panics(e, func() { b.Set(nil) }) // frozen until the last is delivered
		e.expect(p, &writes[i], nil)
	}
	equal(e, "peer's bytes", c.receive(6), "ababab")
	b.Memory()[1] = 'c'
	streamWriteBuffer(e, p, s, b)
	equal(e, "peer's bytes", c.receive(2), "ac")
	b.Share() // and once more
	b.Release()
	b.Set(nil)
}

// streamWriteBuffer writes a buffer and gets it back.
func streamWriteBuffer(e *env, p *completion.Port, s *completion.Socket, b *completion.Buffer) {
	e.Helper()
	w := &ops.Write{To: s, Buf: b}
	e.submit(p, w)
	e.expect(p, w, nil)
}

func readIntoSharedPanics(e *env) {
	p := e.port(nil)
	s, c := e.pair(p)
	b := text("abc")
	b.Share()
	submitRefused(e, p, "shared", &ops.Read{From: s, Buf: b})
	streamWriteBuffer(e, p, s, b)
	equal(e, "peer's bytes", c.receive(3), "abc")
	b.Release()
	b.Resize(1) // nobody refers to it any more
}

func broadcastReleasedBeforeTheEnd(e *env) {
	p := e.port(nil)
	b := newBroadcast(e, p, 50, 128<<10)
	e.submit(p, b.operations()...)
	b.buf.Release()
	if b.pool.Take() != nil {
		e.Fatal("the pool has a buffer that is being written")
	}
	received := b.receive()
	b.handOut(e, p, nil)
	equal(e, "lent", b.pool.Lent(), 0)
	for _, r := range received {
		is(e, <-r, nil)
	}
	b.pool.Take().Release()
}

func broadcastReleasedAfterTheEnd(e *env) {
	p := e.port(nil)
	b := newBroadcast(e, p, 50, 1000)
	received := b.receive()
	e.submit(p, b.operations()...)
	b.handOut(e, p, nil)
	equal(e, "lent", b.pool.Lent(), 1)
	equal(e, "bytes", len(b.buf.Bytes()), 1000)
	b.buf.Release()
	equal(e, "lent", b.pool.Lent(), 0)
	for _, r := range received {
		is(e, <-r, nil)
	}
}

// A write that is cut short gives its share of the buffer back as any other.
func broadcastCancelledAndClosed(e *env) {
	p := e.port(nil)
	b := newBroadcast(e, p, 20, 16<<20)
	for i, s := range b.sockets { // nobody reads: all of them could hold the memory of a small kernel
		e.setWriteBuffer(s, 64<<10)
		b.peers[i].setReadBuffer(64 << 10)
		e.fill(p, &b.writes[i], b.peers[i], false)
	}
	b.buf.Release()
	for i := range b.writes[:10] {
		equal(e, "cancelled", p.Cancel(&b.writes[i]), true)
	}
	for range 10 {
		equal(e, "lent", b.pool.Lent(), 1)
		is(e, e.next(p).(*ops.Write).Err(), completion.ErrCanceled)
	}
	for _, s := range b.sockets[10:] {
		is(e, s.Close(), nil)
	}
	for range 10 {
		equal(e, "lent", b.pool.Lent(), 1)
		is(e, e.next(p).(*ops.Write).Err(), net.ErrClosed)
	}
	equal(e, "lent", b.pool.Lent(), 0)
}

// The second Release would give away the reference of a write in flight, and
// the pool would lend a buffer that is still being sent.
func sharedBufferReleasedTwicePanics(e *env) {
	p := e.port(nil)
	b := newBroadcast(e, p, 3, 1000)
	e.submit(p, b.operations()...)
	b.buf.Release()
	submitSentence(e, panics(e, b.buf.Release), "buffer")
	received := b.receive()
	b.handOut(e, p, nil)
	equal(e, "lent", b.pool.Lent(), 0)
	for _, r := range received {
		is(e, <-r, nil)
	}
}

// Several goroutines submit, dequeue and release the same bytes at once.
func broadcastByManyGoroutines(e *env) {
	p := e.port(nil)
	for range 20 {
		b := newBroadcast(e, p, 8, 1000)
		received := b.receive()
		var group, submitted sync.WaitGroup
		submitted.Add(len(b.writes))
		failures := make(chan error, 2*len(b.writes))
		for i := range b.writes {
			group.Go(func() {
				failures <- p.Submit(&b.writes[i])
				submitted.Done()
				op, err := p.Next(e.ctx)
				if err == nil {
					err = op.(*ops.Write).Err()
				}
				failures <- err
			})
		}
		submitted.Wait()
		b.buf.Release()
		group.Wait()
		for range 2 * len(b.writes) {
			is(e, <-failures, nil)
		}
		equal(e, "lent", b.pool.Lent(), 0)
		for i, r := range received {
			is(e, <-r, nil)
			is(e, b.sockets[i].Close(), nil)
		}
	}
}

func startedBroadcast(e *env) {
	p := e.port(nil)
	b := newBroadcast(e, p, 10, 1000)
	received := b.receive()
	for i := range b.writes {
		e.start(p, &b.writes[i])
	}
	b.buf.Release()
	for i := range b.writes {
		equal(e, "lent", b.pool.Lent(), 1)
		is(e, p.Wait(e.ctx, &b.writes[i]), nil)
	}
	equal(e, "lent", b.pool.Lent(), 0)
	for _, r := range received {
		is(e, <-r, nil)
	}
}
