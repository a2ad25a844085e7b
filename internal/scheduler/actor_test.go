package scheduler

import (
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"runtime/debug"
	"strings"
	"sync"
)

var _ Steps = steps{}

// steps are the Steps of a world.
type steps struct{ *world }

// actor is a goroutine of a world: a coroutine, of which one runs at a time.
type actor struct {
	world *world
	name  string
	done  bool

	wants *sync.Mutex // the lock it waits for
	awake func() bool // what it sleeps for
	where string      // and where

	resume func() (struct{}, bool)
	stop   func()
	yield  func(struct{}) bool
}

var errAbandoned = errors.New("abandoned")

// start adds an actor to the world.
func (w *world) start(name string, job func()) {
	a := &actor{world: w, name: name}
	a.resume, a.stop = iter.Pull(func(yield func(struct{}) bool) {
		a.yield = yield
		defer func() {
			a.done = true
			if r := recover(); r != nil && r != any(errAbandoned) {
				w.fail("a panic: %v\n%s", r, debug.Stack())
			}
		}()
		job()
	})
	w.actors = append(w.actors, a)
}

// canRun reports whether the actor could go on.
func (a *actor) canRun() bool {
	switch {
	case a.done:
		return false
	case a.wants != nil:
		if !a.wants.TryLock() {
			return false
		}
		a.wants.Unlock()
	case a.awake != nil:
		return a.awake()
	}
	return true
}

// run lets actors run, one step at a time, until none can.
func (w *world) run() {
	var able []*actor
	for w.failure == "" {
		able = able[:0]
		for _, a := range w.actors {
			if a.canRun() {
				able = append(able, a)
			}
		}
		if len(able) == 0 {
			return
		}
		if w.steps++; w.steps > 200_000 {
			w.fail("it does not come to rest")
			return
		}
		w.current = able[w.random.IntN(len(able))]
		w.current.resume()
		w.current = nil
	}
}

// pause lets others run before the current actor does.
func (w *world) pause() {
	a := w.current
	if a == nil {
		return
	}
	if !a.yield(struct{}{}) || w.failure != "" {
		panic(errAbandoned)
	}
}

func (w steps) Step() { w.pause() }
func (w steps) Turn() { w.pause() }

func (w steps) Lock(mu *sync.Mutex) {
	if a := w.current; a != nil {
		a.wants = mu
		w.pause()
		a.wants = nil
	}
	mu.Lock() // nobody else runs: it is free
}

func (w steps) Sleep(awake func() bool) { w.sleepIn("a list", awake) }

func (w *world) sleepIn(where string, awake func() bool) {
	a := w.current
	a.awake, a.where = awake, where
	w.pause()
	a.awake, a.where = nil, ""
}

func (w *world) fail(format string, args ...any) {
	if w.failure == "" {
		w.failure = fmt.Sprintf(format, args...) + "\n" + w.sleepers()
	}
}

// sleepers returns where each goroutine is.
func (w *world) sleepers() string {
	var b strings.Builder
	for _, a := range w.actors {
		switch {
		case a.done:
		case a.wants != nil:
			fmt.Fprintf(&b, "  %s waits for a lock\n", a.name)
		default:
			fmt.Fprintf(&b, "  %s sleeps in %s\n", a.name, a.where)
		}
	}
	return b.String()
}

// newWorld makes a world of one schedule.
func newWorld(seed uint64) *world {
	w := &world{random: rand.New(rand.NewPCG(seed, 7)), now: 1}
	w.options()
	return w
}

// end unwinds the actors that are left.
func (w *world) end() {
	for _, a := range w.actors {
		a.stop()
	}
}
