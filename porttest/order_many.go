package porttest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"sync"
	"time"

	"github.com/completionport/completion"
	"github.com/completionport/completion/ops"
)

var orderManyCases = []testCase{
	batchIsPerformedInOrder,
	batchesInterleavedWithReads,
	recordsOfManyGoroutinesStayWhole,
	abortReachesTheWholeBatch,
	cancelRacesWithWrites,
	readsCancelledWhileDataComes,
}

func batchIsPerformedInOrder(e *env) {
	p := e.port(nil)
	s, c := e.pair(p)
	other, d := e.pair(p)
	for round := range 5 {
		var batch []completion.Operation
		want := ""
		for i := range 200 {
			word := fmt.Sprintf("<%d.%d>", round, i)
			batch = append(batch, &ops.Write{To: s, Buf: text(word)}, &ops.Write{To: other, Buf: text(word)})
			want += word
		}
		one, two := streamPeerReceive(c, []byte(want)), streamPeerReceive(d, []byte(want))
		e.submit(p, batch...)
		e.expectAll(p, nil, batch...)
		is(e, <-one, nil)
		is(e, <-two, nil)
	}
}

func batchesInterleavedWithReads(e *env) {
	p := e.port(nil)
	s, c := e.pair(p)
	var batch []completion.Operation
	want := ""
	for i := range 100 {
		word := fmt.Sprintf("%03d", i)
		batch = append(batch,
			&ops.Write{To: s, Buf: text(word)},
			&ops.Read{From: s, Buf: own(3), Full: true},
			new(ops.Post))
		want += word
	}
	c.send(want)
	batch = append(batch, &ops.CloseWrite{On: s})
	e.submit(p, batch...)
	e.expectAll(p, nil, batch...)
	for i := range 100 {
		equal(e, "bytes", string(batch[3*i+1].(*ops.Read).Buf.Bytes()), fmt.Sprintf("%03d", i))
	}
	equal(e, "peer's bytes", c.receive(len(want)), want)
	streamPeerEOF(e, c)
}

// recordsOfManyGoroutinesStayWhole has goroutines write to one socket at once. A record
// begins with its writer and number and consists of these two bytes over and over.
func recordsOfManyGoroutinesStayWhole(e *env) {
	const writers, records, size = 8, 100, 6000
	p := e.port(nil)
	s, c := e.pair(p)
	e.setWriteBuffer(s, 16<<10)
	checked := make(chan error, 1)
	go func() { checked <- orderCheckRecords(c, writers, records, size) }()
	var group sync.WaitGroup
	failures := make(chan error, 2*writers)
	for id := range writers {
		group.Go(func() {
			for i := range records {
				b := bytes.Repeat([]byte{byte(id), byte(i)}, size/2)
				if err := p.Submit(&ops.Write{To: s, Buf: completion.Own(b)}); err != nil {
					failures <- err
				}
			}
		})
		group.Go(func() {
			for range records {
				op, err := p.Next(e.ctx)
				if err == nil {
					err = op.(*ops.Write).Err()
				}
				if err != nil {
					failures <- err
					return
				}
			}
		})
	}
	group.Wait()
	select {
	case err := <-failures:
		e.Fatal(err)
	default:
	}
	is(e, <-checked, nil)
	submitOnly(e, p, writers*records)
}

// orderCheckRecords checks that records are whole and each writer's in order.
func orderCheckRecords(c *peer, writers, records, size int) error {
	next := make([]int, writers)
	record := make([]byte, size)
	for n := range writers * records {
		if _, err := io.ReadFull(c, record); err != nil {
			return err
		}
		id, i := int(record[0]), int(record[1])
		if id >= writers || next[id] != i {
			return fmt.Errorf("record %d is number %d of writer %d", n, i, id)
		}
		next[id]++
		if !bytes.Equal(record, bytes.Repeat(record[:2], size/2)) {
			return fmt.Errorf("record %d of writer %d is mixed with another", i, id)
		}
	}
	return nil
}

// abortReachesTheWholeBatch has a write end half-way while its Submit is
// still at work on the rest of its batch: those behind it in the batch were
// submitted behind it all the same. Overdue timers keep that Submit at work.
func abortReachesTheWholeBatch(e *env) {
	p := e.port(nil)
	timers := make([]ops.Timer, 5000)
	ahead := &ops.Write{Buf: completion.Own(bytes.Repeat([]byte("a"), tooMuch))}
	big := &ops.Write{Buf: completion.Own(bytes.Repeat([]byte("b"), 16<<20))}
	behind := &ops.Write{Buf: text("c")}
	batch := []completion.Operation{big}
	for i := range timers {
		timers[i].Deadline = completion.After(-time.Second)
		batch = append(batch, &timers[i])
	}
	batch = append(batch, behind)
	for range 12 {
		s, c := e.pairOn(p, e.quick())
		if !e.unix {
			e.setWriteBuffer(s, 64<<10) // or it would take all
		}
		ahead.To, big.To, behind.To = s, s, s
		e.fill(p, ahead, c, false)
		before := p.Stats().Submitted
		tail := make(chan orderTail, 1)
		go func() {
			for p.Stats().Submitted == before { // until the batch is accepted
				runtime.Gosched()
			}
			tail <- orderCutAt(p, c, big)
		}()
		dequeued := make(chan error, 1)
		go func() { dequeued <- orderDequeue(e, p, len(batch)+1) }()
		e.submit(p, batch...)
		is(e, <-dequeued, nil)
		is(e, s.Close(), nil)
		orderCheckCut(e, big, behind, <-tail)
	}
}

