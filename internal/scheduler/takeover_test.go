package scheduler

import (
	"sync"
	"testing"

	"github.com/completionport/completion/internal/backend"
)

// busy is a work and a poller for one goroutine that runs and one that sleeps. The second
// is given the lead and finds no processor.
type busy struct {
	*testing.T
	scheduler  Scheduler
	now        int64
	deadline   int64
	ready      bool
	items      int
	turns      int // that have ended what is due, or worked on what is ready
	polls      int
	successor  func()
	hasParked  chan struct{}
	mayComeNow chan struct{}
}

func (b *busy) Now() int64       { return b.now }
func (b *busy) Ready() bool      { return b.ready }
func (b *busy) Armed() bool      { return true }
func (b *busy) Deadline() int64  { return b.deadline }
func (b *busy) Items() int       { return b.items }
func (b *busy) InFlight() int    { return 1 }
func (b *busy) ContextEnded(int) {}

func (b *busy) Serve(backend.Event) {
	b.scheduler.Unlock()
	b.scheduler.Lock()
	b.items++
	b.scheduler.ItemsChanged()
}

func (b *busy) Turn(now int64) {
	if b.ready || b.deadline <= now {
		b.turns++
		b.ready = false
		if b.deadline <= now {
			b.deadline = backend.Never
		}
	}
}

func (b *busy) Arm(int, uint32) backend.Errno { return 0 }
func (b *busy) Disarm(int)                    {}
func (b *busy) SetTimeout(int64)              {}
func (b *busy) Wake(backend.Waiting)          {}
func (b *busy) Close() error                  { return nil }

// Wait brings 20 events once the successor sleeps.
func (b *busy) Wait(backend.Waiting, []backend.Event) (n int, timedOut bool) {
	if b.polls++; b.polls == 1 {
		go b.successor()
		<-b.hasParked
		return 20, false
	}
	if len(b.scheduler.pending) > 0 {
		b.Error("there is a poll before all events were worked on")
	}
	return 0, false
}

// busySteps hold the successor where it sleeps, also when it was woken.
type busySteps struct{ *busy }

func (b busySteps) Step()               {}
func (b busySteps) Turn()               {}
func (b busySteps) Lock(mu *sync.Mutex) { mu.Lock() }
func (b busySteps) Sleep(func() bool)   { close(b.hasParked); <-b.mayComeNow }

// takeOne is a turn of a loop, with a body of 60 µs.
func (b *busy) takeOne() {
	s := &b.scheduler
	s.Lock()
	s.AwaitItems(Forever, 1)
	b.items--
	s.ItemTaken()
	s.ItemsChanged()
	s.Unlock()
	b.now += 60_000
}

// start makes a scheduler whose second goroutine will be given the lead.
func (b *busy) start() (end func()) {
	var wg sync.WaitGroup
	wg.Add(1)
	b.successor = func() { defer wg.Done(); b.takeOne() }
	b.now, b.hasParked, b.mayComeNow = 1, make(chan struct{}), make(chan struct{})
	b.scheduler.Init(Options{Work: b, Poller: b, Clock: b, Steps: busySteps{b}, Processors: 2})
	b.deadline = 150_000
	return func() { close(b.mayComeNow); wg.Wait() }
}

// TestLeaderThatHasNotCome: the goroutine that was given the lead has not run, and all
// processors are busy with bodies. A goroutine that comes between two bodies takes over the
// events, and the work that is due or ready, which nobody else looks at.
func TestLeaderThatHasNotCome(t *testing.T) {
	b := &busy{T: t}
	end := b.start()
	for range 6 {
		b.takeOne()
	}
	if b.turns != 1 {
		t.Errorf("%d turns at %d ns, of which one was due at 150,000", b.turns, b.now)
	}
	b.ready = true
	b.takeOne()
	if b.ready {
		t.Error("what is ready waits for a leader that has not come")
	}
	end()
	if n := len(b.scheduler.pending); n != 12 {
		t.Errorf("%d events are left, want 12", n)
	}
}

// TestLeaderThatHasNotComeToALoop: the same, and there is always an item in the queue.
func TestLeaderThatHasNotComeToALoop(t *testing.T) {
	b := &busy{T: t}
	end := b.start()
	b.takeOne()
	for range 40 { // long bodies are noticed after 16 at most
		b.items++ // of a body that posts
		b.takeOne()
	}
	if b.turns != 1 {
		t.Errorf("%d turns at %d ns, of which one was due at 150,000", b.turns, b.now)
	}
	if n := len(b.scheduler.pending); n > 0 {
		t.Errorf("%d events wait for a leader that has not come", n)
	}
	end()
}

// helped is a busy work with something ready all the time. While that is worked on,
// another goroutine helps with all events.
type helped struct{ *busy }

func (h helped) Turn(now int64) {
	if h.deadline <= now {
		h.turns++
		h.deadline = backend.Never
	}
	s := &h.scheduler
	if len(s.pending) > 0 {
		s.Unlock()
		h.takeOne()
		s.Lock()
	}
	h.items++
	s.ItemsChanged()
}

func (h helped) Wait(backend.Waiting, []backend.Event) (n int, timedOut bool) {
	if h.polls++; h.polls == 1 && h.successor != nil {
		go h.successor()
		<-h.hasParked
	}
	h.ready = true
	return 1, false
}

// TestHelpersWorkOnAllEvents: the leader works on what is ready, and helpers on the events
// of each poll. The leader ends what is due nevertheless.
func TestHelpersWorkOnAllEvents(t *testing.T) {
	for _, name := range []string{"another sleeps", "nobody sleeps"} {
		t.Run(name, func(t *testing.T) {
			b := &busy{T: t}
			end := b.start()
			if name == "nobody sleeps" {
				b.successor = nil
				end = func() {}
			}
			h := helped{b}
			b.scheduler.work, b.scheduler.poller = h, h
			for range 50 {
				b.takeOne()
			}
			if b.turns != 1 {
				t.Errorf("%d turns at %d ns, of which one was due at 150,000", b.turns, b.now)
			}
			end()
		})
	}
}
