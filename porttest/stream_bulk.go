package porttest

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"sync"

	"github.com/completionport/completion"
	"github.com/completionport/completion/ops"
)

var streamBulkCases = []testCase{
	largeTransferBothWays,
	largeTransferInManyReads,
	pipelinedWritesArriveInOrder,
	manySocketsEcho,
}

func largeTransferBothWays(e *env) {
	p := e.port(nil)
	s, c := e.pair(p)
	out, in := streamPattern(6, 16<<20), streamPattern(7, 16<<20)
	w := &ops.Write{To: s, Buf: completion.Own(out)}
	r := &ops.Read{From: s, Buf: own(16 << 20), Full: true}
	received := streamPeerReceive(c, bytes.Clone(out))
	sent := streamPeerSend(c, in)
	e.submit(p, r, w)
	e.expectAll(p, nil, r, w)
	is(e, <-received, nil)
	is(e, <-sent, nil)
	equal(e, "read", r.N(), 16<<20)
	equal(e, "written", w.N(), 16<<20)
	is(e, streamSame(r.Buf.Bytes(), in), nil)
}

func largeTransferInManyReads(e *env) {
	p := e.port(nil)
	s, c := e.pair(p)
	in := streamPattern(8, 16<<20)
	sent := streamPeerSend(c, in)
	r := &ops.Read{From: s, Buf: own(100_000)}
	for left := in; len(left) > 0; {
		e.submit(p, r)
		e.expect(p, r, nil)
		n := r.N()
		if n == 0 || n > len(left) {
			e.Fatalf("read %d bytes with %d left", n, len(left))
		}
		is(e, streamSame(r.Buf.Bytes(), left[:n]), nil)
		left = left[n:]
	}
	is(e, <-sent, nil)
}

// pipelinedWritesArriveInOrder writes in batches of growing size, from none behind another
// to many, so that some find the connection full.
func pipelinedWritesArriveInOrder(e *env) {
	const writes, size = 1000, 4096
	p := e.port(nil)
	s, c := e.pair(p)
	e.setWriteBuffer(s, 32<<10)
	var want []byte
	all := make([]ops.Write, writes)
	for i := range all {
		b := streamPattern(byte(i), 16+size*(i%7)/6)
		binary.BigEndian.PutUint32(b, uint32(i))
		all[i] = ops.Write{To: s, Buf: completion.Own(b)}
		want = append(want, b...)
	}
	received := streamPeerReceive(c, want)
	var every []completion.Operation
	for i, n := 0, 1; i < writes; n++ {
		var batch []completion.Operation
		for ; len(batch) < n && i < writes; i++ {
			batch = append(batch, &all[i])
		}
		e.submit(p, batch...)
		every = append(every, batch...)
	}
	e.expectAll(p, nil, every...)
	is(e, <-received, nil)
	for i := range all {
		equal(e, "written", all[i].N(), all[i].Buf.Len())
	}
}

// streamSession is one of many connections, as a server keeps them.
type streamSession struct {
	socket *completion.Socket
	read   ops.Read
	write  ops.Write
	rounds int
}

func manySocketsEcho(e *env) {
	const sockets, rounds = 200, 5
	p := e.port(nil)
	failures := make(chan error, sockets)
	var peers sync.WaitGroup
	open := 0
	for i := range sockets {
		s, c := e.pair(p)
		session := &streamSession{socket: s}
		session.read = ops.Read{From: s, Buf: own(64), Full: true}
		session.read.Value, session.write.Value = session, session
		session.write.To, session.write.Buf = s, own(0)
		e.submit(p, &session.read)
		open++
		peers.Go(func() {
			for round := range rounds {
				want := streamPattern(byte(i+round), 64)
				if _, err := c.Write(want); err != nil {
					failures <- err
					return
				}
				if err := <-streamPeerReceive(c, want); err != nil {
					failures <- fmt.Errorf("peer %d in round %d: %w", i, round, err)
					return
				}
			}
		})
	}
	for open > 0 {
		switch op := e.next(p).(type) {
		case *ops.Read:
			e.outcome(op, nil)
			session := op.Value.(*streamSession)
			session.write.Buf.Set(op.Buf.Bytes())
			e.submit(p, &session.write)
		case *ops.Write:
			e.outcome(op, nil)
			session := op.Value.(*streamSession)
			if session.rounds++; session.rounds == rounds {
				open--
				continue
			}
			e.submit(p, &session.read)
		}
	}
	peers.Wait()
	select {
	case err := <-failures:
		e.Fatal(err)
	default:
	}
}
