package fault

import (
	"syscall"
	"testing"

	"github.com/completionport/completion/internal/backend"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// quiet is a poller that sees nothing, and calm a kernel that has nothing to say.
type quiet struct {
	backend.Poller
	wakes chan backend.Waiting
}

type calm struct{ calls }

func (quiet) Arm(int, uint32) syscall.Errno { return 0 }
func (q quiet) Wake(how backend.Waiting)    { q.wakes <- how }

func (q quiet) Wait(how backend.Waiting, _ []backend.Event) (int, bool) {
	return 0, how != backend.Look && <-q.wakes == how
}

func (calm) Connect(int, backend.Address) syscall.Errno { return syscall.ECONNREFUSED }
func (calm) Close(int) syscall.Errno                    { return 0 }

// A call that is said to block is owed an edge: a leader who waits gets it at
// once, any other at its next look.
func TestOwedEdge(t *testing.T) {
	again := &Fault{Call: Read, Errno: syscall.EAGAIN, How: Edge}
	p, k := Wrap(func(call Call, _ int) *Fault {
		if call == Read {
			return again
		}
		return nil
	})(quiet{wakes: make(chan backend.Waiting, 1)}, calm{})
	p.Arm(5, 9)
	events := make([]backend.Event, 4)
	check := func(n int) {
		t.Helper()
		if want := (backend.Event{FD: 5, Generation: 9, Ready: backend.Readable | backend.Writable | backend.StopsShort}); n != 1 || events[0] != want {
			t.Errorf("%d events, %+v; want %+v", n, events[0], want)
		}
	}
	if n, errno := k.Read(5, nil); n != 0 || errno != syscall.EAGAIN {
		t.Errorf("read: %d, %v", n, errno)
	}
	n, _ := p.Wait(backend.Look, events)
	check(n)

	waited := make(chan int)
	go func() {
		n, _ := p.Wait(backend.Park, events)
		waited <- n
	}()
	k.Read(5, nil) // whether the other waits already or not
	check(<-waited)
}

// A fault that is made as well shows what the call itself meets.
func TestMade(t *testing.T) {
	interrupted := &Fault{Call: Connect, Errno: syscall.EINTR, How: Made}
	_, k := Wrap(func(Call, int) *Fault { return interrupted })(nil, calm{})
	if errno := k.(backend.Direct).Connect(3, backend.Address{}); errno != syscall.ECONNREFUSED {
		t.Errorf("connect: %v", errno)
	}
	if errno := k.Close(3); errno != syscall.EINTR {
		t.Errorf("close: %v", errno)
	}
}

// Each fault is in the table once, and says what it means.
func TestTable(t *testing.T) {
	type key struct {
		Call
		syscall.Errno
	}
	known := make(map[key]bool)
	for _, f := range Table {
		if k := (key{f.Call, f.Errno}); known[k] || f.Means == "" {
			t.Errorf("%v with %v is there twice, or means nothing", f.Call, f.Errno)
		} else {
			known[k] = true
		}
	}
}
