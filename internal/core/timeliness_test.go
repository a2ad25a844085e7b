package core

import (
	"context"
	"fmt"
	"syscall"
	"testing"

	"github.com/completionport/completion/internal/backend"
	"github.com/completionport/completion/internal/scheduler"
)

// busyPoller returns an event for the same descriptor from each Wait, and so never looks
// at its time-out. The clock moves on with each event.
type busyPoller struct {
	pollerOf
	event backend.Event
	step  int64
	waits int // how many events it may bring
}

func (b *busyPoller) Wait(_ backend.Waiting, events []backend.Event) (int, bool) {
	if b.waits--; b.waits < 0 {
		b.t.Fatal("the deadline does not get its turn")
	}
	b.now += b.step
	events[0] = b.event
	return 1, false
}

// busyParker keeps the leader in.
type busyParker struct{ *busyPoller }

func (b busyParker) Park(events []backend.Event, serve func(int) (int, bool)) (n int, timedOut bool) {
	for again := true; again; {
		b.Wait(backend.Park, events)
		n, again = serve(1)
	}
	return n, false
}

// Deadlines get their turn while a leader serves others without an end.
func TestServingOthersLooksAtTheClock(t *testing.T) {
	for _, style := range []struct {
		name string
		wait func(p *Port, op Operation)
	}{
		{"Await", func(p *Port, op Operation) { p.Await(context.Background(), op) }},
		{"Next", func(p *Port, op Operation) {
			p.Submit([]Operation{op}, false)
			p.Next(context.Background())
		}},
	} {
		for _, parks := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/%v", style.name, parks), func(t *testing.T) {
				k := &script{t: t, now: 1}
				busy := &busyPoller{pollerOf: pollerOf{k}, step: 1000, waits: 50}
				poller := backend.Poller(busy)
				if parks {
					poller = busyParker{busy}
				}
				p := NewPort(Options{Kernel: k, Poller: poller})
				h, _ := p.AddHandle(7, true, nil)
				busy.event = backend.Event{FD: 7, Generation: h.generation, Ready: backend.Writable}
				timer := &operation{kind: backend.Timer, due: 20_000}
				style.wait(p, timer)
				if _, f, ok := Outcome(&timer.Record); !ok || f != nil {
					t.Errorf("the timer has ended: %v, with %v", ok, f)
				}
			})
		}
	}
}

// quietPoller returns no events. Each look takes a step of the clock.
type quietPoller struct {
	pollerOf
	step int64
}

func (q *quietPoller) Wait(how backend.Waiting, _ []backend.Event) (int, bool) {
	if how != backend.Look {
		q.t.Fatal("the leader goes to sleep, and something is due")
	}
	q.now += q.step
	return 0, false
}

// Spinning ends when an operation is due, not at the end of the spin time.
func TestSpinningEndsWithTheDeadline(t *testing.T) {
	k := &script{t: t, now: 1, idle: true}
	p := NewPort(Options{Kernel: k, Poller: &quietPoller{pollerOf{k}, 1_000_000}, SpinWait: 500_000_000})
	h, _ := p.AddHandle(7, true, nil)
	read := newOperation(backend.Read, h, 1)
	p.Submit([]Operation{read}, false)
	p.SetDeadline(read, 5_000_000)
	p.Next(context.Background())
	if k.now > 8_000_000 {
		t.Errorf("a deadline at 5 ms had its turn at %d ms", k.now/1_000_000)
	}
}

// busyLooks is a quietPoller during whose third look another goroutine submits.
type busyLooks struct {
	quietPoller
	looks  int
	submit func()
}

func (b *busyLooks) Wait(how backend.Waiting, events []backend.Event) (int, bool) {
	if b.looks++; b.looks == 3 {
		b.submit()
	}
	return b.quietPoller.Wait(how, events)
}

