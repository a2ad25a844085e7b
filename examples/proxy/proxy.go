package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/completionport/completion"
	"github.com/completionport/completion/ops"
)

// After a failed Accept there is a pause instead of a spin: the next Accept would also
// fail until a descriptor is closed.
const (
	acceptPause  = 100 * time.Millisecond
	warningEvery = time.Minute
)

// proxy is the state of the proxy. Only the goroutine of serve uses the counts.
type proxy struct {
	options
	port     *completion.Port
	listener *completion.Listener
	stderr   io.Writer

	dialing    context.Context // ends with the proxy
	stopDials  context.CancelFunc
	dialers    sync.WaitGroup
	warned     time.Time
	isStopping bool

	open     int // clients that are dialled for or served
	accepted int
	complete int // relays whose streams have both ended
	cut      int // relays that were reset
	lost     int // clients without a backend
	cutShort int // clients that were open when the proxy ended

	bytesUp, bytesDown int64 // of the relays that have ended
}

// stopping tells the loop that the proxy is to stop.
type stopping struct{ ops.Post }

// cutOff ends when the connections that are still open must end.
type cutOff struct{ ops.Timer }

// listen returns a proxy on a port.
func listen(port *completion.Port, o options) (*proxy, error) {
	listener, err := port.Listen("tcp", o.address)
	if err != nil {
		return nil, err
	}
	p := &proxy{options: o, port: port, listener: listener, stderr: io.Discard}
	p.dialing, p.stopDials = context.WithCancel(context.Background())
	return p, nil
}

// serve serves all clients, until the port is closed and everything was delivered.
func (p *proxy) serve() {
	p.port.Submit(&ops.Accept{On: p.listener})
	for op := range p.port.Completions(context.Background()) {
		switch op := op.(type) {
		case *ops.Accept:
			p.welcome(op)
		case *ops.Timer: // the pause after a failed accept
			p.port.Submit(op.Value.(*ops.Accept))
		case *dialed:
			p.connected(op)
		case *ops.Copy:
			op.Value.(*direction).copied()
		case *ops.CloseWrite:
			op.Value.(*direction).passedOn()
		case *stopping:
			p.stop()
		case *cutOff:
			p.close()
		}
	}
	p.dialers.Wait()
}

// welcome dials for a client. An error of SetResetOnClose means that the client is gone:
// then the first read tells.
func (p *proxy) welcome(accept *ops.Accept) {
	switch err := accept.Err(); {
	case err == nil:
		client, first := accept.Conn, p.accepted
		client.SetResetOnClose(true)
		p.accepted++
		p.open++
		p.dialers.Go(func() { p.dial(client, first) })
		p.port.Submit(accept)
	case !errors.Is(err, net.ErrClosed):
		p.warn(err)
		p.port.Submit(&ops.Timer{After: acceptPause, Op: completion.Op{Value: accept}})
	}
}

// connected begins to copy, or resets a client for which there is no backend.
func (p *proxy) connected(d *dialed) {
	if d.err != nil {
		p.warn(d.err)
		p.lost++
		d.client.Close()
		p.left()
		return
	}
	d.backend.SetResetOnClose(true)
	p.relay(d.client, d.backend)
}

// ended counts a relay that has ended.
func (p *proxy) ended(r *relay) {
	p.bytesUp += r.up.bytes
	p.bytesDown += r.down.bytes
	if r.failure == nil {
		p.complete++
	} else {
		p.cut++
	}
	p.left()
}

// left counts a client that has left.
func (p *proxy) left() {
	p.open--
	p.closeIfDone()
}

// stop accepts no more clients, and waits for those that are there.
func (p *proxy) stop() {
	p.listener.Close()
	p.isStopping = true
	p.port.Submit(&cutOff{ops.Timer{After: p.drain}})
	p.closeIfDone()
}

// closeIfDone closes the port when the last client has left a proxy that is to stop.
func (p *proxy) closeIfDone() {
	if p.isStopping && p.open == 0 {
		p.close()
	}
}

// close ends everything. What is in flight is delivered with net.ErrClosed.
func (p *proxy) close() {
	p.stopDials()
	if p.port.Close() == nil {
		p.cutShort = p.open
	}
}

// warn prints a failure, at most once in a while.
func (p *proxy) warn(err error) {
	if now := time.Now(); now.Sub(p.warned) > warningEvery {
		p.warned = now
		fmt.Fprintln(p.stderr, "proxy:", strings.ReplaceAll(err.Error(), "\n", "; "))
	}
}

// report prints the numbers of the proxy.
func (p *proxy) report(w io.Writer) {
	end := "all written"
	if p.cutShort > 0 {
		end = fmt.Sprintf("cut short: %d connections reset", p.cutShort)
	}
	st := p.port.Stats()
	fmt.Fprintf(w, `stopped, %s
  clients      %d accepted, %d complete, %d cut, %d without a backend
  copied       %d bytes to backends, %d bytes to clients
  operations   %d submitted, %d completed, %d in flight, %d queued
  resources    %d handles
  poller       %d polls, %d wakes, %d stale events
`, end, p.accepted, p.complete, p.cut, p.lost, p.bytesUp, p.bytesDown,
		st.Submitted, st.Completed, st.InFlight, st.Queued,
		st.Handles, st.Polls, st.Wakes, st.Stale)
}
