package porttest

import (
	"context"
	"errors"
	"net"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/completionport/completion"
	"github.com/completionport/completion/ops"
)

// races is how often a cancel meets a completion.
func races() int { return often(10000) }

// often is how often something is done that may meet something else: a tenth where
// calls are slow or the clock is coarse, and with -short.
func often(n int) int {
	if isSlow() || isCoarse() || testing.Short() {
		return n / 10
	}
	return n
}

// sequence is the byte at a place of a stream: a byte lost, moved twice or out
// of order is seen.
func sequence(place int) byte { return byte(place % 251) }

// follows checks that b continues the sequence at place.
func (e *env) follows(b []byte, place int) {
	e.Helper()
	for i, got := range b {
		if got != sequence(place+i) {
			e.Fatalf("byte %d is %d, want %d", place+i, got, sequence(place+i))
		}
	}
}

// readRest reads what a cancelled read has left.
func (e *env) readRest(p *completion.Port, s *completion.Socket, n int) []byte {
	e.Helper()
	r := &ops.Read{From: s, Buf: own(n), Full: true}
	e.submit(p, r)
	e.expect(p, r, nil)
	return r.Buf.Bytes()
}

func readRacesCancel(e *env) {
	p := e.port(nil)
	s, peer := e.pairOn(p, e.quick())
	r := &ops.Read{From: s, Buf: own(8)}
	canceled := uint64(0)
	for i := range races() {
		e.submit(p, r)
		if e.raceCancel(p, r, i, func() { peer.Write([]byte{sequence(i)}) }) {
			canceled++
			equal(e, "N", r.N(), 0)
			e.follows(e.readRest(p, s, 1), i)
			continue
		}
		equal(e, "N", r.N(), 1)
		e.follows(r.Buf.Bytes(), i)
	}
	e.Logf("%d of %d were cancelled", canceled, races())
	e.onceEach(p, uint64(races())+canceled)
}

func lateReadRacesCancel(e *env) {
	p := e.port(nil)
	pool := e.pool(p, 8, 1)
	s, peer := e.pairOn(p, e.quick())
	r := &ops.Read{From: s, Pool: pool}
	for i := range races() {
		r.Buf = nil
		e.submit(p, r)
		if e.raceCancel(p, r, i, func() { peer.Write([]byte{sequence(i)}) }) {
			if r.Buf != nil || r.N() != 0 {
				e.Fatalf("a cancelled read has %d bytes", r.N())
			}
			e.follows(e.readRest(p, s, 1), i)
			continue
		}
		e.follows(r.Buf.Bytes(), i)
		r.Buf.Release()
	}
}

func fullReadRacesCancel(e *env) {
	p := e.port(nil)
	s, peer := e.pairOn(p, e.quick())
	r := &ops.Read{From: s, Buf: own(2), Full: true}
	for i := range races() {
		e.submit(p, r)
		canceled := e.raceCancel(p, r, i, func() {
			peer.Write([]byte{sequence(2 * i)})
			peer.Write([]byte{sequence(2*i + 1)})
		})
		n := r.N()
		e.follows(r.Buf.Bytes(), 2*i)
		switch {
		case !canceled:
			equal(e, "N", n, 2)
		case n > 1:
			e.Fatalf("cancelled with all %d bytes", n)
		default:
			e.follows(e.readRest(p, s, 2-n), 2*i+n)
		}
	}
}

// drain checks that a peer gets the sequence, and returns how much of it, when
// the stream ends.
func (e *env) drain(peer *peer) (total int) {
	b := make([]byte, 64<<10)
	for {
		n, err := peer.Read(b)
		for i, got := range b[:n] {
			if got != sequence(total+i) {
				e.Errorf("byte %d is %d, want %d", total+i, got, sequence(total+i))
				return total
			}
		}
		total += n
		if err != nil {
			return total
		}
	}
}

// sequenceWriter writes the sequence to a peer that checks it. Where the system
// does not count what a cancelled write has sent, nothing can follow one: each
// has a connection of its own.
type sequenceWriter struct {
	ops.Write
	e     *env
	pairs []socketAndPeer // the first is in use
	sent  int

	drained  sync.WaitGroup
	received int
}

type socketAndPeer struct {
	s    *completion.Socket
	peer *peer
}

// newSequenceWriter returns one for so many writes.
func newSequenceWriter(e *env, p *completion.Port, writes int) *sequenceWriter {
	e.Helper()
	w := &sequenceWriter{e: e}
	w.Buf = new(completion.Buffer)
	connections := 1
	if !e.countsCut() {
		connections += writes
	}
	for range connections {
		s, peer := e.pairOn(p, e.quick())
		w.pairs = append(w.pairs, socketAndPeer{s, peer})
	}
	w.begin()
	return w
}

