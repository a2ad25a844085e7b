package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"github.com/completionport/completion"
	"github.com/completionport/completion/ops"
)

// The pools limit the memory for input that was read and not parsed, and for most of the heads
// of answers. No connection has to wait for a head's buffer: see connection.send.
const (
	mostHead  = 8 << 10 // bytes of a request
	headSize  = 512     // bytes of the head of an answer, mostly
	poolCount = 256
)

// After a failed Accept there is a pause instead of a spin: the next Accept would also
// fail until a descriptor is closed.
const acceptPause = 100 * time.Millisecond

// server is the server on a port. Only the goroutine of serve uses its connections.
type server struct {
	options
	counts
	root        *os.Root
	stderr      io.Writer
	warned      bool
	port        *completion.Port
	listener    *completion.Listener
	inputs      *completion.Pool
	heads       *completion.Pool
	parser      *bufio.Reader // for one request at a time
	connections map[*connection]struct{}
	stopping    bool
	served      chan error // how the server has ended
}

// stop tells the loop that the server is to stop.
type stop struct{ ops.Post }

// cutOff ends when the connections that are still there must end.
type cutOff struct{ ops.Timer }

func openPort(o options, root *os.Root, stderr io.Writer) (*server, error) {
	port, err := completion.Open(&completion.Config{Backend: o.backend})
	if err != nil {
		return nil, err
	}
	s, err := newServer(o, root, port, stderr)
	if err != nil {
		port.Close()
	}
	return s, err
}

// newServer returns a server for a port, which may be one on a Memory.
func newServer(o options, root *os.Root, port *completion.Port, stderr io.Writer) (*server, error) {
	listener, err := port.Listen("tcp", o.address)
	return &server{
		options: o, root: root, stderr: stderr, port: port, listener: listener,
		inputs:      port.NewPool(mostHead, poolCount),
		heads:       port.NewPool(headSize, poolCount),
		parser:      bufio.NewReader(nil),
		connections: make(map[*connection]struct{}),
		served:      make(chan error, 1),
	}, err
}

func (s *server) addr() net.Addr { return s.listener.Addr() }
func (s *server) name() string   { return s.port.Backend() }

// serve serves all connections, until the port is closed and everything was delivered.
func (s *server) serve() {
	s.port.Submit(&ops.Accept{On: s.listener})
	for op := range s.port.Completions(context.Background()) {
		switch op := op.(type) {
		case *ops.Read:
			op.Value.(*connection).received()
		case *ops.Work:
			op.Value.(*connection).found()
		case *ops.Write:
			op.Value.(*connection).sentHead()
		case *ops.SendFile:
			op.Value.(*connection).sent(op.Err())
		case *ops.CloseWrite:
			op.Value.(*connection).receive() // until the client ends, too: see ended
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
	s.root.Close()
}

func (s *server) accept(op *ops.Accept) {
	switch err := op.Err(); {
	case err == nil && s.stopping:
		op.Conn.Close()
	case err == nil:
		s.connect(op.Conn)
		s.port.Submit(op)
	case !errors.Is(err, net.ErrClosed):
		if !s.warned {
			s.warned = true
			fmt.Fprintf(s.stderr, "static: %v; trying again every %v\n", err, acceptPause)
		}
		s.port.Submit(&ops.Timer{After: acceptPause, Op: completion.Op{Value: op}})
	}
}

// stop accepts no more connections, and closes those that have no request: their reads are
// cancelled, which loses nothing. If a request has come first, the read ends with it. The
// others end behind their next answer.
func (s *server) stop() {
	s.stopping = true
	s.listener.Close()
	for c := range s.connections {
		if c.waiting {
			s.port.Cancel(&c.read)
		}
	}
	s.port.Submit(&cutOff{ops.Timer{After: s.timeout}})
	s.closeIfDone()
}

// closeIfDone closes the port when the last connection of a server that is to stop has
// ended.
func (s *server) closeIfDone() {
	if s.stopping && len(s.connections) == 0 {
		s.close()
	}
}

// close ends everything. What is in flight is delivered with net.ErrClosed.
func (s *server) close() {
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
func (s *server) drain() error {
	s.port.Submit(new(stop))
	return <-s.served
}

// report prints the numbers of the server.
func (s *server) report(w io.Writer, drained error) {
	s.counts.report(w, drained)
	st := s.port.Stats()
	fmt.Fprintf(w, `  operations   %d submitted, %d completed, %d in flight, %d queued
  resources    %d handles, %d buffers lent
`, st.Submitted, st.Completed, st.InFlight, st.Queued, st.Handles, s.inputs.Lent()+s.heads.Lent())
}
