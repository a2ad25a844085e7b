package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/completionport/completion"
	"github.com/completionport/completion/bench/internal/stat"
)

// world is everything there is.
type world struct {
	settings
	out io.Writer

	server       *server
	serverPort   *completion.Port
	clientPort   *completion.Port
	serverFaults *saboteur
	clientFaults *saboteur
	records      registry
	loops        sync.WaitGroup // that dequeue for clients

	stopping atomic.Bool
	failure  atomic.Pointer[error]
	window   window

	opened, messages, bytes atomic.Uint64
	disturbances, lost      atomic.Uint64
	// How often an operation was cut short half-way.
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

// p99 empties the window.
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

// err is what went wrong, if anything did.
func (w *world) err() error {
	if err := w.failure.Load(); err != nil {
		return *err
	}
	return nil
}

// judge decides whether a connection may end with err: it may if it was
// disturbed, and one that a fault has hit is from here on.
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
	for range 2 {
		w.loops.Go(func() {
			for op := range w.clientPort.Completions(context.Background()) {
				report(op)
			}
		})
	}
	w.server, err = startServer(w, w.serverPort)
	return err
}

// close closes both ports and checks that they are at rest.
func (w *world) close() error {
	var errs []error
	for _, port := range []*completion.Port{w.clientPort, w.serverPort} {
		if port == nil {
			continue
		}
		errs = append(errs, port.Close())
	}
	w.loops.Wait()
	if w.server != nil {
		w.server.ended.Wait()
		if n := w.server.pool.Lent(); n != 0 {
			errs = append(errs, fmt.Errorf("%d buffers were not given back", n))
		}
		errs = append(errs, atRest("server", w.serverPort), atRest("client", w.clientPort))
	}
	return errors.Join(errs...)
}

func atRest(name string, port *completion.Port) error {
	s := port.Stats()
	if s.Submitted != s.Completed || s.InFlight != 0 || s.Queued != 0 || s.Slots != 0 || s.Handles != 0 {
		return fmt.Errorf("the %s's port is not at rest: %+v", name, s)
	}
	return nil
}

// patience is how long nothing may happen.
const patience = time.Minute

// live lets connections live for d. each is called ten times meanwhile. When
// live returns, all of them are closed on both sides.
func (w *world) live(d time.Duration, each func(part int)) error {
	w.stopping.Store(false)
	var clients sync.WaitGroup
	for i := range w.settings.connections {
		clients.Go(w.newClient(i).run)
	}
	began, moved, messages := time.Now(), time.Now(), w.messages.Load()
	for part := 1; part <= 10 && !w.stopping.Load(); {
		time.Sleep(min(d/10, 50*time.Millisecond))
		if n := w.messages.Load(); n != messages {
			moved, messages = time.Now(), n
		}
		if time.Since(moved) > patience {
			return w.stuck("no message came back")
		}
		if time.Since(began) >= d*time.Duration(part)/10 {
			each(part)
			part++
		}
	}
	w.stopping.Store(true)
	return w.end(&clients)
}

// end waits until all connections are closed.
func (w *world) end(clients *sync.WaitGroup) error {
	ended := make(chan struct{})
	go func() {
		clients.Wait()
		close(ended)
	}()
	select {
	case <-ended:
	case <-time.After(patience):
		return w.stuck("a connection does not end")
	}
	// A connection may still be on its way through the backlog.
	for quiet, began := 0, time.Now(); quiet < 20; quiet++ {
		time.Sleep(5 * time.Millisecond)
		if w.serverPort.Stats().Handles != listeners || w.clientPort.Stats().InFlight != 0 {
			quiet = 0
		}
		if time.Since(began) > patience {
			return w.stuck("the server keeps connections that are over")
		}
	}
	return w.err()
}

// stuck says where everything stands.
func (w *world) stuck(what string) error {
	stacks := make([]byte, 4<<20)
	fmt.Fprintf(os.Stderr, "server %+v\nclient %+v\n%s\n", w.serverPort.Stats(), w.clientPort.Stats(), stacks[:runtime.Stack(stacks, true)])
	if err := w.err(); err != nil {
		return fmt.Errorf("%w; and then %s for %v", err, what, patience)
	}
	return fmt.Errorf("%s for %v", what, patience)
}