func (w *sequenceWriter) begin() {
	w.To, w.sent = w.pairs[0].s, 0
	peer := w.pairs[0].peer
	w.drained.Go(func() { w.received = w.e.drain(peer) })
}

// next has the write send what follows in the sequence, of which memory has
// enough from each of its places on.
func (w *sequenceWriter) next(memory []byte) {
	w.Buf.Set(memory[w.sent%251 : len(memory)-251+w.sent%251])
}

// ended takes in that the write has ended.
func (w *sequenceWriter) ended() {
	w.sent += w.N()
	if w.Err() != nil && !w.e.countsCut() {
		w.end(w.Buf.Len() - w.N())
		w.pairs = w.pairs[1:]
		w.begin()
	}
}

// end closes the connection. The peer must have got what the writes have sent, and
// at most so many bytes that are unknown.
func (w *sequenceWriter) end(unknown int) {
	w.To.Close()
	w.drained.Wait()
	if w.received < w.sent || w.received > w.sent+unknown {
		w.e.Errorf("%d bytes received of %d, and %d that are unknown", w.received, w.sent, unknown)
	}
}

// sequenceMemory is what writes of so many bytes take what they send from.
func sequenceMemory(size int) []byte {
	memory := make([]byte, size+251)
	for i := range memory {
		memory[i] = sequence(i)
	}
	return memory
}

func writeRacesCancel(e *env) {
	const size = 16 << 10
	p := e.port(nil)
	w, memory := newSequenceWriter(e, p, races()), sequenceMemory(size)
	for _, pair := range w.pairs {
		e.setWriteBuffer(pair.s, 4096)
	}
	canceled := 0
	for i := range races() {
		w.next(memory)
		e.submit(p, &w.Write)
		if e.raceCancel(p, &w.Write, i, func() {}) {
			canceled++
		} else {
			equal(e, "N", w.N(), size)
		}
		w.ended()
	}
	w.end(0)
	e.Logf("%d of %d were cancelled", canceled, races())
	e.onceEach(p, uint64(races()))
}

// cancelInsideSystemCall has other goroutines perform big writes while one cancels
// them.
func cancelInsideSystemCall(e *env) {
	p := e.port(nil)
	const writers, rounds, size = 4, 100, 256 << 10
	memory := sequenceMemory(size)
	var all [writers]func()
	for i := range all {
		w := newSequenceWriter(e, p, rounds)
		all[i] = func() { w.againstCancel(p, memory, rounds) }
	}
	allOf(all[:]...)
	e.idle(p)
}

// againstCancel writes rounds times while a goroutine does nothing but cancel.
func (w *sequenceWriter) againstCancel(p *completion.Port, memory []byte, rounds int) {
	var wg sync.WaitGroup
	var stop atomic.Bool
	wg.Go(func() {
		for !stop.Load() {
			p.Cancel(&w.Write)
			runtime.Gosched()
		}
	})
	for range rounds {
		w.next(memory)
		err := p.Await(context.Background(), &w.Write)
		if err != nil && !errors.Is(err, completion.ErrCanceled) || err == nil && w.N() != w.Buf.Len() {
			w.e.Errorf("%d bytes, error %v", w.N(), err)
		}
		w.ended()
	}
	stop.Store(true)
	wg.Wait()
	w.end(0)
}

func acceptRacesCancel(e *env) {
	p := e.port(nil)
	l := e.listen(p, e.quick())
	path := l.Addr().String()
	a := &ops.Accept{On: l}
	for i := range races() {
		e.submit(p, a)
		var dialed net.Conn
		var err error
		s := (*completion.Socket)(nil)
		if e.raceCancel(p, a, i, func() { dialed, err = e.network.Dial(l.Addr().Network(), path) }) {
			s = e.acceptNext(p, l)
		} else {
			s = a.Conn
		}
		is(e, err, nil)
		is(e, s.Close(), nil)
		dialed.Close()
	}
	e.idle(p)
	equal(e, "handles", p.Stats().Handles, 1)
}

func timerRacesCancel(e *env) {
	p := e.port(nil)
	timer := &ops.Timer{}
	canceled := 0
	for i := range races() {
		timer.After = time.Duration(i%20) * time.Microsecond
		e.submit(p, timer)
		if e.raceCancel(p, timer, i, func() {}) {
			canceled++
		}
	}
	e.Logf("%d of %d were cancelled", canceled, races())
	e.onceEach(p, uint64(races()))
}

