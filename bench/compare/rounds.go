package main

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/completionport/completion/bench/internal/echo"
)

// contest is one task and those who do it. The last contestant is a second process of the
// first program of -against, as a control.
type contest struct {
	options
	task   task
	specs  []echo.Spec
	setups []*echo.Setup
	counts []int // of messages in a round
}

// sample is a measurement, with the share of a CPU that other programs used meanwhile.
type sample struct {
	echo.Sample
	foreign float64
}

// disturbed reports whether a round has a measurement during which other programs used more
// than a tenth of a CPU.
func disturbed(round []sample) bool {
	return slices.ContainsFunc(round, func(s sample) bool { return s.foreign > 0.10 })
}

// hold does a task with all programs that can do it. It returns the figures, and which
// programs have none.
func (o options) hold(t task) (row, []skip, error) {
	c := &contest{options: o, task: t}
	defer c.close()
	skipped, err := c.open()
	if err != nil {
		return row{}, nil, err
	}
	var rounds [][]sample
	for i := range o.rounds {
		r := make([]sample, len(c.setups))
		for _, k := range order(len(c.setups), i) {
			var err error
			if r[k].Sample, r[k].foreign, err = c.setups[k].Watch(t.work(c.counts[k])); err != nil {
				return row{}, nil, fmt.Errorf("%v, %s: %w", c.specs[k], t.name, err)
			}
		}
		rounds = append(rounds, r)
		fmt.Fprintf(o.log, "%s: round %d of %d\n", t.name, i+1, o.rounds)
	}
	made := c.judge(rounds)
	c.close()
	return made, skipped, c.countCalls(made)
}

// open starts the contestants, checks that they echo, and finds how many messages make a
// part of a round. A program that can't do the task is left out.
func (c *contest) open() (skipped []skip, err error) {
	place := echo.Anywhere
	if c.pin {
		if place, err = echo.Pinned(); err != nil {
			return nil, err
		}
	}
	for i, spec := range append(slices.Clone(c.programs), c.against[0]) {
		spec = c.task.spec(spec)
		setup, messages, err := c.start(spec, place)
		switch {
		case err == nil:
			c.specs, c.setups, c.counts = append(c.specs, spec), append(c.setups, setup), append(c.counts, messages)
		case i == len(c.programs) || c.programs[i] == c.against[0]:
			return nil, err
		default:
			skipped = append(skipped, skip{c.task.name, c.programs[i].String(), err.Error()})
			fmt.Fprintf(c.log, "%s: without %v: %v\n", c.task.name, c.programs[i], err)
		}
	}
	return skipped, nil
}

// start starts a program with its load.
func (c *contest) start(spec echo.Spec, place echo.Place) (*echo.Setup, int, error) {
	t := c.task
	setup, err := echo.Open(echo.ServerOptions{Spec: spec, Buffer: echo.BufferFor(t.size)}, place, t.conns)
	if err != nil {
		return nil, 0, err
	}
	check := t.work(2 * t.conns)
	check.Verify = t.keys == 0 // the load compares the beginning of answers
	if _, err = setup.Load.Run(check); err == nil {
		var messages int
		if messages, err = setup.Calibrate(t.work(0), c.part); err == nil {
			return setup, messages, nil
		}
	}
	return nil, 0, errors.Join(err, setup.Close())
}

func (c *contest) close() {
	for _, s := range c.setups {
		s.Close()
	}
	c.setups = nil
}

// order returns in which order a round measures n contestants. In n rounds, or 2n if n is
// odd, each has each place equally often, and follows each other equally often.
func order(n, round int) []int {
	who := make([]int, n)
	for k := range who {
		at := (k + 1) / 2 // 0, 1, n-1, 2, n-2 and so on
		if k%2 == 0 {
			at = n - at
		}
		who[k] = (at + round) % n
	}
	if n%2 == 1 && round/n%2 == 1 {
		slices.Reverse(who)
	}
	return who
}

// countCalls adds to the figures how many system calls a message takes. In a quick run only
// one row has them.
func (c *contest) countCalls(r row) error {
	if c.calls == 0 || c.task.renew || echo.CanTrace() != nil || c.quick && c.task.name != "64x64" {
		return nil
	}
	for i := range r.Results {
		calls, err := echo.CountCallsOf(c.specs[i], c.task.conns, c.task.work(c.calls))
		if err != nil {
			return fmt.Errorf("%v, system calls: %w", c.specs[i], err)
		}
		maps.DeleteFunc(calls, func(_ string, n float64) bool { return n < 0.005 })
		r.Results[i].Calls = calls
	}
	return nil
}