// Spinning ends when there is a finished operation, not at the end of the spin time.
func TestSpinningEndsWithAPost(t *testing.T) {
	k := &script{t: t, now: 1, idle: true}
	poller := &busyLooks{quietPoller: quietPoller{pollerOf{k}, 1_000_000}}
	p := NewPort(Options{Kernel: k, Poller: poller, SpinWait: 500_000_000})
	post := &operation{kind: backend.Post}
	poller.submit = func() { p.Submit([]Operation{post}, false) }
	if op := p.Next(context.Background()); op != Operation(post) || poller.looks > 5 {
		t.Errorf("Next returned %v after %d looks, want the post soon after 3", op, poller.looks)
	}
}

// However many operations are due, one turn ends a bounded number, and the next turn goes
// on: events and the lock are not kept waiting.
func TestOverdueInBoundedTurns(t *testing.T) {
	k, p, h := newScript(t)
	const count = 20 * expiriesPerTurn
	for range count {
		p.Submit([]Operation{&operation{kind: backend.Timer, due: 10}}, false)
	}
	awaited := newOperation(backend.Read, h, 1)
	p.Submit([]Operation{awaited}, true)
	k.now = 20
	k.edge(h, backend.Readable)
	k.read = append(k.read, gives(1, 0))
	p.Wait(context.Background(), awaited)
	if ended := p.Stats().Queued; ended > 2*expiriesPerTurn {
		t.Errorf("an event had its turn behind %d timers", ended)
	}
	for i := range count {
		if p.Next(context.Background()) == nil {
			t.Fatalf("%d of %d timers have ended", i, count)
		}
	}
	if s := p.Stats(); s.InFlight != 0 || s.Queued != 0 {
		t.Errorf("left over: %+v", s)
	}
}

// manyDescriptors is a kernel with data for every descriptor.
type manyDescriptors struct {
	*script
	reads int
	last  func(fd, reads int)
}

func (k *manyDescriptors) Read(fd int, p []byte) (int, syscall.Errno) {
	k.reads++
	k.last(fd, k.reads)
	return len(p), 0
}

// However long the ready list is, an event has its turn after a bounded part of it.
func TestReadyListInBoundedTurns(t *testing.T) {
	const many, quietFD = 20 * readyPerTurn, 1000
	before := -1
	k := &manyDescriptors{script: &script{t: t, now: 1}, last: func(fd, reads int) {
		if fd == quietFD {
			before = reads - 1
		}
	}}
	p := NewPort(Options{Kernel: k, Poller: pollerOf{k.script}})
	quiet, _ := p.AddHandle(quietFD, true, nil)
	awaited := newOperation(backend.Read, quiet, 1)
	p.Submit([]Operation{awaited}, true)
	for fd := range many {
		h, _ := p.AddHandle(fd+1, true, nil)
		p.Submit([]Operation{newOperation(backend.Read, h, 1)}, false)
		h.latch[in] |= ready
		p.guarded.ready.push(readyDirection{handle: h, direction: in})
	}
	k.edge(quiet, backend.Readable)
	p.Wait(context.Background(), awaited)
	if before < 0 || before > 2*readyPerTurn {
		t.Errorf("an event had its turn behind %d directions of the ready list", before)
	}
	for range many {
		p.Next(context.Background())
	}
}

// A loop that always finds something in the queue looks at I/O all the same: after
// each body that takes long, and after a bounded number of those that don't.
func TestLoopLooksAtIO(t *testing.T) {
	for _, c := range []struct {
		name   string
		body   int64 // nanoseconds
		before int   // bodies that may come first
	}{
		{"LongBodies", 2 * scheduler.TimeBetweenLooks, 3},
		{"Bodies", scheduler.TimeBetweenLooks / 10, 20},
		{"ShortBodies", 30, 2 * scheduler.ItemsBetweenLooks},
	} {
		t.Run(c.name, func(t *testing.T) {
			worst := 0
			for phase := range scheduler.ItemsBetweenLooks { // whenever the last look was
				worst = max(worst, bodiesBeforeAnEvent(t, c.body, c.body, phase))
			}
			if worst > c.before {
				t.Errorf("an event had its turn behind %d bodies, want at most %d", worst, c.before)
			}
		})
	}
}

