package sim

import (
	"errors"
	"fmt"
	"iter"
	"runtime/debug"
	"sync"

	"github.com/completionport/completion/internal/scheduler"
)

var _ scheduler.Steps = (*world)(nil)

// actor is a coroutine that calls the port. Coroutines are used again: one is
// made when a world needs more than there are.
type actor struct {
	world  *world
	number int
	name   string
	job    func(*actor)
	done   bool

	wants   *sync.Mutex // the lock it waits for
	awake   func() bool // what it sleeps for
	asleep  where       // and in what
	effect  func()      // what is to be noted when its call takes effect
	calling string      // for the list of who sleeps where
	waits   bool        // it is in a call that waits, but for Await
	ran     int         // the step at which it went on last

	resume func() (struct{}, bool)
	stop   func()
	yield  func(struct{}) bool
}

// where an actor sleeps.
type where uint8

const (
	inEngine where = iota // in a waiter's sleep, or Close's
	inPoller
)

func newActor() *actor {
	a := &actor{}
	a.resume, a.stop = iter.Pull(func(yield func(struct{}) bool) {
		a.yield = yield
		for {
			a.work()
			if !yield(struct{}{}) {
				return
			}
		}
	})
	return a
}

// errAbandoned unwinds the actors of a world that has failed.
var errAbandoned = errors.New("abandoned")

func (a *actor) work() {
	defer func() {
		a.done = true
		if r := recover(); r != nil && r != any(errAbandoned) {
			a.world.fail("a panic: %v\n%s", r, debug.Stack())
		}
	}()
	a.job(a)
}

// start adds an actor to the world.
func (w *world) start(name string, job func(*actor)) {
	var a *actor
	if n := len(w.actors); n < len(w.stable.actors) {
		a = w.stable.actors[n]
	} else {
		a = newActor()
		w.stable.actors = append(w.stable.actors, a)
	}
	a.world, a.number, a.name, a.job = w, len(w.actors), name, job
	a.done, a.wants, a.awake, a.effect, a.calling = false, nil, nil, nil, ""
	a.waits, a.ran = false, w.steps
	w.actors = append(w.actors, a)
	w.living = append(w.living, a)
}

// stable is where coroutines and memory wait for the next world.
type stable struct {
	actors  []*actor
	ranks   ranks
	options []option
	plan    []byte
	choices []byte
}

func (s *stable) close() {
	for _, a := range s.actors {
		a.stop()
	}
}

// run lets the actors run until nothing is left to do or a check has failed.
func (w *world) run() {
	next := w.turn(nil)
	for next != nil {
		w.current = next
		next.resume()
		if next.done {
			w.bury(next)
			next = w.turn(nil)
		} else {
			next = w.next
		}
	}
	w.over = true
	for _, a := range w.living {
		for !a.done {
			w.current = a
			a.resume()
		}
	}
	w.current, w.over = nil, false
}

// bury takes an actor that has ended out of the list.
func (w *world) bury(a *actor) {
	for i, b := range w.living {
		if a == b {
			w.living = append(w.living[:i], w.living[i+1:]...)
			return
		}
	}
}

// pause lets others go on before the actor that runs does.
func (w *world) pause() {
	if w.over {
		panic(errAbandoned)
	}
	a := w.current
	if a == nil { // the world itself, while it is set up
		return
	}
	if w.next = w.turn(a); w.next == a {
		return
	}
	a.yield(struct{}{})
	if w.over {
		panic(errAbandoned)
	}
}

// Step is a point without a lock.
func (w *world) Step() {
	if w.current != nil {
		w.tracePoint("goes on")
		w.pause()
	}
}

// Turn is a point where an actor, the leader or a helper, begins to work on an event.
func (w *world) Turn() {
	w.turned()
	w.Step()
}

// Lock waits for mu in the world's own way: whoever holds it is another actor.
func (w *world) Lock(mu *sync.Mutex) {
	a := w.current
	if a == nil { // the world itself, while it is set up or checked
		if !mu.TryLock() {
			w.fail("a lock is held while nobody runs")
			panic(errAbandoned)
		}
		return
	}
	w.tracePoint("locks")
	a.wants = mu
	w.pause()
	a.wants = nil
	if !mu.TryLock() {
		panic("sim: an actor was chosen that can't go on")
	}
	if f := a.effect; f != nil {
		a.effect = nil
		f()
	}
}

