package sim

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
)

// totals sums up a run of many schedules.
type totals struct {
	schedules uint64
	steps     uint64
	fired     [backends][faults]uint64
	ran       [backends]uint64
	most      progress // between two turns; see timely.go
	table     table
}

func (t *totals) add(o *totals) {
	t.schedules += o.schedules
	t.steps += o.steps
	for b := range o.fired {
		t.ran[b] += o.ran[b]
		for i := range o.fired[b] {
			t.fired[b][i] += o.fired[b][i]
		}
	}
	t.most.mostOf(&o.most)
	for c := range o.table {
		for s := range o.table[c] {
			for v := range o.table[c][s] {
				t.table[c][s][v] += o.table[c][s][v]
			}
		}
	}
}

// result is the result of one schedule.
type result struct {
	failure  error
	backend  semantics
	plan     []byte // the choices that were made
	schedule []byte
	hash     uint64
	steps    int
	plans    int // how many choices were made, with or without a failure
	choices  int
	lines    []string // with a trace
}

// explorer runs schedules one after the other.
type explorer struct {
	stable stable
	totals totals
	only   string       // the backend: see choices
	watch  func(*world) // called at each step, if not nil
}

func (e *explorer) close() { e.stable.close() }

// seeded runs the schedule of a seed.
func (e *explorer) seeded(seed uint64, trace bool) result {
	plan := choices{random: seed * 2, made: e.stable.plan[:0], only: e.only}
	plan.next()
	schedule := choices{random: plan.next(), made: e.stable.choices[:0]}
	return e.one(&plan, schedule, strategy(seed%uint64(strategies)), trace)
}

// replay runs the schedule of two strings of choices.
func (e *explorer) replay(plan, schedule []byte, trace bool) result {
	p := choices{replay: true, given: plan, only: e.only}
	return e.one(&p, choices{replay: true, given: schedule}, uniform, trace)
}

func (e *explorer) one(p *choices, schedule choices, how strategy, trace bool) result {
	w := newWorld(&e.stable, &e.totals, planOf(p), schedule, how, trace)
	w.watch = e.watch
	w.explore()
	e.totals.schedules++
	e.totals.steps += uint64(w.steps)
	for i, n := range w.fired {
		e.totals.fired[w.plan.backend][i] += uint64(n)
	}
	e.totals.ran[w.plan.backend]++
	e.totals.most.mostOf(&w.most)
	r := result{failure: w.failure, backend: w.plan.backend, hash: w.hash, steps: w.steps, lines: w.lines, plans: len(p.made), choices: len(w.schedule.made)}
	if r.failure != nil {
		r.plan = append([]byte(nil), p.made...)
		r.schedule = append([]byte(nil), w.schedule.made...)
	}
	if !p.replay {
		e.stable.plan, e.stable.choices = p.made[:0], w.schedule.made[:0]
	}
	return r
}

// failed is a seed whose schedule fails.
type failed struct {
	seed uint64
	result
}

// search runs n schedules, from a seed on, with several workers, until one fails. It
// returns the failed one with the lowest seed, if any. The schedules are on one backend,
// or with "" on either.
func search(from, n uint64, workers int, only string) (*totals, *failed) {
	const share = 64
	var (
		wg     sync.WaitGroup
		mu     sync.Mutex
		all    totals
		worst  *failed
		cursor atomic.Uint64
		ended  atomic.Bool
	)
	work := func() {
		e := &explorer{only: only}
		defer e.close()
		for !ended.Load() {
			begin := cursor.Add(share) - share
			if begin >= n {
				break
			}
			for i := begin; i < min(begin+share, n); i++ {
				if r := e.seeded(from+i, false); r.failure != nil {
					mu.Lock()
					if worst == nil || from+i < worst.seed {
						worst = &failed{from + i, r}
					}
					mu.Unlock()
					ended.Store(true)
					break
				}
			}
		}
		mu.Lock()
		all.add(&e.totals)
		mu.Unlock()
	}
	for range workers {
		wg.Go(work)
	}
	wg.Wait()
	return &all, worst
}

// silent lists the faults that never fired with a backend that ran.
func (t *totals) silent() (list []string) {
	for b := range backends {
		for f := range faults {
			if t.ran[b] > 0 && f.on(b) && t.fired[b][f] == 0 {
				list = append(list, fmt.Sprintf("%s with %s", f, backendNames[b]))
			}
		}
	}
	return list
}

// ranOn lists the backends that schedules have run on.
func (t *totals) ranOn() (list []semantics) {
	for b := range backends {
		if t.ran[b] > 0 {
			list = append(list, b)
		}
	}
	return list
}

// faults returns a table of the faults that fired, with a column for each backend.
func (t *totals) faults() (s string) {
	ran := t.ranOn()
	for _, b := range ran {
		s += fmt.Sprintf("%10s", backendNames[b])
	}
	s += "\n"
	for f := range faults {
		if !slices.ContainsFunc(ran, f.on) {
			continue
		}
		for _, b := range ran {
			if f.on(b) {
				s += fmt.Sprintf("%10d", t.fired[b][f])
			} else {
				s += fmt.Sprintf("%10s", "-")
			}
		}
		s += fmt.Sprintf("  %s\n", f)
	}
	return s
}