// Bodies that suddenly take longer are noticed after 16 of them; one post more is ahead
// of the read in the queue.
func TestLoopNoticesLongBodies(t *testing.T) {
	worst := 0
	for phase := range scheduler.ItemsBetweenLooks {
		worst = max(worst, bodiesBeforeAnEvent(t, 30, 10*scheduler.TimeBetweenLooks, phase))
	}
	if worst > scheduler.ItemsBetweenClocks+1 {
		t.Errorf("an event had its turn behind %d long bodies", worst)
	}
}

// bodiesBeforeAnEvent counts the bodies of a loop, which always finds a post in the
// queue, from the time an event is there until its read is dequeued. Before, the
// bodies took so long, and now they do; phase shifts the looks.
func bodiesBeforeAnEvent(t *testing.T, before, now int64, phase int) (bodies int) {
	k, p, h := newScript(t)
	post := []Operation{&operation{kind: backend.Post}}
	turn := func(body int64) Operation {
		p.Submit(post, false)
		got := p.Next(context.Background())
		k.now += body
		return got
	}
	for range 10*scheduler.ItemsBetweenLooks + phase { // it learns how long they take
		if turn(before) != post[0] {
			t.Fatal("not the post")
		}
	}
	read := newOperation(backend.Read, h, 1)
	p.Submit([]Operation{read}, false)
	k.edge(h, backend.Readable)
	k.read = append(k.read, gives(1, 0))
	for turn(now) == post[0] {
		if bodies++; bodies > 1000 {
			t.Fatal("the read does not get its turn")
		}
	}
	return bodies
}

// Shutdown ends timers and leaves the deadlines of writes, however many there are.
func TestShutdownKeepsDeadlines(t *testing.T) {
	k, p, h := newScript(t)
	timers := make([]*operation, 5*endedPerHold)
	for i := range timers {
		timers[i] = &operation{kind: backend.Timer, due: int64(1000 + i)}
		p.Submit([]Operation{timers[i]}, false)
	}
	k.idle = true // nothing can be sent
	writes := make([]*operation, 2*endedPerHold)
	for i := range writes {
		writes[i] = newOperation(backend.Write, h, 1)
		p.Submit([]Operation{writes[i]}, false)
		p.SetDeadline(writes[i], int64(500+(i*37)%len(writes)))
	}
	p.guarded.refusing = true
	p.endTimers(draining)
	if p.guarded.timers.heap.count != len(writes) {
		t.Errorf("%d entries for %d deadlines", p.guarded.timers.heap.count, len(writes))
	}
	for range timers {
		p.Next(context.Background())
	}
	for _, timer := range timers {
		if _, f, ok := Outcome(&timer.Record); !ok || f != closedFailure {
			t.Fatalf("a timer has ended: %v, with %v", ok, f)
		}
	}
	k.now = 500 + int64(len(writes))
	k.edge(h, backend.Readable) // something to wake up for
	for range writes {
		p.Next(context.Background())
	}
	for _, w := range writes {
		if _, f, ok := Outcome(&w.Record); !ok || f == nil || f.Code != DeadlineExceeded {
			t.Fatalf("a write ended: %v, with %+v", ok, f)
		}
	}
}

// turnsOfOneBuffer are late reads of two descriptors that always have data, with one
// buffer for both. Whenever the buffer comes back, the direction that waits for it is on
// the ready list.
type turnsOfOneBuffer struct {
	port  *Port
	await bool
	reads [2]*lateRead
	has   int // which of them has the buffer
}

func newTurnsOfOneBuffer(p *Port, await bool) *turnsOfOneBuffer {
	o := &turnsOfOneBuffer{port: p, await: await}
	pool := p.NewPool(1, 1)
	for i := range o.reads {
		h, _ := p.AddHandle(i, true, nil)
		h.latch[in] |= ready
		o.reads[i] = &lateRead{handle: h, pool: pool}
		p.Submit([]Operation{o.reads[i]}, await)
	}
	o.wait()
	return o
}

// wait returns when the read that has the buffer has ended.
func (o *turnsOfOneBuffer) wait() {
	read := o.reads[o.has]
	if o.await {
		o.port.Wait(context.Background(), read)
		return
	}
	for o.port.Next(context.Background()) != Operation(read) {
	}
}

