package completion_test

import (
	"context"
	"errors"
	"net"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/completionport/completion"
	"github.com/completionport/completion/internal/sys"
	"github.com/completionport/completion/ops"
)

// acceptWorld is a port with a listener, whose sockets are counted.
type acceptWorld struct {
	*testing.T
	port  *completion.Port
	l     *completion.Listener
	peers []net.Conn
	calls func() map[string]int
}

func newAcceptWorld(t *testing.T) *acceptWorld {
	w := &acceptWorld{T: t, calls: countCalls(t)}
	var err error
	w.port, err = completion.Open(&completion.Config{Backend: "iocp"})
	must(t, err)
	w.l = w.listen("127.0.0.1:0")
	return w
}

func (w *acceptWorld) listen(address string) *completion.Listener {
	w.Helper()
	l, err := w.port.Listen("tcp4", address)
	must(w.T, err)
	return l
}

// accepts submits n accepts, in one batch or each alone.
func (w *acceptWorld) accepts(n int, alone bool) (all []*ops.Accept) {
	w.Helper()
	var batch []completion.Operation
	for range n {
		a := &ops.Accept{On: w.l}
		all, batch = append(all, a), append(batch, a)
		if alone {
			must(w.T, w.port.Submit(a))
		}
	}
	if !alone {
		must(w.T, w.port.Submit(batch...))
	}
	return all
}

func (w *acceptWorld) dial() net.Conn {
	w.Helper()
	c, err := net.Dial("tcp4", w.l.Addr().String())
	must(w.T, err)
	w.peers = append(w.peers, c)
	return c
}

// accepted dequeues an accept that has got the connection of a peer.
func (w *acceptWorld) accepted(a *ops.Accept, peer net.Conn) {
	w.Helper()
	dequeue(w.T, w.port, a)
	if got, want := a.Conn.RemoteAddr().String(), peer.LocalAddr().String(); got != want {
		w.Errorf("accepted %s, want %s", got, want)
	}
}

// canceled cancels an operation and dequeues it.
func (w *acceptWorld) canceled(a *ops.Accept) {
	w.Helper()
	if !w.port.Cancel(a) {
		w.Fatal("not recorded")
	}
	w.ended(a, completion.ErrCanceled)
}

// ended dequeues an accept that has failed.
func (w *acceptWorld) ended(a *ops.Accept, want error) {
	w.Helper()
	op, err := w.port.Next(context.Background())
	if err != nil || op != completion.Operation(a) || !errors.Is(a.Err(), want) {
		w.Fatalf("dequeued %v, %v, ended with %v, want %v", op, err, a.Err(), want)
	}
}

// until lets the port work until so many connections have been accepted ahead and
// so many accepts are inside.
func (w *acceptWorld) until(ended, inside int) {
	w.Helper()
	for {
		e, i := completion.AcceptedAhead(w.port, w.l)
		if e == ended && i == inside {
			return
		}
		dequeueTimer(w.T, w.port)
	}
}

func dequeueTimer(t *testing.T, p *completion.Port) {
	t.Helper()
	timer := &ops.Timer{After: time.Millisecond}
	must(t, p.Submit(timer))
	dequeue(t, p, timer)
}

// begun checks how many accepts the kernel was given so far.
func (w *acceptWorld) begun(want int) {
	w.Helper()
	if n := w.calls()["AcceptEx"]; n != want {
		w.Errorf("%d accepts were given to the kernel, want %d", n, want)
	}
}

// atRest closes the port, which must give back all that was opened.
func (w *acceptWorld) atRest() {
	w.Helper()
	must(w.T, w.port.Close())
	for _, c := range w.peers {
		c.Close()
	}
	calls := w.calls()
	if opened, closed := calls["WSASocket"], calls["closesocket"]; opened != closed {
		w.Errorf("%d sockets were opened, %d closed: %v", opened, closed, calls)
	}
	if calls["CloseHandle"] != 1 {
		w.Errorf("the completion port was closed %d times", calls["CloseHandle"])
	}
}

// As many accepts are inside the kernel as are queued, but not more than 16.
func TestAcceptsInside(t *testing.T) {
	for _, c := range []struct {
		name         string
		alone        bool
		count, begun int
	}{{"Batch", false, 4, 4}, {"Alone", true, 4, 4}, {"Many", false, 50, 16}, {"ManyAlone", true, 50, 16}} {
		t.Run(c.name, func(t *testing.T) {
			w := newAcceptWorld(t)
			all := w.accepts(c.count, c.alone)
			w.begun(c.begun)
			for _, a := range all {
				w.accepted(a, w.dial())
			}
			w.begun(c.count)
			w.atRest()
		})
	}
}

