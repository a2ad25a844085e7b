package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/completionport/completion"
	"github.com/completionport/completion/iotls"
	"github.com/completionport/completion/ops"
)

// The pool limits what the server reads before it writes: to 64 KiB, whatever the number of
// members that speak at once. Those that find the pool empty wait for their turn.
const (
	bufferSize  = 4 << 10
	bufferCount = 16
)

// Who comes and who goes is announced with the next line, or after this time: if each of
// ten thousand members were announced alone, that would be fifty million writes.
const announceAfter = time.Second

// mostUnsaid is the size in bytes at which a message waits for nothing more.
const mostUnsaid = 64 << 10

// After a failed Accept there is a pause instead of a spin: the next Accept would also
// fail until a descriptor is closed.
const (
	acceptPause  = 100 * time.Millisecond
	warningEvery = time.Minute
)

var errSlow = errors.New("the member is too slow")

// room is the state of the server. Only the goroutine of serve uses it.
type room struct {
	options
	config   *tls.Config // nil without -tls
	notice   string      // about its certificate
	port     *completion.Port
	listener *completion.Listener
	pool     *completion.Pool
	stderr   io.Writer
	warned   time.Time

	members map[*member]struct{} // all connections
	names   map[string]*member   // those that take part
	resting []*member            // those that have got all messages, among others
	spare   []*member            // memory for the next list of resting ones
	feed    *feed

	// The next message: who came, what is said, and who went.
	joined, left names
	unsaid       []byte

	flushing   bool // flushNow is in flight
	flushNow   flush
	announcing bool // flushLater is in flight
	flushLater announcement
	isStopping bool

	guests   int // members so far
	dropped  int // of these, those that were too slow or were reset
	said     int // lines
	cutShort int // members that were there when the server ended
}

// flush tells the loop to publish what was said.
type flush struct{ ops.Post }

// announcement is flush after a while.
type announcement struct{ ops.Timer }

// stopping tells the loop that the server is to stop.
type stopping struct{ ops.Post }

// cutOff ends when the members must be gone.
type cutOff struct{ ops.Timer }

// listen returns a room on a port.
func listen(port *completion.Port, o options) (*room, error) {
	listener, err := port.Listen("tcp", o.address)
	if err != nil {
		return nil, err
	}
	return &room{
		options: o, port: port, listener: listener, stderr: io.Discard,
		pool:    port.NewPool(bufferSize, bufferCount),
		members: make(map[*member]struct{}),
		names:   make(map[string]*member),
		feed:    newFeed(o.unsent),
	}, nil
}

// serve serves all members, until the port is closed and everything was delivered.
func (r *room) serve() {
	r.port.Submit(&ops.Accept{On: r.listener})
	for op := range r.port.Completions(context.Background()) {
		switch op := op.(type) {
		case *ops.Accept:
			r.accepted(op)
		case *iotls.Handshake:
			r.secured(op)
		case *ops.Timer: // the pause after a failed accept
			r.port.Submit(op.Value.(*ops.Accept))
		case *pause:
			op.member.hearOn()
		case *ops.Read:
			op.Value.(*member).received()
		case *ops.Write:
			op.Value.(*member).sent()
		case *ops.CloseWrite:
			op.Value.(*member).ended()
		case *flush:
			r.flushing = false
			r.flush()
		case *announcement:
			r.announcing = false
			r.flush()
		case *stopping:
			r.stop()
		case *cutOff:
			r.close()
		}
	}
}

func (r *room) accepted(accept *ops.Accept) {
	switch err := accept.Err(); {
	case err == nil && r.isStopping:
		accept.Conn.Close()
	case err == nil:
		r.admit(accept.Conn)
		r.port.Submit(accept)
	case !errors.Is(err, net.ErrClosed):
		r.warn(err)
		r.port.Submit(&ops.Timer{After: acceptPause, Op: completion.Op{Value: accept}})
	}
}

// publish makes sure that what was said is published. The Post is delivered behind the
// operations that are complete by now, so what they say goes into the same message. A
// member that reads all the time has ended its last write by then, and gets it at once.
func (r *room) publish() {
	if !r.flushing {
		r.flushing = r.port.Submit(&r.flushNow) == nil
	}
}

// announce makes sure that those who have come and gone are announced before long.
func (r *room) announce() {
	if !r.announcing {
		r.flushLater.After = announceAfter
		r.announcing = r.port.Submit(&r.flushLater) == nil
	}
}

// flush publishes what was said, and writes it to all members that have got the rest. The
// others get it after their writes.
func (r *room) flush() {
	if len(r.unsaid) == 0 && r.joined.count == 0 && r.left.count == 0 {
		return
	}
	if r.feed.isFull() {
		r.dropSlowest()
	}
	text := r.joined.appendTo(nil, "joined")
	text = append(text, r.unsaid...)
	text = r.left.appendTo(text, "left")
	r.unsaid = nil
	r.feed.publish(text)
	ready := r.resting
	r.resting = r.spare
	for _, m := range ready {
		m.isResting = false
		m.send()
	}
	clear(ready) // so that it keeps no member that has left
	r.spare = ready[:0]
}

// dropSlowest drops the members that still need the first message of a full feed.
func (r *room) dropSlowest() {
	first := r.feed.first
	for m := range r.members {
		if m.place == first {
			m.close(errSlow)
		}
	}
}

// stop accepts nobody any more, and lets all members leave.
func (r *room) stop() {
	r.listener.Close()
	r.unsaid = append(r.unsaid, "* the server stops\n"...)
	r.flush()
	r.isStopping = true
	for m := range r.members {
		m.leave()
	}
	r.port.Submit(&cutOff{ops.Timer{After: r.timeout}})
	r.closeIfDone()
}

// closeIfDone closes the port when the last member has left a room that is to stop.
func (r *room) closeIfDone() {
	if r.isStopping && len(r.members) == 0 {
		r.close()
	}
}

// close ends everything. What is in flight is delivered with net.ErrClosed.
func (r *room) close() {
	if r.port.Close() == nil {
		r.cutShort = len(r.members)
	}
}

// warn prints, at most once in a while, that members can't be accepted.
func (r *room) warn(err error) {
	if now := time.Now(); now.Sub(r.warned) > warningEvery {
		r.warned = now
		fmt.Fprintf(r.stderr, "chat: %v; trying again every %v\n", err, acceptPause)
	}
}

// report prints the numbers of the server.
func (r *room) report(w io.Writer) {
	end := "all written"
	if r.cutShort > 0 {
		end = fmt.Sprintf("cut short: %d members", r.cutShort)
	}
	st := r.port.Stats()
	fmt.Fprintf(w, `stopped, %s
  members      %d joined, %d dropped
  said         %d lines in %d messages
  operations   %d submitted, %d completed, %d in flight, %d queued
  resources    %d handles, %d buffers lent
  poller       %d polls, %d wakes, %d stale events
`, end, r.guests, r.dropped, r.said, r.feed.next,
		st.Submitted, st.Completed, st.InFlight, st.Queued,
		st.Handles, r.pool.Lent(), st.Polls, st.Wakes, st.Stale)
}
