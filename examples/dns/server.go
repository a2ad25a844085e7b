package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/completionport/completion"
	"github.com/completionport/completion/ops"
)

// After a failed Accept there is a pause instead of a spin: the next Accept would also
// fail until a descriptor is closed.
const acceptPause = 100 * time.Millisecond

// patience is how long an answer may wait for room in the system.
const patience = time.Second

// readBuffer is the room for queries in the system, which come in bursts. The system may give
// less.
const readBuffer = 1 << 20

// counts are what a server of either style counts.
type counts struct{ datagrams, unsent, accepted, failed, queries atomic.Int64 }

func (c *counts) report(w io.Writer, drained error) {
	end := "all written"
	if drained != nil {
		end = "cut short: " + drained.Error()
	}
	fmt.Fprintf(w, "stopped, %s\n  UDP          %d answers, %d not sent\n  TCP          %d connections, %d failed, %d answers\n",
		end, c.datagrams.Load(), c.unsent.Load(), c.accepted.Load(), c.failed.Load(), c.queries.Load())
}

// server is the server on a port. A delivered operation, and the turn or connection that it is
// a part of, belong to the goroutine that received it, until it is submitted again.
type server struct {
	options
	counts
	*zone
	port     *completion.Port
	socket   *completion.PacketSocket
	listener *completion.Listener
	inputs   *completion.Pool
	answers  *completion.Pool
	stderr   io.Writer
	warning  sync.Once
}

func openPort(o options, z *zone, stderr io.Writer) (*server, error) {
	port, err := completion.Open(&completion.Config{Backend: o.backend})
	if err != nil {
		return nil, err
	}
	s, err := newServer(o, z, port, stderr)
	if err != nil {
		port.Close()
	}
	return s, err
}

// newServer returns a server on a port, which may be one on a Memory.
func newServer(o options, z *zone, port *completion.Port, stderr io.Writer) (*server, error) {
	s := &server{options: o, zone: z, port: port, stderr: stderr,
		inputs: port.NewPool(inputSize, poolCount), answers: port.NewPool(answerSize, poolCount)}
	err := onBoth(o.address, func(address string) (_ io.Closer, _ net.Addr, err error) {
		if s.listener, err = port.Listen("tcp", address); err != nil {
			return nil, nil, err
		}
		return s.listener, s.listener.Addr(), nil
	}, func(address string) (err error) {
		s.socket, err = port.ListenPacket("udp", address)
		return err
	})
	if err == nil {
		err = s.socket.SetReadBuffer(readBuffer)
	}
	return s, err
}

// onBoth listens on TCP, and then on UDP at the same port. If the system chooses the port for
// TCP, that of UDP may be taken: then it chooses again.
func onBoth(address string, onTCP func(string) (io.Closer, net.Addr, error), onUDP func(string) error) error {
	const tries = 100
	_, port, _ := net.SplitHostPort(address)
	for try := 1; ; try++ {
		listener, addr, err := onTCP(address)
		if err != nil {
			return err
		}
		if err = onUDP(addr.String()); err == nil {
			return nil
		}
		listener.Close()
		if port != "0" || try == tries {
			return err
		}
	}
}

func (s *server) addr() net.Addr { return s.socket.LocalAddr() }
func (s *server) name() string   { return s.port.Backend() }

// serve answers on the configured number of goroutines, until the port is closed and
// everything was delivered.
func (s *server) serve() {
	s.port.Submit(&ops.Accept{On: s.listener})
	for range 2 * s.workers { // while one turn is answered, another receives
		s.newTurn()
	}
	var workers sync.WaitGroup
	for range s.workers {
		workers.Go(s.work)
	}
	workers.Wait()
}

// work handles completions. Other goroutines may do so at the same time.
func (s *server) work() {
	for op := range s.port.Completions(context.Background()) {
		switch op := op.(type) {
		case *ops.ReadBatch:
			op.Value.(*turn).received()
		case *ops.WriteBatch:
			op.Value.(*turn).sent()
		case *ops.Read:
			op.Value.(*connection).received()
		case *ops.Write:
			op.Value.(*connection).sent()
		case *ops.Accept:
			s.accept(op)
		case *ops.Timer: // the pause after a failed accept
			s.port.Submit(op.Value.(*ops.Accept))
		}
	}
}

func (s *server) accept(op *ops.Accept) {
	switch err := op.Err(); {
	case err == nil:
		s.connect(op.Conn)
		s.port.Submit(op)
	case !errors.Is(err, net.ErrClosed):
		s.warning.Do(func() { fmt.Fprintf(s.stderr, "dns: %v; trying again every %v\n", err, acceptPause) })
		s.port.Submit(&ops.Timer{After: acceptPause, Op: completion.Op{Value: op}})
	}
}

// drain sends the answers that are there, and closes the port.
func (s *server) drain() error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return s.port.Shutdown(ctx)
}

// report prints the numbers of the server.
func (s *server) report(w io.Writer, drained error) {
	s.counts.report(w, drained)
	st := s.port.Stats()
	fmt.Fprintf(w, `  operations   %d submitted, %d completed, %d in flight, %d queued
  resources    %d handles, %d buffers lent
`, st.Submitted, st.Completed, st.InFlight, st.Queued, st.Handles, s.inputs.Lent()+s.answers.Lent())
}
