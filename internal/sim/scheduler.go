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

// actor is a coroutine that calls the port. Coroutines are used again: a new one is made
// only when a world needs more than exist.
type actor struct {
	world  *world
	number int
	name   string
	job    func(*actor)
	done   bool

	wants   *sync.Mutex // the lock it waits for
	awake   func() bool // what it sleeps for
	asleep  where       // where it sleeps
	effect  func()      // called when its call takes effect
	calling string      // the name of its call
	waits   bool        // it is in a call that waits, other than Await
	ran     int         // the step at which it ran last

	resume func() (struct{}, bool)
	stop   func()
	yield  func(struct{}) bool
}

// where is the place where an actor sleeps.
type where uint8

const (
	inEngine where = iota // in the sleep of a waiter, or of Close
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

// stable keeps coroutines and memory for the next world.
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

// bury removes an actor that has ended from the list.
func (w *world) bury(a *actor) {
	for i, b := range w.living {
		if a == b {
			w.living = append(w.living[:i], w.living[i+1:]...)
			return
		}
	}
}

// pause lets others run before the current actor goes on.
func (w *world) pause() {
	if w.over {
		panic(errAbandoned)
	}
	a := w.current
	if a == nil { // the world itself, during its setup
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

// Lock waits for mu in the world's own way: the holder is another actor.
func (w *world) Lock(mu *sync.Mutex) {
	a := w.current
	if a == nil { // the world itself, during its setup or a check
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

// Sleep lets others run until awake reports true.
func (w *world) Sleep(awake func() bool) { w.sleepIn(inEngine, awake) }

func (w *world) sleepIn(place where, awake func() bool) {
	a := w.current
	w.tracePoint("sleeps")
	a.awake, a.asleep = awake, place
	w.pause()
	a.awake = nil
}

// canRun reports whether the actor could go on.
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

// option is something that may happen next: an actor goes on, or an event happens.
type option struct {
	actor *actor
	event event
}

// rank returns the number under which the option's priority is kept.
func (o option) rank() int {
	if o.actor != nil {
		return int(events) + o.actor.number
	}
	return int(o.event)
}

const (
	fairAfter = 3000  // steps after which every actor gets a turn
	stepLimit = 30000 // steps after which a schedule counts as endless
)

// turn chooses what happens next until the choice is an actor, and returns that actor. It
// lets chosen events happen. It returns nil if the schedule is over. The actor that runs,
// if it can go on, is the first option.
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

// starvedAfter is the number of steps after which an actor that could go on does so, in a
// world that checks that everything is served in time. So what waits there waits for the
// engine, and not for the simulator's scheduler.
const starvedAfter = 10

// starved returns the index of an actor that has waited for that many steps, or -1.
func (w *world) starved(options []option) int {
	for i, o := range options {
		if o.actor != nil && w.steps-o.actor.ran > starvedAfter {
			return i
		}
	}
	return -1
}

// choose returns the index of the option that happens.
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

// fail records the first failure. The schedule ends at the next step.
func (w *world) fail(format string, args ...any) {
	if w.failure == nil && !w.over {
		w.failure = fmt.Errorf(format, args...)
		w.trace("FAILS: %v", w.failure)
	}
}

// mix adds to the hash, which must be the same in two runs of one schedule.
func (w *world) mix(x uint64) { w.hash = (w.hash ^ x) * 0x100000001b3 }
