package optrace

import (
	"cmp"
	"slices"

	"github.com/completionport/completion"
)

// operation is the life of one use of an operation, as far as its steps are kept.
type operation struct {
	port   int
	number uint32
	kind   string
	fd     int // -1 for none

	start, end completion.Deadline
	begun      bool // its submit is kept
	ended      bool // it is complete
	n          int
	err        error
	parts      []part
	row        int // in its lane
}

// part is a part of a life.
type part struct {
	name       string
	start, end completion.Deadline
	n          int
	err        error
}

// The names of parts.
const (
	queued   = "queued"
	called   = "called"
	waiting  = "waiting"
	complete = "complete"
	asleep   = "asleep" // of the leader
)

// key names one use of an operation.
type key struct {
	port   int
	number uint32
}

// lives returns the operations of the steps, the earliest first. end is the time of the
// last step.
func lives(steps []step, end completion.Deadline) []*operation {
	of := map[key][]step{}
	for _, s := range steps {
		if s.Operation != 0 {
			k := key{s.port, s.Operation}
			of[k] = append(of[k], s)
		}
	}
	all := make([]*operation, 0, len(of))
	for k, steps := range of {
		slices.SortStableFunc(steps, byTime)
		all = append(all, lifeOf(k, steps, end))
	}
	slices.SortFunc(all, func(a, b *operation) int {
		return cmp.Or(cmp.Compare(a.start, b.start), cmp.Compare(a.port, b.port), cmp.Compare(a.number, b.number))
	})
	return all
}

// byTime orders the steps of an operation. Some have the same time, where the clock is
// coarse or does not move.
func byTime(a, b step) int {
	return cmp.Or(cmp.Compare(a.Time, b.Time), cmp.Compare(place(a.Step), place(b.Step)))
}

// place returns the place of a step among those with the same time.
func place(s completion.Step) int {
	switch s {
	case completion.StepSubmitted:
		return 0
	case completion.StepCompleted:
		return 2
	case completion.StepDequeued:
		return 3
	}
	return 1
}

// lifeOf makes an operation of its steps, which are in order and at least one.
func lifeOf(k key, steps []step, end completion.Deadline) *operation {
	first := steps[0]
	o := &operation{port: k.port, number: k.number, kind: first.Kind, fd: first.FD, start: first.Time}
	if first.Step == completion.StepCalled {
		o.start -= completion.Deadline(first.Took)
	}
	b := biographer{operation: o, since: o.start}
	for _, s := range steps {
		if !o.ended || s.Step == completion.StepDequeued { // else told late by another goroutine
			o.end = s.Time
			b.step(s)
		}
	}
	if !o.ended {
		o.end = end
		b.become("", end)
	}
	return o
}

// biographer adds the parts to an operation.
type biographer struct {
	*operation
	now   string // the part that it is in, empty if the steps do not tell
	since completion.Deadline
}

// become ends the part that the operation is in, and begins the next.
func (b *biographer) become(next string, at completion.Deadline) {
	if b.now != "" && at > b.since {
		b.parts = append(b.parts, part{name: b.now, start: b.since, end: at})
	}
	b.now, b.since = next, at
}

func (b *biographer) step(s step) {
	switch {
	case s.Step == completion.StepSubmitted:
		b.begun, b.now = true, queued
	case s.Step == completion.StepCompleted:
		b.ended, b.n, b.err = true, s.N, s.Err
		b.become(complete, s.Time)
	case s.Step == completion.StepDequeued:
		b.become("", s.Time)
	case s.Step == completion.StepCalled:
		b.become("", s.Time-completion.Deadline(s.Took))
		b.parts = append(b.parts, part{called, b.since, s.Time, s.N, s.Err})
		b.since = s.Time
		if s.Err != nil {
			b.now = waiting
		}
	case s.Step == completion.StepParked && b.now != waiting:
		b.become(waiting, s.Time)
	}
}

// sleeps returns the times that the leader of each port was asleep in the poller.
func sleeps(steps []step, end completion.Deadline) map[int][]part {
	of := map[int][]part{}
	since := map[int]completion.Deadline{} // of leaders that sleep
	for _, s := range steps {
		switch s.Step {
		case completion.StepAsleep:
			since[s.port] = s.Time
		case completion.StepAwake:
			if at, ok := since[s.port]; ok {
				of[s.port] = append(of[s.port], part{name: asleep, start: at, end: s.Time, n: s.N})
				delete(since, s.port)
			}
		}
	}
	for port, at := range since {
		of[port] = append(of[port], part{name: asleep, start: at, end: end})
	}
	return of
}
