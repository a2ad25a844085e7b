package fault

import (
	"syscall"
	"testing"

	"github.com/completionport/completion/internal/core"
	"github.com/completionport/completion/internal/sys"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// quiet is a poller that sees nothing, and calm a kernel that has nothing to say.
type quiet struct {
	core.Poller
	wakes chan core.Waiting
}

type calm struct{ sys.Calls }

func (quiet) Arm(int, uint32) syscall.Errno { return 0 }
func (q quiet) Wake(how core.Waiting)       { q.wakes <- how }

func (q quiet) Wait(how core.Waiting, _ []core.Event, _ func(int) (int, bool)) (int, bool) {
	return 0, how != core.Look && <-q.wakes == how
}

func (calm) Connect(int, core.Address) syscall.Errno { return syscall.ECONNREFUSED }
func (calm) Close(int) syscall.Errno                 { return 0 }

// A call that is said to block is owed an edge: a leader who waits gets it at
// once, any other at its next look.
func TestOwedEdge(t *testing.T) {
	again := &Fault{Call: Read, Errno: syscall.EAGAIN, How: Edge}
	p, k := Wrap(func(call Call, _ int) *Fault {
		if call == Read {
			return again
		}
		return nil
	})(quiet{wakes: make(chan core.Waiting, 1)}, calm{})
	p.Arm(5, 9)
	events := make([]core.Event, 4)
	check := func(n int) {
		t.Helper()
		if want := (core.Event{FD: 5, Generation: 9, Ready: core.Readable | core.Writable | core.StopsShort}); n != 1 || events[0] != want {
			t.Errorf("%d events, %+v; want %+v", n, events[0], want)
		}
	}
	if n, errno := k.Read(5, nil); n != 0 || errno != syscall.EAGAIN {
		t.Errorf("read: %d, %v", n, errno)
	}
	n, _ := p.Wait(core.Look, events, nil)
	check(n)

	waited := make(chan int)
	go func() {
		n, _ := p.Wait(core.Park, events, nil)
		waited <- n
	}()
	k.Read(5, nil) // whether the other waits already or not
	check(<-waited)
}

// A fault that is made as well shows what the call itself meets.
func TestMade(t *testing.T) {
	interrupted := &Fault{Call: Connect, Errno: syscall.EINTR, How: Made}
	_, k := Wrap(func(Call, int) *Fault { return interrupted })(nil, calm{})
	if errno := k.Connect(3, core.Address{}); errno != syscall.ECONNREFUSED {
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