// A connection that was accepted for an operation that has been cancelled since
// is the next one's.
func TestAcceptedAheadIsForTheNext(t *testing.T) {
	w := newAcceptWorld(t)
	all := w.accepts(4, false)
	w.canceled(all[1])
	w.canceled(all[3])
	w.accepted(all[0], w.dial())
	w.accepted(all[2], w.dial())
	third := w.dial()
	w.until(1, 1)
	fourth := w.dial()
	w.until(2, 0)
	w.begun(4)
	for _, peer := range []net.Conn{third, fourth} {
		w.accepted(w.accepts(1, false)[0], peer)
	}
	w.begun(4)
	a := w.accepts(1, false)[0]
	w.begun(5)
	w.accepted(a, w.dial())
	w.atRest()
}

// A cancel of the only one that is left takes all out of the kernel.
func TestCancelTakesAllOut(t *testing.T) {
	w := newAcceptWorld(t)
	all := w.accepts(4, false)
	for _, i := range []int{1, 2, 3, 0} {
		w.canceled(all[i])
	}
	if ended, inside := completion.AcceptedAhead(w.port, w.l); ended != 0 || inside != 0 {
		t.Errorf("%d accepted, %d inside", ended, inside)
	}
	w.accepted(w.accepts(1, false)[0], w.dial())
	w.atRest()
}

// A listener may be closed with accepts inside that nobody asked for, and with
// connections that nobody asked for. Its descriptor may have another owner when
// their packets come.
func TestListenerClosedWithAcceptsInside(t *testing.T) {
	for _, c := range []struct {
		name   string
		ahead  int  // connections that nobody asks for
		again  bool // there is a next listener, before the packets are dequeued
		polled bool // they are dequeued before the port closes
	}{
		{"AtOnce", 0, false, false},
		{"AcceptedAhead", 2, false, false},
		{"Polled", 1, false, true},
		{"Again", 1, true, false},
		{"AgainPolled", 0, true, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newAcceptWorld(t)
			all := w.accepts(8, false)
			for _, a := range all[1:] {
				w.canceled(a)
			}
			w.accepted(all[0], w.dial())
			for range c.ahead {
				w.dial()
			}
			w.until(c.ahead, 7-c.ahead)
			must(t, w.l.Close())
			if c.again {
				w.l = w.listen("127.0.0.1:0")
				all = w.accepts(8, false)
				for _, a := range all {
					w.accepted(a, w.dial())
				}
			}
			if c.polled {
				dequeueTimer(t, w.port)
			}
			w.atRest()
		})
	}
}

// Listeners are closed while clients connect and accepts are cancelled, and their
// descriptors have new owners at once.
func TestListenersClosedAndOpened(t *testing.T) {
	w := newAcceptWorld(t)
	var clients sync.WaitGroup
	for i := range 60 {
		all := w.accepts(6, i%2 == 0)
		addr := w.l.Addr().String()
		for range 3 {
			clients.Go(func() {
				if c, err := net.Dial("tcp4", addr); err == nil {
					c.Close()
				}
			})
		}
		for _, j := range []int{4, 1, 0} {
			w.port.Cancel(all[j])
		}
		first := i % 3 // dequeued before the listener is closed: some end by themselves
		for range first {
			next(t, w.port)
		}
		must(t, w.l.Close())
		w.l = w.listen("127.0.0.1:0")
		for range all[first:] {
			next(t, w.port)
		}
	}
	clients.Wait()
	w.atRest()
}

// next dequeues an accept, and closes its connection.
func next(t *testing.T, p *completion.Port) {
	t.Helper()
	op, err := p.Next(context.Background())
	must(t, err)
	if a := op.(*ops.Accept); a.Conn != nil {
		must(t, a.Conn.Close())
	} else if !errors.Is(a.Err(), net.ErrClosed) && !errors.Is(a.Err(), completion.ErrCanceled) {
		t.Fatalf("accept: %v", a.Err())
	}
}

// Too few sockets for the accepts behind the first mean that fewer are inside.
func TestTooFewSocketsToAcceptAhead(t *testing.T) {
	const tooMany = syscall.Errno(10024) // WSAEMFILE
	w := newAcceptWorld(t)
	count, left := sys.OnCall, 3
	sys.OnCall = func(name string) syscall.Errno {
		if name == "WSASocket" {
			if left--; left < 0 {
				return tooMany
			}
		}
		return count(name)
	}
	all := w.accepts(5, false)
	w.begun(3)
	left = 1
	w.accepted(all[0], w.dial())
	w.begun(4) // three for the four that are left
	for _, a := range all[1:4] {
		w.accepted(a, w.dial())
	}
	w.ended(all[4], tooMany) // there is none for it at all
	left = 100
	w.accepted(w.accepts(1, false)[0], w.dial())
	w.atRest()
}