func connectRacesCancel(e *env) {
	p := e.port(nil)
	var addr net.Addr
	canceled := 0
	for i := range 1000 {
		if i%backlogRoom == 0 {
			addr = e.serve("tcp4", echo) // it must not hang up before the connect is seen
		}
		s := e.socket(p, "tcp4")
		is(e, s.SetResetOnClose(true), nil)
		c := &ops.Connect{On: s, To: addr}
		recorded, over := false, atomic.Bool{}
		var wg sync.WaitGroup
		wg.Go(func() { // on loopback it is over soon: begin before it does
			for dawdle(i); !recorded && !over.Load(); {
				recorded = p.Cancel(c)
			}
		})
		e.submit(p, c)
		if op := e.next(p); op != completion.Operation(c) {
			e.Fatalf("dequeued %T", op)
		}
		over.Store(true)
		wg.Wait()
		if c.Err() != nil {
			is(e, c.Err(), completion.ErrCanceled)
			equal(e, "Cancel", recorded, true)
			canceled++
		}
		is(e, s.Close(), nil)
	}
	e.Logf("%d of 1000 were cancelled", canceled)
	e.onceEach(p, 1000)
	equal(e, "handles", p.Stats().Handles, 0)
}

// awaitedReadRacesCancel is readRacesCancel without the queue.
func awaitedReadRacesCancel(e *env) {
	p := e.port(nil)
	s, peer := e.pairOn(p, e.quick())
	r := &ops.Read{From: s, Buf: own(8)}
	for i := range races() {
		e.start(p, r)
		recorded := false
		var wg sync.WaitGroup
		wg.Go(func() { peer.Write([]byte{sequence(i)}) })
		wg.Go(func() {
			dawdle(i)
			recorded = p.Cancel(r)
		})
		err := p.Wait(e.ctx, r)
		wg.Wait()
		if err != nil {
			is(e, err, completion.ErrCanceled)
			equal(e, "Cancel", recorded, true)
			e.follows(e.readRest(p, s, 1), i)
			continue
		}
		e.follows(r.Buf.Bytes(), i)
	}
}

// bufferIsBackAfterAwait ends the context of a wait while its result comes.
func bufferIsBackAfterAwait(e *env) {
	p := e.port(nil)
	s, peer := e.pairOn(p, e.quick())
	r := &ops.Read{From: s, Buf: own(1)}
	canceled := 0
	for i := range 2000 {
		ctx, cancel := context.WithCancel(e.ctx)
		var wg sync.WaitGroup
		wg.Go(func() { peer.Write([]byte{sequence(i)}) })
		wg.Go(func() {
			dawdle(i)
			cancel()
		})
		err := p.Await(ctx, r)
		r.Buf.Memory()[0]++ // panics if it is not ours, and is a race then
		wg.Wait()
		if err == nil {
			equal(e, "byte", r.Buf.Memory()[0]-1, sequence(i))
			continue
		}
		canceled++
		is(e, err, completion.ErrCanceled)
		is(e, err, ctx.Err())
		e.follows(e.readRest(p, s, 1), i)
	}
	e.Logf("%d of 2000 were cancelled", canceled)
}

// cancelRacesSubmit cancels by pointer all the time while the operation is
// submitted again and again, each time on another handle: a cancel that comes
// while it changes hands must find the handle it is on now.
func cancelRacesSubmit(e *env) {
	p := e.port(nil)
	one, _ := e.pairOn(p, e.quick())
	two, _ := e.pairOn(p, e.quick())
	reads := [2]*ops.Read{{From: one, Buf: own(1)}, {From: two, Buf: own(1)}}
	var stop atomic.Bool
	var wg sync.WaitGroup
	for range 2 { // more than there may be processors: it must be preempted, too
		wg.Go(func() {
			for !stop.Load() {
				p.Cancel(reads[0])
				p.Cancel(reads[1])
				runtime.Gosched() // else the submitter gets one turn in 10 ms
			}
		})
	}
	for i := range races() / 4 {
		r := reads[i%2]
		e.submit(p, r)
		e.expect(p, r, completion.ErrCanceled)
	}
	stop.Store(true)
	wg.Wait()
	e.onceEach(p, uint64(races()/4))
}

// cancelEndedNeverHitsStranger cancels one operation by pointer all the time, also
// when it is over, while others come into its place in the port.
func cancelEndedNeverHitsStranger(e *env) {
	p := e.port(nil)
	var stop atomic.Bool
	var wg sync.WaitGroup
	victim := &ops.Timer{}
	wg.Go(func() {
		for !stop.Load() {
			p.Cancel(victim)
			runtime.Gosched()
		}
	})
	wg.Go(func() {
		for !stop.Load() {
			// Anybody's business but the canceller's.
			if err := p.Await(context.Background(), &ops.Timer{After: time.Microsecond}); err != nil {
				e.Errorf("a stranger was ended: %v", err)
				return
			}
		}
	})
	for i := range races() {
		victim.After = time.Duration(i%3) * time.Microsecond
		ended := e.wait() // the stranger goes on in any case
		err := p.Await(e.ctx, victim)
		ended()
		if err != nil {
			is(e, err, completion.ErrCanceled)
		}
	}
	stop.Store(true)
	wg.Wait()
}
