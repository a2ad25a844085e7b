package memory

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/completionport/completion/internal/backend"
	"github.com/completionport/completion/internal/backend/backendtest"
	"github.com/completionport/completion/internal/sys"
)

// leader has a poller with one armed descriptor, which has data of a peer now
// and then.
func leader(t *testing.T) (p *Poller, fd int, peer *Conn) {
	t.Helper()
	n := new(Network)
	a, b, err := ends(n)
	if err != nil {
		t.Fatal(err)
	}
	k := n.Kernel()
	if fd, err = k.Adopt(a, backend.StreamSocket); err != nil {
		t.Fatal(err)
	}
	a.Close() // the descriptor keeps the socket
	p = n.NewPoller()
	want(t, "arm", p.Arm(fd, 7), 0)
	t.Cleanup(func() {
		p.Disarm(fd)
		k.Close(fd)
		p.Close()
		b.Close()
	})
	events := make([]backend.Event, 4)
	if got, _ := p.Wait(backend.Look, events); got != 1 { // writable
		t.Fatalf("%d edges at first", got)
	}
	return p, fd, b.(*Conn)
}

func TestWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, fd, peer := leader(t)
		events := make([]backend.Event, 4)
		wait := func(how backend.Waiting, wantN int, wantTimedOut bool) {
			t.Helper()
			if n, timedOut := p.Wait(how, events); n != wantN || timedOut != wantTimedOut {
				t.Fatalf("Wait: %d, %t, want %d, %t", n, timedOut, wantN, wantTimedOut)
			}
		}
		later := func(f func()) { time.AfterFunc(time.Hour, f) }

		wait(backend.Look, 0, false)
		begun := time.Now()
		later(func() { peer.Write([]byte("a")) })
		wait(backend.Park, 1, false)
		if events[0] != (backend.Event{FD: fd, Generation: 7, Ready: backend.Readable | backend.Writable}) {
			t.Errorf("event %+v", events[0])
		}
		later(func() { peer.Write([]byte("b")) })
		time.AfterFunc(2*time.Hour, func() { peer.Write([]byte("c")) })
		wait(backend.Block, 1, false)
		wait(backend.Block, 1, false)

		later(func() { p.Wake(backend.Park) })
		wait(backend.Park, 0, false)
		if d := time.Since(begun); d != 4*time.Hour {
			t.Errorf("waited for %v", d)
		}
		p.Wake(backend.Park) // ends the next one that waits
		wait(backend.Look, 0, false)
		wait(backend.Park, 0, false)

		p.SetTimeout(sys.Now() + int64(time.Minute))
		begun = time.Now()
		wait(backend.Park, 0, true)
		wait(backend.Park, 0, true) // it is still over
		if d := time.Since(begun); d != time.Minute {
			t.Errorf("timed out after %v", d)
		}
		p.SetTimeout(backend.Never)
		later(func() { p.Wake(backend.Park) })
		wait(backend.Park, 0, false)
	})
}

// More edges than fit stay for the next time, in their order.
func TestWaitTakesWhatFits(t *testing.T) {
	n := new(Network)
	p := n.NewPoller()
	k := n.Kernel()
	var fds []int
	for i := range 5 {
		fd, _ := k.Socket(backend.IPv4)
		fds = append(fds, fd)
		p.Arm(fd, uint32(i+1))
	}
	p.Disarm(fds[3]) // nothing of it may come
	var got []int
	events := make([]backend.Event, 2)
	for {
		n, _ := p.Wait(backend.Look, events)
		if n == 0 {
			break
		}
		for _, e := range events[:n] {
			got = append(got, int(e.Generation))
		}
	}
	if len(got) != 4 || got[0] != 1 || got[1] != 2 || got[2] != 3 || got[3] != 5 {
		t.Errorf("generations %v", got)
	}
}

// The backend keeps the promises of package backend.
func TestContract(t *testing.T) {
	backendtest.Run(t, func() (backend.Backend, error) { return new(Network).Open() })
}