// next lets the other read have the buffer.
func (o *turnsOfOneBuffer) next() {
	read := o.reads[o.has]
	read.buffer.Release()
	o.port.Submit([]Operation{read}, o.await)
	o.has = 1 - o.has
	o.wait()
}

// The leader looks at events and at the clock even if the ready list satisfies it each
// time, and so does the next leader.
func TestReadyListSatisfiesTheLeader(t *testing.T) {
	for _, c := range []struct {
		name   string
		await  bool
		call   int64 // nanoseconds
		before int   // calls that may come first
	}{
		{"LoopByCount", false, 30, 2 * scheduler.ItemsBetweenLooks},
		{"LoopByTime", false, scheduler.TimeBetweenLooks / 4, 8},
		{"AwaitByCount", true, 30, 2 * scheduler.ItemsBetweenLooks},
		{"AwaitByTime", true, scheduler.TimeBetweenLooks / 4, 8},
	} {
		t.Run(c.name, func(t *testing.T) {
			k := &manyDescriptors{script: &script{t: t, now: 1}}
			p := NewPort(Options{Kernel: k, Poller: pollerOf{k.script}})
			quiet, _ := p.AddHandle(1000, true, nil)
			read, timer := newOperation(backend.Read, quiet, 1), &operation{kind: backend.Timer, due: 2}
			p.Submit([]Operation{read, timer}, false)
			k.last = func(fd, reads int) {
				if k.now += c.call; reads > c.before {
					t.Fatalf("%d reads before an event and a timer had their turn", reads)
				}
			}
			o := newTurnsOfOneBuffer(p, c.await)
			k.edge(quiet, backend.Readable)
			for isInFlight(read) || isInFlight(timer) {
				o.next()
			}
		})
	}
}

func isInFlight(o *operation) bool { return TicketOf(&o.Record) != Ticket{} }

// A direction is on the ready list once, however many edges come meanwhile: the others on
// the list get their turn soon.
func TestEdgesOfADirectionThatIsListed(t *testing.T) {
	const edges = 50
	k := &endless{script: &script{t: t, now: 1}}
	p := NewPort(Options{Kernel: k, Poller: pollerOf{k.script}})
	busy, _ := p.AddHandle(7, true, nil)
	other, _ := p.AddHandle(8, true, nil)
	ops := make([]Operation, 3*edges*turnBudget)
	for i := range ops {
		ops[i] = newOperation(backend.Read, busy, 1)
	}
	p.Submit(ops, false)
	for range edges {
		edgeOf(p, backend.Event{FD: 7, Generation: busy.generation, Ready: backend.Readable})
	}
	read := newOperation(backend.Read, other, 1)
	p.Submit([]Operation{read}, true)
	other.latch[in] |= ready
	p.guarded.ready.push(readyDirection{handle: other, direction: in})
	k.reads = 0
	p.Wait(context.Background(), read)
	if k.at > turnBudget {
		t.Errorf("%d reads of one direction before the other had its turn", k.at)
	}
}

// Bodies that suddenly take longer are noticed after 16 of them at most, wherever the
// port stands.
func TestLongBodiesAreNoticed(t *testing.T) {
	for _, polled := range []bool{false, true} {
		k, p, _ := newScript(t)
		k.idle = true
		post := func(n int) {
			for range n {
				p.Submit([]Operation{&operation{kind: backend.Post}}, false)
			}
		}
		post(2000)
		for range 2000 {
			p.Next(context.Background())
			k.now += 10
		}
		if polled {
			p.Submit([]Operation{&operation{kind: backend.Timer, due: k.now + 100}}, false)
			k.onWait = func() { k.now, k.woken = k.now+200, true }
			p.Next(context.Background())
		}
		timer := &operation{kind: backend.Timer, due: k.now + 1_000}
		p.Submit([]Operation{timer}, false)
		post(200)
		long := 0
		for {
			p.Next(context.Background())
			if p.Stats().InFlight == 0 {
				break
			}
			long++
			k.now += 5_000_000
		}
		if long > scheduler.ItemsBetweenClocks {
			t.Errorf("polled before: %v: %d long bodies went by", polled, long)
		}
	}
}
