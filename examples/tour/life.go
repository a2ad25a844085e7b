package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/completionport/completion"
	"github.com/completionport/completion/ops"
)

// diary collects the events that the port reports to its observer.
type diary struct {
	mu     sync.Mutex
	events []completion.Event
	asleep chan bool // gets a value when the port goes to sleep
}

func (d *diary) note(e completion.Event) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.events = append(d.events, e)
	if e.Step == completion.StepAsleep {
		select {
		case d.asleep <- true:
		default:
		}
	}
}

// len returns the number of events.
func (d *diary) len() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.events)
}

// from returns the events behind the given number of first ones, in the order of their
// times.
func (d *diary) from(first int) []completion.Event {
	d.mu.Lock()
	defer d.mu.Unlock()
	events := slices.Clone(d.events[first:])
	slices.SortStableFunc(events, func(a, b completion.Event) int { return cmp.Compare(a.Time, b.Time) })
	return events
}

// lifeOfARead makes a read wait for a message, and prints what happened.
func lifeOfARead(w io.Writer) error {
	d := diary{asleep: make(chan bool, 1)}
	port, err := completion.Open(&completion.Config{Observer: d.note})
	if err != nil {
		return err
	}
	defer port.Close()
	conn, peer, err := connect(port)
	if err != nil {
		return err
	}
	defer peer.Close()
	ctx := context.Background()

	// This read fills its buffer to the last byte. There could be more data, so the next
	// read makes a call at once.
	peer.Write([]byte("hello"))
	read := &ops.Read{From: conn, Buf: completion.Own(make([]byte, 5))}
	if err := port.Await(ctx, read); err != nil {
		return err
	}

	select { // it may have gone to sleep before
	case <-d.asleep:
	default:
	}
	first, begin := d.len(), completion.After(0)
	read.Buf.Set(make([]byte, 64))
	if err := port.Submit(read); err != nil {
		return err
	}
	go func() {
		<-d.asleep
		peer.Write([]byte("how are you?"))
	}()
	op, err := port.Next(ctx)
	if err != nil {
		return err
	}
	if op != completion.Operation(read) || read.Err() != nil {
		return fmt.Errorf("read: %w", read.Err())
	}

	fmt.Fprintf(w, "The life of one read on %s, as the port reports it to an Observer:\n\n", port.Backend())
	for _, e := range d.from(first) {
		if told := tell(e); told != "" {
			fmt.Fprintf(w, "  %9.1f µs  %-10s %s\n", micros(e.Time.Sub(begin)), e.Step, told)
		}
	}
	fmt.Fprintf(w, "\n  and the program has %q.\n", read.Buf.Bytes())
	return nil
}

// connect returns a socket of the port and its peer.
func connect(port *completion.Port) (*completion.Socket, net.Conn, error) {
	l, err := port.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, nil, err
	}
	defer l.Close()
	peer, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		return nil, nil, err
	}
	accept := &ops.Accept{On: l}
	if err := port.Await(context.Background(), accept); err != nil {
		peer.Close()
		return nil, nil, err
	}
	return accept.Conn, peer, nil
}

// tell returns a text that explains a step.
func tell(e completion.Event) string {
	switch e.Step {
	case completion.StepSubmitted:
		return "the port owns the read and its buffer now"
	case completion.StepCalled:
		if errors.Is(e.Err, syscall.EAGAIN) {
			return fmt.Sprintf("the read would block (a call of %.1f µs)", micros(e.Took))
		}
		return fmt.Sprintf("the read returned %d bytes (a call of %.1f µs)", e.N, micros(e.Took))
	case completion.StepParked:
		return "it waits in its queue, and holds no goroutine"
	case completion.StepAsleep:
		return "Next found no completion: it sleeps in the poller"
	case completion.StepAwake:
		return fmt.Sprintf("the poller returned (events: %d)", e.N)
	case completion.StepReady:
		return fmt.Sprintf("descriptor %d is ready", e.FD)
	case completion.StepCompleted:
		return "the read has its outcome"
	case completion.StepDequeued:
		return "Next delivers it: the program owns read and buffer"
	}
	return ""
}

func micros(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }
