package porttest

import (
	"context"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/completionport/completion"
	"github.com/completionport/completion/ops"
)

// The actors of Stress.
const (
	stressAwaiters   = 8
	stressSubmitters = 8
	stressCancellers = 4
	stressDequeuers  = 2
	stressOwned      = 32 // operations of one submitter
)

// Stress tests for lost wake-ups. On one port, goroutines await, submit, post, cancel,
// change deadlines and dequeue, all at once, until the given number of operations has
// ended. If no operation ends any more, the watchdog prints the state of the port and
// panics.
func Stress(t *testing.T, open Open, operations int, options ...Option) {
	setting := newSetting(open, options)
	setting.warmUp(t)
	runCase(t, setting, func(e *env) {
		s := &stress{env: e, p: e.port(nil), goal: int64(operations)}
		s.run()
	})
}

type stress struct {
	*env
	p     *completion.Port
	goal  int64
	ended atomic.Int64

	// targets are the operations that cancellers aim at.
	targets []*target
}

// target is one operation and the ticket of its present use.
type target struct {
	op     completion.Operation
	owner  chan *target // gets it back when it is dequeued
	flying atomic.Bool

	mu     sync.Mutex
	ticket completion.Ticket
}

func (g *target) take(ticket completion.Ticket) {
	g.mu.Lock()
	g.ticket = ticket
	g.mu.Unlock()
}

func (s *stress) over() bool { return s.ended.Load() >= s.goal }

func (s *stress) run() {
	ctx, cancel := context.WithCancel(s.ctx)
	defer cancel()

	// All targets are there before the first actor runs.
	var actors []func()
	for range stressAwaiters {
		actors = append(actors, s.awaiter(ctx))
	}
	for i := range stressSubmitters {
		actors = append(actors, s.submitter(uint64(i)))
	}
	var working, dequeuing, cancelling sync.WaitGroup
	for _, f := range actors {
		working.Go(f)
	}
	for i := range stressDequeuers {
		dequeuing.Go(func() { s.dequeue(ctx, i) })
	}
	for i := range stressCancellers {
		cancelling.Go(func() { s.harass(uint64(i)) })
	}
	working.Wait()
	cancelling.Wait()
	cancel()
	dequeuing.Wait()
	s.Logf("%+v", s.p.Stats())
}

// allowed are the ways an operation may end here.
func (s *stress) allowed(err error) {
	if err != nil && !errors.Is(err, completion.ErrCanceled) && !errors.Is(err, os.ErrDeadlineExceeded) {
		s.Errorf("operation ended with %v", err)
	}
}

// awaiter sends numbers through a pair of sockets, both the port's, with one
// operation at a time, and checks that they arrive in order.
func (s *stress) awaiter(ctx context.Context) func() {
	from, to := s.twins()
	var number [8]byte
	write := &ops.Write{To: from, Buf: completion.Own(number[:])}
	read := &ops.Read{From: to, Buf: own(8), Full: true}
	writing, reading := &target{op: write}, &target{op: read}
	s.targets = append(s.targets, writing, reading)
	await := func(g *target, op *completion.Op) error {
		if err := s.p.Start(g.op); err != nil {
			s.Error(err)
		}
		g.take(op.Ticket())
		err := s.p.Wait(ctx, g.op)
		s.allowed(err)
		s.ended.Add(1)
		return err
	}
	return func() {
		sent, received, partial := uint64(0), uint64(0), 0
		for !s.over() {
			if sent == received {
				binary.LittleEndian.PutUint64(write.Buf.Bytes(), sent)
				if await(writing, &write.Op) == nil {
					sent++
				}
				continue
			}
			err := await(reading, &read.Op)
			if err != nil {
				partial += read.N()
				continue
			}
			if got := binary.LittleEndian.Uint64(read.Buf.Bytes()); got != received || partial != 0 {
				s.Errorf("received %d, want %d, %d bytes gone", got, received, partial)
			}
			received++
		}
	}
}

// twins are two connected sockets of the same port.
func (s *stress) twins() (a, b *completion.Socket) {
	if !s.adopts {
		return s.ownTwins()
	}
	a, other := s.pair(s.p)
	b, err := s.p.AdoptConn(other.Conn)
	if err != nil {
		s.Fatal(err)
	}
	return a, b
}

