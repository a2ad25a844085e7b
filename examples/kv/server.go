package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"github.com/completionport/completion"
	"github.com/completionport/completion/ops"
)

// The pools limit the memory for input that was read and not handled, and for most of the
// answers. No connection has to wait for an answer's buffer: see connection.respond.
const (
	inputSize, inputCount   = 16 << 10, 512
	answerSize, answerCount = 16 << 10, 512
)

const (
	// After a failed Accept there is a pause instead of a spin: the next Accept would also
	// fail until a descriptor is closed.
	acceptPause  = 100 * time.Millisecond
	warningEvery = time.Minute

	sweepEvery = 100 * time.Millisecond
	// A sweep is as short as other handlers. If there is more to remove, the next one is
	// soon.
	sweepMost = 1000
)

// server is a server of either style.
type server interface {
	addr() net.Addr
	name() string
	serve()       // returns when drain has closed everything
	drain() error // takes about as long as the timeout at most
	report(w io.Writer, drained error)
	closeTrace() error
}

// queueServer is a server on a port.
type queueServer struct {
	options
	*shared
	warner
	port           *completion.Port
	listener       *completion.Listener
	input, answers *completion.Pool

	// draining is held for reading from before requests are executed until their answers
	// are queued. So a request that was executed is answered: Shutdown accepts no new
	// writes, but performs those that are queued.
	draining sync.RWMutex
	drained  bool
}

func openQueue(o options, stderr io.Writer) (*queueServer, error) {
	port, err := completion.Open(&completion.Config{Backend: o.backend, Observer: o.trace.Observer()})
	if err != nil {
		return nil, err
	}
	listener, err := port.Listen("tcp", o.address)
	if err != nil {
		port.Close()
		return nil, err
	}
	return newQueue(o, port, listener, stderr), nil
}

// newQueue returns a server for a port, which may be one on a Memory.
func newQueue(o options, port *completion.Port, listener *completion.Listener, stderr io.Writer) *queueServer {
	s := &queueServer{
		options: o, shared: newShared(), warner: warner{stderr: stderr},
		port: port, listener: listener,
		input:   port.NewPool(inputSize, inputCount),
		answers: port.NewPool(answerSize, answerCount),
	}
	op := &sweep{ops.Timer{After: sweepEvery}}
	s.store.startSweeps = func() { port.Submit(op) }
	return s
}

func (s *queueServer) addr() net.Addr { return s.listener.Addr() }
func (s *queueServer) name() string   { return s.port.Backend() }

// serve serves on the configured number of goroutines, until the port is closed and
// everything was delivered.
func (s *queueServer) serve() {
	// The only error of Submit is a closed port. Then there is no client to wait for.
	s.port.Submit(&ops.Accept{On: s.listener})
	var workers sync.WaitGroup
	for range s.workers {
		workers.Go(s.work)
	}
	workers.Wait()
}

// pause is what a failed Accept waits for.
type pause struct {
	ops.Timer
	accept *ops.Accept
}

// sweep removes keys that have expired, and that nobody uses any more. It is in flight as
// long as there are keys that expire. Without any, the server does not wake up.
type sweep struct{ ops.Timer }

// work handles completions. Other goroutines may do so at the same time. This goroutine
// owns an operation that was delivered to it, and the connection of that operation, until
// it submits an operation of the connection.
func (s *queueServer) work() {
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
		case *pause:
			s.port.Submit(op.accept)
		case *sweep:
			s.sweep(op)
		}
	}
}

func (s *queueServer) accept(op *ops.Accept) {
	switch err := op.Err(); {
	case err == nil:
		s.connect(op.Conn)
		s.port.Submit(op)
	case !errors.Is(err, net.ErrClosed):
		s.warn(err)
		s.port.Submit(&pause{ops.Timer{After: acceptPause}, op})
	}
}

// sweep handles a sweep. Once store.sweep has returned false, another worker may have
// submitted op again.
func (s *queueServer) sweep(op *sweep) {
	n, again := s.store.sweep(sweepMost)
	s.expired.Add(int64(n))
	if again {
		op.After = sweepPause(n)
		s.port.Submit(op)
	}
}

// sweepPause is the time between a sweep that has removed n keys and the next one.
func sweepPause(n int) time.Duration {
	if n == sweepMost {
		return sweepEvery / 100
	}
	return sweepEvery
}

// drain performs the queued writes and closes the port.
func (s *queueServer) drain() error {
	s.draining.Lock()
	s.drained = true
	s.draining.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), s.timeout)
	defer cancel()
	return s.port.Shutdown(ctx)
}

// report prints the numbers of the server.
func (s *queueServer) report(w io.Writer, drained error) {
	s.shared.report(w, drained)
	st := s.port.Stats()
	fmt.Fprintf(w, `  operations   %d submitted, %d completed, %d in flight, %d queued
  resources    %d handles, %d buffers lent
`, st.Submitted, st.Completed, st.InFlight, st.Queued, st.Handles, s.input.Lent()+s.answers.Lent())
}

// report prints the numbers that a server of any style has.
func (s *shared) report(w io.Writer, drained error) {
	end := "all written"
	if drained != nil {
		end = "cut short: " + drained.Error()
	}
	keys, _ := s.store.size()
	fmt.Fprintf(w, `stopped, %s
  connections  %d accepted, %d failed, %d open
  requests     %d executed
  store        %d keys
`, end, s.accepted.Load(), s.failed.Load(), s.connected.Load(), s.executed.Load(), keys)
}

// warner prints, at most once in a while, that clients can't be accepted.
type warner struct {
	stderr io.Writer
	mu     sync.Mutex
	warned time.Time // guarded by mu
}

func (w *warner) warn(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if now := time.Now(); now.Sub(w.warned) > warningEvery {
		w.warned = now
		fmt.Fprintf(w.stderr, "kv: %v; trying again every %v\n", err, acceptPause)
	}
}
