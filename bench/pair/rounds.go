package main

import (
	"fmt"
	"io"
	"time"

	"github.com/completionport/completion/bench/internal/echo"
)

// contest is a comparison of two programs.
type contest struct {
	a, b     echo.Spec
	conns    int
	size     int
	rounds   int
	messages int  // for each program and round, 0 to calibrate
	pin      bool // server and load each have a CPU
	hog      bool // servers have one processor and a goroutine that burns CPU
	log      io.Writer
}

// roundTime is how long a program's part of a round takes after calibration.
const roundTime = 400 * time.Millisecond

// The contestants. again is a second process of the same program as a.
const (
	a = iota
	b
	again
	contestants
)

// orders are the orders in which rounds run the contestants, one after the other. Within
// three rounds each contestant has each place equally often. Within six rounds it follows
// each of the others equally often.
var orders = [...][contestants]int{
	{a, b, again}, {b, again, a}, {again, a, b},
	{again, b, a}, {a, again, b}, {b, a, again},
}

// round is one measurement of each contestant, with the share of one CPU that other
// programs used meanwhile.
type round struct {
	samples [contestants]echo.Sample
	foreign [contestants]float64
}

// disturbed reports whether other programs used more than a tenth of a CPU during any of
// the measurements.
func (r round) disturbed() bool {
	return max(r.foreign[a], r.foreign[b], r.foreign[again]) > 0.10
}

// hold runs the contest. It starts all processes once, and then runs the rounds.
func (c contest) hold() ([]round, error) {
	place := echo.Anywhere
	if c.pin {
		var err error
		if place, err = echo.Pinned(); err != nil {
			return nil, err
		}
	}
	setups, err := c.open(place)
	defer func() {
		for _, s := range setups {
			s.Close()
		}
	}()
	if err != nil {
		return nil, err
	}
	counts, err := c.calibrate(setups)
	if err != nil {
		return nil, err
	}
	fmt.Fprintf(c.log, "%d rounds of %d messages to a and %d to b\n", c.rounds, counts[a], counts[b])
	var rounds []round
	for i := range c.rounds {
		r, err := c.round(setups, counts, orders[i%len(orders)])
		if err != nil {
			return nil, err
		}
		rounds = append(rounds, r)
		fmt.Fprintln(c.log, r.line(i))
	}
	return rounds, nil
}

func (c contest) open(place echo.Place) ([]*echo.Setup, error) {
	var setups []*echo.Setup
	for _, spec := range []echo.Spec{c.a, c.b, c.a} {
		s, err := echo.Open(echo.ServerOptions{Spec: spec, Buffer: echo.BufferFor(c.size), Hog: c.hog}, place, c.conns)
		if err != nil {
			return setups, err
		}
		setups = append(setups, s)
	}
	return setups, nil
}

// calibrate returns how many messages make a round, the same number for a and its second
// process, and warms all three up.
func (c contest) calibrate(setups []*echo.Setup) ([contestants]int, error) {
	counts := [contestants]int{c.messages, c.messages, c.messages}
	for i, s := range setups {
		var err error
		if c.messages > 0 {
			_, err = s.Measure(c.work(i, c.messages))
		} else {
			counts[i], err = s.Calibrate(c.work(i, 0), roundTime)
		}
		if err != nil {
			return counts, err
		}
	}
	counts[again] = counts[a]
	return counts, nil
}

// work returns the work of one of the contestants.
func (c contest) work(contestant, messages int) echo.Work {
	spec := c.a
	if contestant == b {
		spec = c.b
	}
	return echo.Work{Size: c.size, Messages: messages, Keys: spec.Keys}
}

func (c contest) round(setups []*echo.Setup, counts, order [contestants]int) (round, error) {
	var r round
	for _, i := range order {
		var err error
		if r.samples[i], r.foreign[i], err = setups[i].Watch(c.work(i, counts[i])); err != nil {
			return r, err
		}
	}
	return r, nil
}

// line returns a line about a round: CPU time per message and foreign load of each
// contestant.
func (r round) line(i int) string {
	text := fmt.Sprintf("%3d ", i+1)
	for k, name := range []string{"a", "b", "a'"} {
		s := r.samples[k]
		text += fmt.Sprintf(" %2s %8.0f ns %5.1f%%", name, s.PerMessage(s.ServerCPU), 100*r.foreign[k])
	}
	if r.disturbed() {
		text += " !"
	}
	return text
}
