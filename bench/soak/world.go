package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/completionport/completion"
	"github.com/completionport/completion/bench/internal/stat"
)

// world is the state of a run.
type world struct {
	settings
	out io.Writer

	server       *server
	serverPort   *completion.Port
	clientPort   *completion.Port
	serverFaults *saboteur
	clientFaults *saboteur
	records      registry
	loops        sync.WaitGroup // of the loops that dequeue for clients

	// The port of a Memory, on which it is known how many datagrams are lost.
	network    completion.Memory
	memoryPort *completion.Port
	memoryRoom *mailroom
	mail       mail
	papers     papers
	folder     string           // of files
	blocks     *completion.Pool // of reads of files

	stopping atomic.Bool
	failure  atomic.Pointer[error]
	window   window

	goroutines int // before there is any connection

	opened, messages, bytes atomic.Uint64
	disturbances, lost      atomic.Uint64
	// How often an operation was cut short after some of its bytes.
	readsResumed, writesResumed atomic.Uint64
}

// window holds the latencies since the last report.
type window struct {
	mu        sync.Mutex
	latencies stat.Histogram
}

func (w *window) record(d time.Duration) {
	w.mu.Lock()
	w.latencies.Record(d)
	w.mu.Unlock()
}

// p99 returns the 99th percentile, and empties the window.
func (w *window) p99() time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	defer w.latencies.Reset()
	return w.latencies.Quantile(0.99)
}

// fail notes the first error and stops the clients.
func (w *world) fail(err error) {
	w.failure.CompareAndSwap(nil, &err)
	w.stopping.Store(true)
}

// err returns the first error, or nil.
func (w *world) err() error {
	if err := w.failure.Load(); err != nil {
		return *err
	}
	return nil
}

// judge decides whether a connection may end with err: it may if it was disturbed. A
// connection that a fault has hit counts as disturbed from here on.
func (w *world) judge(r *record, what string, err error) {
	switch {
	case w.faults > 0 && isOneOf(err, lost):
		r.disturbed.Store(true)
		w.lost.Add(1)
	case r.disturbed.Load() && isOneOf(err, followUps):
	default:
		w.fail(fmt.Errorf("%v: %s: %w, though nothing disturbed it", r, what, err))
	}
}

// open opens both ports.
func (w *world) open() (err error) {
	w.serverFaults = newSaboteur(float64(w.faults), mix(w.seed), true)
	w.clientFaults = newSaboteur(float64(w.faults), mix(w.seed+1), false)
	if w.serverPort, err = w.serverFaults.open(); err != nil {
		return err
	}
	if w.clientPort, err = w.clientFaults.open(); err != nil {
		return err
	}
	if w.folder, err = os.MkdirTemp("", "soak"); err != nil {
		return err
	}
	w.blocks = w.clientPort.NewPool(blockSize, workers)
	for range 2 {
		w.loops.Go(func() {
			for op := range w.clientPort.Completions(context.Background()) {
				report(op)
			}
		})
	}
	if err = w.openMemory(); err != nil {
		return err
	}
	w.server, err = startServer(w, w.serverPort)
	w.goroutines = runtime.NumGoroutine()
	return err
}

// openMemory opens the port of the Memory.
func (w *world) openMemory() (err error) {
	if w.memoryPort, err = completion.Open(&completion.Config{Memory: &w.network}); err != nil {
		return err
	}
	w.memoryRoom, err = startMailroom(w, w.memoryPort, func(uintptr) {}, w.loops.Go)
	w.loops.Go(func() {
		for op := range w.memoryPort.Completions(context.Background()) {
			switch op.(type) {
			case *incoming, *outgoing:
				w.memoryRoom.handle(op)
			default:
				report(op)
			}
		}
	})
	return err
}

// close closes the ports and checks that they are at rest.
func (w *world) close() error {
	var errs []error
	for _, port := range []*completion.Port{w.clientPort, w.serverPort, w.memoryPort} {
		if port == nil {
			continue
		}
		errs = append(errs, port.Close())
	}
	w.loops.Wait()
	if w.server != nil {
		w.server.ended.Wait()
		for _, pool := range []*completion.Pool{w.server.pool, w.server.mailroom.buffers, w.memoryRoom.buffers, w.blocks} {
			if n := pool.Lent(); n != 0 {
				errs = append(errs, fmt.Errorf("%d buffers were not given back", n))
			}
		}
		errs = append(errs, atRest("server", w.serverPort), atRest("client", w.clientPort), atRest("memory", w.memoryPort))
	}
	errs = append(errs, os.Remove(w.folder)) // the clerks have removed their files
	return errors.Join(errs...)
}

func atRest(name string, port *completion.Port) error {
	s := port.Stats()
	if s.Submitted != s.Completed || s.InFlight != 0 || s.Queued != 0 || s.Handles != 0 {
		return fmt.Errorf("the %s's port is not at rest: %+v", name, s)
	}
	return nil
}

