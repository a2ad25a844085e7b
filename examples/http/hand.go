package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/completionport/completion"
	"github.com/completionport/completion/ops"
)

// The pools limit the memory for input that was read and not handled, and for most of the
// answers. No connection has to wait for an answer's buffer: see connection.respond.
const (
	inputSize, inputCount   = 16 << 10, 256
	answerSize, answerCount = 16 << 10, 256
)

// After a failed Accept there is a pause instead of a spin: the next Accept would also
// fail until a descriptor is closed.
const acceptPause = 100 * time.Millisecond

// handServer is the server made by hand. Only the goroutine of serve uses its connections.
type handServer struct {
	options
	counts
	warner
	port        *completion.Port
	listener    *completion.Listener
	inputs      *completion.Pool
	answers     *completion.Pool
	connections map[*connection]struct{}
	stopping    bool
	served      chan error // how the server has ended
}

// stop tells the loop that the server is to stop.
type stop struct{ ops.Post }

// cutOff ends when the connections that are still there must end.
type cutOff struct{ ops.Timer }

func openHand(o options, stderr io.Writer) (*handServer, error) {
	port, err := completion.Open(&completion.Config{Backend: o.backend})
	if err != nil {
		return nil, err
	}
	s, err := newHand(o, port, stderr)
	if err != nil {
		port.Close()
	}
	return s, err
}

// newHand returns a server for a port, which may be one on a Memory.
func newHand(o options, port *completion.Port, stderr io.Writer) (*handServer, error) {
	listener, err := port.Listen("tcp", o.address)
	return &handServer{
		options: o, warner: warner{stderr: stderr}, port: port, listener: listener,
		inputs:      port.NewPool(inputSize, inputCount),
		answers:     port.NewPool(answerSize, answerCount),
		connections: make(map[*connection]struct{}),
		served:      make(chan error, 1),
	}, err
}

func (s *handServer) addr() net.Addr { return s.listener.Addr() }
func (s *handServer) name() string   { return s.port.Backend() }

// serve serves all connections, until the port is closed and everything was delivered.
func (s *handServer) serve() {
	s.port.Submit(&ops.Accept{On: s.listener})
	for op := range s.port.Completions(context.Background()) {
		switch op := op.(type) {
		case *ops.Read:
			op.Value.(*connection).received()
		case *ops.Write:
			op.Value.(*connection).sent()
		case *ops.CloseWrite:
			op.Value.(*connection).ended()
		case *ops.Accept:
			s.accept(op)
		case *ops.Timer: // the pause after a failed accept
			s.port.Submit(op.Value.(*ops.Accept))
		case *stop:
			s.stop()
		case *cutOff:
			s.close()
		}
	}
}

func (s *handServer) accept(op *ops.Accept) {
	switch err := op.Err(); {
	case err == nil && s.stopping:
		op.Conn.Close()
	case err == nil:
		s.connect(op.Conn)
		s.port.Submit(op)
	case !errors.Is(err, net.ErrClosed):
		fmt.Fprintf(&s.warner, "%v; trying again every %v", err, acceptPause)
		s.port.Submit(&ops.Timer{After: acceptPause, Op: completion.Op{Value: op}})
	}
}

// stop accepts no more connections, and closes those that have no request: their reads are
// cancelled, which loses nothing. If a request has come first, the read ends with it. The
// others end behind their next answer.
func (s *handServer) stop() {
	s.stopping = true
	s.listener.Close()
	for c := range s.connections {
		if c.isIdle() {
			s.port.Cancel(&c.read)
		}
	}
	s.port.Submit(&cutOff{ops.Timer{After: s.timeout}})
	s.closeIfDone()
}

// closeIfDone closes the port when the last connection of a server that is to stop has
// ended.
func (s *handServer) closeIfDone() {
	if s.stopping && len(s.connections) == 0 {
		s.close()
	}
}

// close ends everything. What is in flight is delivered with net.ErrClosed.
func (s *handServer) close() {
	if s.port.Close() != nil {
		return
	}
	var err error
	cut := 0
	for c := range s.connections {
		if !c.closing {
			cut++
		}
	}
	if cut > 0 {
		err = fmt.Errorf("%d connections", cut)
	}
	s.served <- err
}

// drain tells the loop to stop, and waits until it has closed the port.
func (s *handServer) drain() error {
	s.port.Submit(new(stop))
	return <-s.served
}

// report prints the numbers of the server.
func (s *handServer) report(w io.Writer, drained error) {
	s.counts.report(w, drained)
	reportPort(w, s.port, s.inputs.Lent()+s.answers.Lent())
}
