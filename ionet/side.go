package ionet

import (
	"context"
	"errors"
	"net"
	"os"
	"sync"
	"time"

	"github.com/completionport/completion"
)

// side is one direction of a Conn, or the accepts of a Listener: one operation at a time,
// with a deadline that may be moved while it is in flight.
type side struct {
	turn sync.Mutex // held by the goroutine whose operation it is

	mu       sync.Mutex
	deadline completion.Deadline
	inFlight completion.Operation // nil for none
	crossing *crossing            // of inFlight, if that is a copy
	over     bool                 // no operation begins any more
	closed   bool                 // the next operation finds that, whatever the deadline was
}

var (
	errOver  = errors.New("ionet: the side is over")
	errTimed = errors.New("ionet: the side has a deadline")
)

// await performs op, whose Op is base. The turn is held.
func (s *side) await(port *completion.Port, op completion.Operation, base *completion.Op) error {
	if err := s.start(port, op, base); err != nil {
		return err
	}
	// The context never ends: the deadline and closing end the operation.
	err := port.Wait(context.Background(), op)
	s.mu.Lock()
	s.inFlight = nil
	s.mu.Unlock()
	return err
}

// start starts op. It panics if the program has made a mistake, such as a pool of another
// port.
func (s *side) start(port *completion.Port, op completion.Operation, base *completion.Op) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.over {
		return errOver
	}
	base.Deadline = s.deadline
	err := port.Start(op)
	if err == nil {
		s.inFlight = op
	}
	return err
}

// close makes the operations to come end because what they are for is closed, and not
// because the deadline has passed.
func (s *side) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed, s.deadline = true, 0
}

// setDeadline sets the deadline of the operation in flight and of those to come.
func (s *side) setDeadline(port *completion.Port, t time.Time) {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return
	}
	s.deadline = completion.At(t)
	x := s.crossing
	if s.inFlight != nil && x == nil {
		// If it is complete already, it keeps its outcome.
		port.SetDeadline(s.inFlight, s.deadline)
	}
	s.mu.Unlock()
	if x != nil {
		x.deadlineMoved(port)
	}
}

// end cancels the operation in flight, and makes await return errOver from now on.
func (s *side) end(port *completion.Port) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.over = true
	if s.inFlight != nil {
		port.Cancel(s.inFlight)
	}
}

// isOver reports whether end was called.
func (s *side) isOver() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.over
}

// isPast reports whether the deadline has passed.
func (s *side) isPast() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.deadline != 0 && s.deadline <= completion.Now()
}

// opError returns an error as package net has it.
func opError(op string, source, addr net.Addr, err error) error {
	if err == nil {
		return nil // before anything is declared that would be allocated
	}
	if system, ok := err.(*net.OpError); ok {
		if system.Op != op { // the engine has names of its own
			renamed := *system
			renamed.Op = op
			return &renamed
		}
		return err
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		err = os.ErrDeadlineExceeded
	}
	network := ""
	switch {
	case addr != nil:
		network = addr.Network()
	case source != nil:
		network = source.Network()
	}
	return &net.OpError{Op: op, Net: network, Source: source, Addr: addr, Err: err}
}