// ownTwins are twins where only the port itself can make both ends.
func (s *stress) ownTwins() (a, b *completion.Socket) {
	l := s.listen(s.p, "tcp4")
	defer l.Close()
	accept := &ops.Accept{On: l}
	s.start(s.p, accept)
	a, err := s.connected(s.p, "tcp4", l.Addr())
	is(s.env, err, nil)
	is(s.env, s.p.Wait(s.ctx, accept), nil)
	return a, accept.Conn
}

// submitter keeps posts, timers, writes and pooled reads of its own in flight.
func (s *stress) submitter(seed uint64) func() {
	owner := make(chan *target, stressOwned)
	from, to := s.twins()
	pool := s.pool(s.p, 64, 2)
	for i := range stressOwned {
		g := &target{owner: owner}
		switch i % 4 {
		case 0:
			g.op = newPost(g)
		case 1:
			g.op = &ops.Timer{Op: completion.Op{Value: g}}
		case 2:
			g.op = &ops.Write{Op: completion.Op{Value: g}, To: from, Buf: own(16)}
		case 3:
			g.op = &ops.Read{Op: completion.Op{Value: g}, From: to, Pool: pool}
		}
		s.targets = append(s.targets, g)
		owner <- g
	}
	return func() {
		random := rand.New(rand.NewPCG(seed, 1))
		for !s.over() {
			s.launch(<-owner, random)
		}
		// What is still out comes back: a read that nobody feeds is cancelled.
		for range stressOwned - len(owner) {
			for g := range s.owned(owner) {
				s.p.Cancel(g.op)
			}
			<-owner
		}
	}
}

// owned are the targets of one submitter.
func (s *stress) owned(owner chan *target) func(func(*target) bool) {
	return func(yield func(*target) bool) {
		for _, g := range s.targets {
			if g.owner == owner && !yield(g) {
				return
			}
		}
	}
}

func (s *stress) launch(g *target, random *rand.Rand) {
	if g.flying.Swap(true) {
		s.Error("an operation came back that is in flight")
	}
	var op *completion.Op
	switch o := g.op.(type) {
	case *ops.Post:
		op = &o.Op
	case *ops.Timer:
		op, o.After = &o.Op, time.Duration(random.IntN(100))*time.Microsecond
	case *ops.Write:
		op = &o.Op
	case *ops.Read:
		op = &o.Op
	}
	op.Deadline = 0
	if random.IntN(8) == 0 {
		op.Deadline = completion.After(time.Duration(random.IntN(200)) * time.Microsecond)
	}
	if err := s.p.Submit(g.op); err != nil {
		s.Error(err)
	}
	g.take(op.Ticket())
}

// dequeue hands operations back to their owners. The first dequeuer takes
// batches, the others one at a time.
func (s *stress) dequeue(ctx context.Context, i int) {
	if i > 0 {
		for op := range s.p.Completions(ctx) {
			s.giveBack(op)
		}
		return
	}
	batch := make([]completion.Operation, 16)
	for {
		n, err := s.p.NextBatch(ctx, batch)
		if err != nil {
			return
		}
		for _, op := range batch[:n] {
			s.giveBack(op)
		}
	}
}

func (s *stress) giveBack(op completion.Operation) {
	var o *completion.Op
	switch op := op.(type) {
	case *ops.Post:
		o = &op.Op
	case *ops.Timer:
		o = &op.Op
	case *ops.Write:
		o = &op.Op
	case *ops.Read:
		o = &op.Op
		if (op.Buf != nil) != (op.N() > 0) {
			s.Errorf("a pooled read of %d bytes has buffer %v", op.N(), op.Buf)
		}
		if op.Buf != nil {
			op.Buf.Release()
			op.Buf = nil
		}
	}
	s.allowed(o.Err())
	g := o.Value.(*target)
	if !g.flying.Swap(false) {
		s.Error("an operation was dequeued twice")
	}
	s.ended.Add(1)
	g.owner <- g
}

// harass cancels operations and moves their deadlines.
func (s *stress) harass(seed uint64) {
	random := rand.New(rand.NewPCG(seed, 2))
	for !s.over() {
		g := s.targets[random.IntN(len(s.targets))]
		switch random.IntN(4) {
		case 0:
			g.mu.Lock()
			ticket := g.ticket
			g.mu.Unlock()
			s.p.CancelTicket(ticket)
		case 1:
			s.p.SetDeadline(g.op, completion.After(time.Duration(random.IntN(1000))*time.Microsecond))
		case 2:
			s.p.SetDeadline(g.op, 0)
		case 3:
			s.p.SetDeadline(g.op, completion.After(time.Hour))
		}
		runtime.Gosched()
	}
}
