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
)

// The pools limit the memory for data in progress: to 64 MiB for each port with buffers of
// the default size, whatever the number of clients.
const bufferCount = 1024

// After a failed Accept there is a pause instead of a spin: the next Accept would also
// fail until a descriptor is closed.
const (
	acceptPause  = 100 * time.Millisecond
	warningEvery = time.Minute
)

// server is the state that all shards share. Their goroutines use it at the same time.
type server struct {
	options
	shards []*shard
	stderr io.Writer

	warning sync.Mutex
	warned  time.Time // guarded by warning

	accepted, failed, echoed atomic.Int64
}

// shard is a port with its listener and pool. A connection stays on its port.
type shard struct {
	*server
	port     *completion.Port
	listener *completion.Listener
	pool     *completion.Pool
}

// listen opens the shards, all on one address, or none of them.
func (s *server) listen() error {
	address := s.address
	for range s.ports {
		next, err := s.openShard(address)
		if err != nil {
			for _, sh := range s.shards {
				sh.port.Close()
			}
			return err
		}
		s.shards = append(s.shards, next)
		address = next.listener.Addr().String() // the system may have chosen the port number
	}
	return nil
}

// openShard opens a port and its listener. Several listeners share an address with
// ReusePort. A single listener does not use ReusePort, so that the system refuses a second
// server on its address.
func (s *server) openShard(address string) (*shard, error) {
	port, err := completion.Open(&completion.Config{Backend: s.backend, Observer: s.trace.Observer()})
	if err != nil {
		return nil, err
	}
	config := completion.ListenConfig{ReusePort: s.ports > 1}
	listener, err := config.Listen(port, "tcp", address)
	if err != nil {
		port.Close()
		return nil, s.explain(err)
	}
	return &shard{s, port, listener, port.NewPool(s.buffer, bufferCount)}, nil
}

// explain adds advice to the error of systems without ReusePort.
func (s *server) explain(err error) error {
	if s.ports > 1 && errors.Is(err, errors.ErrUnsupported) {
		return fmt.Errorf("-ports %d: this system does not spread connections over several listeners, use -workers: %w", s.ports, err)
	}
	return err
}

// serve serves all shards until their ports are closed.
func (s *server) serve() {
	var serving sync.WaitGroup
	for _, sh := range s.shards {
		serving.Go(func() { styles[s.style](sh) })
	}
	serving.Wait()
}

// drain performs the queued writes and closes the ports. It takes at most the timeout of a
// write.
func (s *server) drain() error {
	ctx, cancel := context.WithTimeout(context.Background(), s.timeout)
	defer cancel()
	ended := make(chan error)
	for _, sh := range s.shards {
		go func() { ended <- sh.port.Shutdown(ctx) }()
	}
	var first error
	for range s.shards {
		if err := <-ended; first == nil {
			first = err
		}
	}
	return first
}

// hangUp closes a connection, and counts it if it ended with an error. After a regular end
// the echoed bytes still reach the client.
func (s *server) hangUp(socket *completion.Socket, why error) {
	if !errors.Is(why, io.EOF) && !errors.Is(why, net.ErrClosed) {
		s.failed.Add(1)
		// Otherwise the system would keep the bytes that the client never reads.
		socket.SetResetOnClose(true)
	}
	socket.Close()
}

// warn prints, at most once in a while, that clients can't be accepted.
func (s *server) warn(err error) {
	s.warning.Lock()
	defer s.warning.Unlock()
	if now := time.Now(); now.Sub(s.warned) > warningEvery {
		s.warned = now
		fmt.Fprintf(s.stderr, "echo: %v; trying again every %v\n", err, acceptPause)
	}
}

// report prints the numbers of the server.
func (s *server) report(w io.Writer, drained error) {
	end := "all written"
	if drained != nil {
		end = "cut short: " + drained.Error()
	}
	st, lent := s.total()
	fmt.Fprintf(w, `stopped, %s
  connections  %d accepted, %d failed
  echoed       %d bytes
  operations   %d submitted, %d completed, %d in flight, %d queued
  resources    %d handles, %d buffers lent
  poller       %d polls, %d wakes, %d stale events
`, end, s.accepted.Load(), s.failed.Load(), s.echoed.Load(),
		st.Submitted, st.Completed, st.InFlight, st.Queued,
		st.Handles, lent, st.Polls, st.Wakes, st.Stale)
}

// total returns the sums of the ports' Stats, and of the lent buffers of their pools.
func (s *server) total() (sum completion.Stats, lent int) {
	for _, sh := range s.shards {
		st := sh.port.Stats()
		sum.Submitted += st.Submitted
		sum.Completed += st.Completed
		sum.InFlight += st.InFlight
		sum.Queued += st.Queued
		sum.Handles += st.Handles
		sum.Polls += st.Polls
		sum.Wakes += st.Wakes
		sum.Stale += st.Stale
		lent += sh.pool.Lent()
	}
	return sum, lent
}