// limitBuffers sets the sizes of a socket's buffers, if there is a setting.
func (w *world) limitBuffers(socket *completion.Socket) {
	if w.buffer > 0 {
		socket.SetReadBuffer(w.buffer)
		socket.SetWriteBuffer(w.buffer)
	}
}

// patience is how long a run may make no progress.
const patience = 2 * time.Minute

// calm measures how long there has been no progress.
type calm struct {
	w     *world
	moved time.Time
	ended uint64 // operations of both ports
}

// tooLong reports whether there was no progress for longer than patience. It must be
// called repeatedly.
func (c *calm) tooLong() bool {
	ended := c.w.serverPort.Stats().Completed + c.w.clientPort.Stats().Completed + c.w.memoryPort.Stats().Completed
	if ended != c.ended || c.moved.IsZero() {
		c.moved, c.ended = time.Now(), ended
	}
	return time.Since(c.moved) > patience
}

// live runs connections for d. It calls each ten times meanwhile. When live returns, all
// connections are closed on both sides.
func (w *world) live(d time.Duration, each func(part int)) error {
	w.stopping.Store(false)
	var clients sync.WaitGroup
	for i := range w.settings.connections {
		clients.Go(w.newClient(i).run)
	}
	w.startOthers(&clients)
	began, quiet := time.Now(), calm{w: w}
	for part := 1; part <= 10 && !w.stopping.Load(); {
		time.Sleep(min(d/10, 50*time.Millisecond))
		if quiet.tooLong() {
			return w.stuck("no operation ended")
		}
		if time.Since(began) >= d*time.Duration(part)/10 {
			each(part)
			part++
		}
	}
	w.stopping.Store(true)
	return w.end(&clients)
}

// startOthers starts what uses datagrams and files.
func (w *world) startOthers(clients *sync.WaitGroup) {
	n := max(w.settings.connections/64, mailSockets)
	for i := range n {
		clients.Go(w.newMailer(w.clientPort, i, w.server.mailroom.addresses[i%mailSockets]).run)
	}
	for i, to := range w.memoryRoom.addresses {
		m := w.newMailer(w.memoryPort, n+i, to) // the only one that sends there
		m.lose = func(times int) { w.network.Lose("udp4", to.String(), times) }
		clients.Go(m.run)
	}
	for i := range max(w.settings.connections/256, 2) {
		clients.Go(w.newClerk(i).run)
	}
}

// end waits until all connections are closed.
func (w *world) end(clients *sync.WaitGroup) error {
	ended := make(chan struct{})
	go func() {
		clients.Wait()
		close(ended)
	}()
	closed := func() bool {
		select {
		case <-ended:
			return true
		default:
			return false
		}
	}
	if !w.until(closed) {
		return w.stuck("a connection does not end")
	}
	if err := w.flush(); err != nil {
		return err
	}
	if !w.until(w.empty) {
		return w.stuck("the server keeps connections that are over")
	}
	return w.err()
}

// until waits for a state that must come, and reports whether it came. It stops waiting
// when there is no progress.
func (w *world) until(reached func() bool) bool {
	for quiet := (calm{w: w}); !reached(); time.Sleep(time.Millisecond) {
		if quiet.tooLong() {
			return false
		}
	}
	return true
}

// flush returns when the server has accepted every connection in its backlogs: on each
// listener it waits until a later connection is echoed.
func (w *world) flush() error {
	for _, address := range w.server.addresses {
		for !w.echoes(address) { // a fault may hit it
			if err := w.err(); err != nil {
				return err
			}
		}
	}
	return nil
}

// echoes sends the header of a stream that no client uses, over a connection of package
// net, and reports whether it comes back.
func (w *world) echoes(address net.Addr) bool {
	conn, err := net.Dial(address.Network(), address.String())
	if err != nil {
		w.fail(fmt.Errorf("the server takes no more connections: %w", err))
		return false
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(patience))
	var there, back [header]byte
	if _, err = conn.Write(there[:]); err == nil {
		_, err = io.ReadFull(conn, back[:])
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		w.fail(fmt.Errorf("the server echoes nothing: %w", err))
	}
	return err == nil && back == there
}

// empty reports whether all connections are closed, and the goroutines that served them
// have ended.
func (w *world) empty() bool {
	return w.serverPort.Stats().Handles == listeners+mailSockets && w.clientPort.Stats().Handles == 0 &&
		w.memoryPort.Stats().Handles == mailSockets && w.blocks.Lent() == 0 &&
		w.clientPort.Stats().InFlight == 0 && runtime.NumGoroutine() <= w.goroutines
}

// stuck returns an error with the state of everything.
func (w *world) stuck(what string) error {
	stacks := make([]byte, 4<<20)
	fmt.Fprintf(os.Stderr, "server %+v\nclient %+v\n%s\n", w.serverPort.Stats(), w.clientPort.Stats(), stacks[:runtime.Stack(stacks, true)])
	if err := w.err(); err != nil {
		return fmt.Errorf("%w; and then %s for %v", err, what, patience)
	}
	return fmt.Errorf("%s for %v", what, patience)
}