// Sleep lets others go on until awake.
func (w *world) Sleep(awake func() bool) { w.sleepIn(inEngine, awake) }

func (w *world) sleepIn(place where, awake func() bool) {
	a := w.current
	w.tracePoint("sleeps")
	a.awake, a.asleep = awake, place
	w.pause()
	a.awake = nil
}

// canRun tells whether the actor would get on.
func (a *actor) canRun() bool {
	switch {
	case a.wants != nil:
		if !a.wants.TryLock() {
			return false
		}
		a.wants.Unlock()
		return true
	case a.awake != nil:
		return a.awake()
	}
	return true
}

// option is what may happen next: an actor goes on, or else an event.
type option struct {
	actor *actor
	event event
}

// rank is the number under which the option's priority is kept.
func (o option) rank() int {
	if o.actor != nil {
		return int(events) + o.actor.number
	}
	return int(o.event)
}

const (
	fairAfter = 3000  // steps after which everybody gets a turn
	stepLimit = 30000 // and after which a schedule does not end
)

// turn says who goes on, and lets things happen in the surroundings until it is
// an actor. It returns nil if the schedule is over. The actor that runs, if it
// can go on, is the first option.
func (w *world) turn(self *actor) *actor {
	w.current = nil
	for w.failure == nil {
		if w.steps++; w.steps > stepLimit {
			w.fail("the schedule does not end")
			break
		}
		if w.watch != nil {
			w.watch(w)
		}
		options := w.stable.options[:0]
		if self != nil && self.canRun() {
			options = append(options, option{actor: self})
		}
		for _, a := range w.living {
			if a != self && a.canRun() {
				options = append(options, option{actor: a})
			}
		}
		options = w.possible(options)
		w.stable.options = options
		if len(options) == 0 {
			if !w.idle() {
				break
			}
			continue
		}
		chosen := options[w.choose(self != nil && options[0].actor == self, options)]
		if chosen.actor != nil {
			chosen.actor.ran = w.steps
			w.mix(uint64(chosen.actor.number)<<8 | uint64(len(options)))
			w.current = chosen.actor
			return chosen.actor
		}
		w.mix(uint64(chosen.event)<<16 | uint64(len(options)))
		w.happen(chosen.event)
	}
	return nil
}

// starvedAfter is after how many steps an actor that could go on does, in a world that
// checks what is served in time: if something waits, then for the engine and not for
// the scheduler.
const starvedAfter = 10

// starved returns the index of an actor that has waited for so long, or -1.
func (w *world) starved(options []option) int {
	for i, o := range options {
		if o.actor != nil && w.steps-o.actor.ran > starvedAfter {
			return i
		}
	}
	return -1
}

// choose returns the index of the option that comes about.
func (w *world) choose(running bool, options []option) int {
	if w.plan.busy.turns > 0 {
		if i := w.starved(options); i >= 0 {
			return i
		}
	}
	if w.steps > fairAfter {
		return w.steps % len(options)
	}
	return w.schedule.decide(len(options), func() int {
		c := &w.schedule
		switch w.strategy {
		case priorities:
			return w.stable.ranks.choose(c, options, w.steps)
		case sticky:
			if running && c.next()>>60 < 12 {
				return 0
			}
		case stickier:
			if running && c.next()>>58 < 60 {
				return 0
			}
		}
		return int(c.next()>>33) % len(options)
	})
}

// fail records the first failure; the schedule ends at the next point.
func (w *world) fail(format string, args ...any) {
	if w.failure == nil && !w.over {
		w.failure = fmt.Errorf(format, args...)
		w.trace("FAILS: %v", w.failure)
	}
}

// mix adds to the hash that two runs of one schedule must share.
func (w *world) mix(x uint64) { w.hash = (w.hash ^ x) * 0x100000001b3 }