// orderDequeue dequeues n operations.
func orderDequeue(e *env, p *completion.Port, n int) error {
	for range n {
		if _, err := p.Next(e.ctx); err != nil {
			return err
		}
	}
	return nil
}

// orderTail is what a peer got after the write ahead.
type orderTail struct {
	bs, cs int
	err    error
}

// orderCutAt cancels a write as soon as its first byte has come, and reads on
// until the end.
func orderCutAt(p *completion.Port, c *peer, big *ops.Write) (tail orderTail) {
	buf := make([]byte, 64<<10)
	for {
		n, err := c.Read(buf)
		before := tail.bs
		tail.bs += bytes.Count(buf[:n], []byte("b"))
		tail.cs += bytes.Count(buf[:n], []byte("c"))
		if before == 0 && tail.bs > 0 {
			p.Cancel(big)
		}
		if err != nil {
			if err != io.EOF {
				tail.err = err
			}
			return tail
		}
	}
}

func orderCheckCut(e *env, big, behind *ops.Write, tail orderTail) {
	e.Helper()
	e.endedAfterCut(tail.err)
	if tail.bs != big.N() && (e.countsCut() || big.Err() == nil || tail.bs < big.N()) {
		e.Fatalf("the peer gets %d bytes of the big write, which says %d", tail.bs, big.N())
	}
	equal(e, "bytes behind it", tail.cs, behind.N())
	if big.Err() == nil {
		equal(e, "written", big.N(), 16<<20)
		is(e, behind.Err(), nil)
		return
	}
	is(e, big.Err(), completion.ErrCanceled) // after its first byte
	is(e, behind.Err(), completion.ErrWriteAborted)
	equal(e, "bytes behind a write cut short", tail.cs, 0)
}

// cancelRacesWithWrites cancels a write when so many bytes have come. Whatever comes
// of it, the peer gets the bytes that the writes say they have sent.
func cancelRacesWithWrites(e *env) {
	const writes, size = 4, 200_000
	p := e.port(nil)
	outcomes := make(map[error]int)
	for round := range 40 {
		s, c := e.pairOn(p, e.quick())
		var batch []completion.Operation
		for i := range writes {
			b := bytes.Repeat([]byte{byte('a' + i)}, size)
			batch = append(batch, &ops.Write{To: s, Buf: completion.Own(b)})
		}
		e.submit(p, batch...)
		victim := batch[round%writes]
		received := make(chan []byte, 1)
		go func() { received <- orderCancelAfter(p, c, victim, rand.IntN(writes*size)) }()
		dequeueThese(e, p, batch...)
		is(e, s.Close(), nil)
		got := <-received
		var want []byte
		for i, op := range batch {
			w, letter := op.(*ops.Write), []byte{byte('a' + i)}
			outcomes[orderKind(e, w, op == victim, size)]++
			n := w.N()
			if op == victim && w.Err() != nil && !e.countsCut() {
				n = max(n, bytes.Count(got, letter))
			}
			want = append(want, bytes.Repeat(letter, n)...)
		}
		is(e, streamSame(got, want), nil)
	}
	e.Logf("outcomes: %v", outcomes)
}

// orderCancelAfter lets the peer read all, and cancels a write when it has got
// so many bytes. The write may have been delivered by then.
func orderCancelAfter(p *completion.Port, c *peer, victim completion.Operation, bytes int) (all []byte) {
	buf := make([]byte, 16<<10)
	for cancelled := false; ; {
		n, err := c.Read(buf)
		all = append(all, buf[:n]...)
		if !cancelled && len(all) >= bytes {
			cancelled = true
			p.Cancel(victim)
		}
		if err != nil {
			return all
		}
	}
}

// orderKind checks a write's outcome for itself and returns which it is.
func orderKind(e *env, w *ops.Write, victim bool, size int) error {
	e.Helper()
	err := w.Err()
	switch {
	case err == nil && w.N() == size:
	case victim && errors.Is(err, completion.ErrCanceled) && w.N() < size:
	case !victim && errors.Is(err, completion.ErrWriteAborted) && w.N() == 0:
	default:
		e.Fatalf("a write of %d bytes (to be cancelled: %v): %d, %v", size, victim, w.N(), err)
	}
	return err
}

// readsCancelledWhileDataComes cancels reads while data comes. No byte is lost: a read
// that was cancelled after some of its bytes says so.
func readsCancelledWhileDataComes(e *env) {
	const size = 200_000
	p := e.port(nil)
	s, c := e.pair(p)
	want := streamPattern(11, size)
	sent := streamPeerSend(c, want)
	tickets := make(chan completion.Ticket, 1)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for t := range tickets {
			p.CancelTicket(t)
		}
	}()
	var got []byte
	for i := 0; len(got) < size; i++ {
		a := &ops.Read{From: s, Buf: own(min(500, size-len(got))), Full: i%2 == 0}
		b := &ops.Read{From: s, Buf: own(300)}
		e.submit(p, a, b)
		tickets <- a.Ticket()
		tickets <- b.Ticket()
		dequeueThese(e, p, a, b)
		for _, r := range []*ops.Read{a, b} {
			if err := r.Err(); err != nil && !errors.Is(err, completion.ErrCanceled) {
				e.Fatal(err)
			}
			got = append(got, r.Buf.Bytes()...)
		}
	}
	close(tickets)
	<-done
	is(e, <-sent, nil)
	is(e, streamSame(got, want), nil)
}
