package scheduler

import (
	"context"
	"math/rand/v2"

	"github.com/completionport/completion/internal/backend"
)

// world is a scheduler with an imitated work, poller and goroutines. One random source
// decides which goroutine runs next and what happens.
type world struct {
	random  *rand.Rand
	actors  []*actor
	current *actor
	steps   int
	failure string

	scheduler  Scheduler
	now        int64
	processors int
	pace       int64 // by which time moves: little, or more than a long body

	// The work.
	items    int // in the queue
	inFlight int // operations that have not ended
	ready    int // directions that are ready without an event
	due      []int64
	ended    map[int]bool // operations by number
	awaited  map[int]int32
	next     int // number of the next operation

	// The poller.
	events   []int // operations that end with them, 0 for none
	polling  bool
	woken    bool
	until    int64
	dequeued int
	waiting  int  // goroutines in a call that waits
	serving  int  // goroutines that work on an event
	turning  bool // somebody takes a turn
	called   int  // callbacks of contexts that run
	contexts map[*simContext]bool
}

var (
	_ Work           = (*world)(nil)
	_ backend.Poller = (*poller)(nil)
	_ backend.Parker = parker{}
)

// options draws the scheduler's options.
func (w *world) options() {
	w.ended, w.awaited = map[int]bool{}, map[int]int32{}
	w.contexts = map[*simContext]bool{}
	w.processors = 1 + w.random.IntN(3)
	w.pace = 1
	if w.random.IntN(3) == 0 {
		w.pace = 2 * longBody
	}
	o := Options{Work: w, Poller: w.poller(), Clock: w.clock(), Steps: steps{w}, Processors: w.processors}
	if w.random.IntN(5) == 0 {
		o.Spin = 3
	}
	w.scheduler.Init(o)
}

// clock moves when it is read now and then.
type clock struct{ *world }

func (w *world) clock() clock { return clock{w} }

func (c clock) Now() int64 {
	if c.random.IntN(4) == 0 {
		c.now += c.pace
	}
	return c.now
}

func (w *world) Ready() bool   { return w.ready > 0 }
func (w *world) Armed() bool   { return true }
func (w *world) Items() int    { return w.items }
func (w *world) InFlight() int { return w.inFlight }

func (w *world) Deadline() int64 {
	next := backend.Never
	for _, at := range w.due {
		next = min(next, at)
	}
	return next
}

// Serve ends the operation of the event, and may find something ready.
func (w *world) Serve(e backend.Event) {
	w.scheduler.Unlock()
	if w.serving++; w.serving > w.processors {
		w.fail("%d work on events, on %d processors", w.serving, w.processors)
	}
	w.pause()
	w.serving--
	w.scheduler.Lock()
	w.finish(e.FD)
	if w.random.IntN(4) == 0 {
		w.ready++
		w.scheduler.WakeLeader()
	}
}

// finish ends an operation and publishes that: its end is awaited, or it is an item.
func (w *world) finish(op int) {
	if op != 0 && !w.ended[op] {
		w.ended[op] = true
		w.inFlight--
		if number, isAwaited := w.awaited[op]; !isAwaited {
			w.items++
		} else if number >= 0 {
			w.scheduler.End(number)
		}
	}
	w.scheduler.ItemsChanged()
	w.scheduler.Settled()
}

// Turn makes items of what is ready, and ends what is due.
func (w *world) Turn(now int64) {
	if w.turning {
		w.fail("two take a turn")
	}
	w.turning = true
	for n := min(w.ready, 2); n > 0; n-- {
		w.ready--
		w.scheduler.Unlock()
		w.pause()
		w.scheduler.Lock()
		w.publishItem()
	}
	for i := 0; i < len(w.due); {
		if w.due[i] > now {
			i++
			continue
		}
		w.due = append(w.due[:i], w.due[i+1:]...)
		w.publishItem()
	}
	w.turning = false
}

func (w *world) publishItem() {
	w.items++
	w.scheduler.ItemsChanged()
}

// ContextEnded cancels what the waiter waits for.
func (w *world) ContextEnded(number int) {
	for op, n := range w.awaited {
		if n == int32(number) && !w.ended[op] {
			w.scheduler.Unlock()
			w.pause()
			w.scheduler.Lock()
			w.finish(op)
			return
		}
	}
}

// poller is the one of a world, and parker another, which keeps the leader in.
type (
	poller struct{ *world }
	parker struct{ *poller }
)

// poller draws which of the two the world has.
func (w *world) poller() backend.Poller {
	p := &poller{w}
	if w.random.IntN(2) == 0 {
		return parker{p}
	}
	return p
}

func (p *poller) Arm(int, uint32) backend.Errno { return 0 }
func (p *poller) Disarm(int)                    {}
func (p *poller) Close() error                  { return nil }
func (p *poller) SetTimeout(until int64)        { p.pause(); p.until = until }

func (p *poller) Wake(backend.Waiting) {
	p.pause()
	p.woken = true
}

func (p *poller) Wait(how backend.Waiting, events []backend.Event) (n int, timedOut bool) {
	p.enterPoller()
	n, timedOut = p.wait(how, events)
	p.polling = false
	return n, timedOut
}

func (p parker) Park(events []backend.Event, serve func(int) (int, bool)) (n int, timedOut bool) {
	p.enterPoller()
	for again := true; again; {
		if n, timedOut = p.wait(backend.Park, events); timedOut {
			break
		}
		n, again = serve(n)
	}
	p.polling = false
	return n, timedOut
}

func (p *poller) enterPoller() {
	if p.polling {
		p.fail("two are in the poller")
	}
	p.polling = true
}

func (p *poller) wait(how backend.Waiting, events []backend.Event) (n int, timedOut bool) {
	for {
		p.pause()
		n = p.take(events)
		switch {
		case n > 0 || how == backend.Look:
			return n, false
		case p.woken || p.until <= p.now:
			p.woken = false
			return 0, true
		default:
			p.sleepIn("the poller", func() bool { return len(p.events) > 0 || p.woken || p.until <= p.now })
		}
	}
}

// take moves events out of the poller, often fewer than there are.
func (p *poller) take(events []backend.Event) (n int) {
	for n = range min(len(p.events), 1+p.random.IntN(4)) {
		events[n] = backend.Event{FD: p.events[n]}
	}
	if len(p.events) > 0 {
		n++
	}
	p.events = p.events[n:]
	return n
}

// simContext is a context that the world ends.
type simContext struct {
	context.Context
	world *world
	done  chan struct{}
	over  bool
	calls []func()

	waiting int // goroutines that wait with it
}

func (w *world) newContext() *simContext {
	return &simContext{Context: context.Background(), world: w, done: make(chan struct{})}
}

func (c *simContext) Done() <-chan struct{} { return c.done }

func (c *simContext) Err() error {
	if c.over {
		return context.Canceled
	}
	return nil
}

// AfterFunc is that of package context, with actors for goroutines.
func (c *simContext) AfterFunc(f func()) (stop func() bool) {
	state := 0 // 1: called, 2: stopped
	call := func() {
		if state == 0 {
			state = 1
			c.world.called++
			c.world.start("a callback", func() { f(); c.world.called-- })
		}
	}
	if c.over {
		call()
	} else {
		c.calls = append(c.calls, call)
	}
	return func() bool {
		was := state
		if state == 0 {
			state = 2
		}
		return was == 0
	}
}

func (c *simContext) end() {
	if !c.over {
		c.over = true
		close(c.done)
		for _, f := range c.calls {
			f()
		}
	}
}
