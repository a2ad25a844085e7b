//go:build unix

package kqueue_test

import (
	"net"
	"net/netip"
	"syscall"
	"testing"

	"github.com/completionport/completion/internal/backend"
	"github.com/completionport/completion/internal/kqueue"
	"github.com/completionport/completion/internal/memory"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	r = backend.Readable | backend.StopsShort
	w = backend.Writable
)

// kernels are the habits that the tests of sockets are run with.
var kernels = map[string]memory.Habits{
	"Plain":  {UserEvents: true},
	"NoUser": {},
	"Busy":   {EchoesFlags: true, ExtraWrites: true, WriteFirst: true},
	"Broken": {UserEvents: true, DeafUser: true, Interrupted: true},
}

// world is a poller with a network of sockets.
type world struct {
	*testing.T
	network memory.Network
	kernel  memory.Kernel
	poller  *kqueue.Poller
	habits  memory.Habits
}

var at = backend.Address{Inet: netip.MustParseAddrPort("10.0.0.1:80")}

// each runs f on every kernel.
func each(t *testing.T, f func(w *world)) {
	for name, habits := range kernels {
		t.Run(name, func(t *testing.T) {
			world := &world{T: t, habits: habits}
			world.kernel = world.network.Kernel()
			var err error
			if world.poller, err = kqueue.New(world.network.NewKqueue(habits, 1)); err != nil {
				t.Fatal(err)
			}
			f(world)
			if err := world.poller.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

// arm arms a descriptor and returns what is ready at once.
func (w *world) arm(fd int, generation uint32) backend.Readiness {
	w.Helper()
	if errno := w.poller.Arm(fd, generation); errno != 0 {
		w.Fatalf("arm: %v", errno)
	}
	return w.ready(fd, generation)
}

// ready takes what there is, all of it for one descriptor.
func (w *world) ready(fd int, generation uint32) (ready backend.Readiness) {
	w.Helper()
	for range 2 { // a kernel may be late
		events, _ := wait(w.poller, backend.Look)
		for _, e := range events {
			if e.FD != fd || e.Generation != generation {
				w.Fatalf("event %+v, want descriptor %d and generation %d", e, fd, generation)
			}
			ready |= e.Ready
		}
	}
	return ready
}

// want checks what is ready. An event of the Write filter may come without a
// reason on some kernels.
func (w *world) want(what string, got, want backend.Readiness) {
	w.Helper()
	if w.habits.ExtraWrites {
		got |= backend.Writable
		want |= backend.Writable
	}
	if got != want {
		w.Errorf("%s: ready is %03b, want %03b", what, got, want)
	}
}

// pair returns a connected descriptor and its peer.
func (w *world) pair() (fd int, peer net.Conn) {
	w.Helper()
	l, err := w.network.Listen("tcp", backend.IPv4, at)
	if err != nil {
		w.Fatal(err)
	}
	defer l.Close()
	fd, err = w.kernel.Socket(backend.IPv4)
	if err != nil {
		w.Fatal(err)
	}
	w.kernel.Connect(fd, at)
	if peer, err = l.Accept(); err != nil {
		w.Fatal(err)
	}
	return fd, peer
}

// What is ready when a descriptor is armed is an edge, once.
func TestArmReportsWhatIsReady(t *testing.T) {
	each(t, func(world *world) {
		fd, peer := world.pair()
		peer.Write([]byte("abc"))
		world.want("armed", world.arm(fd, 9), r|w)
		if again := world.ready(fd, 9); again != 0 {
			world.Errorf("once more: %03b", again)
		}
	})
}

// A second Add replaces what events carry. That is how a number gets its next
// generation if the knotes of the last owner are still there.
func TestSecondArmReplacesGeneration(t *testing.T) {
	each(t, func(world *world) {
		fd, peer := world.pair()
		world.arm(fd, 9)
		world.want("armed again", world.arm(fd, 10), w)
		peer.Write([]byte("abc"))
		world.want("data", world.ready(fd, 10), r)
	})
}

// New data is an edge, also while older data has not been read.
func TestEdgeWhileUnread(t *testing.T) {
	each(t, func(world *world) {
		fd, peer := world.pair()
		world.arm(fd, 9)
		for range 3 {
			peer.Write([]byte("abc"))
			world.want("data", world.ready(fd, 9), r)
		}
		if n, _ := world.kernel.Read(fd, make([]byte, 20)); n != 9 {
			world.Errorf("read %d bytes", n)
		}
	})
}

// The end of a stream that comes with data is readable, and no error.
func TestEndWithDataLeft(t *testing.T) {
	each(t, func(world *world) {
		fd, peer := world.pair()
		world.arm(fd, 9)
		peer.Write([]byte("abc"))
		peer.Close()
		world.want("data and end", world.ready(fd, 9), r)
		if n, errno := world.kernel.Read(fd, make([]byte, 20)); n != 3 || errno != 0 {
			world.Errorf("read %d, %v", n, errno)
		}
	})
}

// A reset shows on both filters, in either order.
func TestResetWakesBothDirections(t *testing.T) {
	each(t, func(world *world) {
		fd, peer := world.pair()
		world.arm(fd, 9)
		world.network.Reset(peer)
		world.want("reset", world.ready(fd, 9), r|w)
		if _, errno := world.kernel.Read(fd, make([]byte, 1)); errno != memory.Native(syscall.ECONNRESET) {
			world.Errorf("read: %v", errno)
		}
	})
}

// Our own half close ends nothing that is read.
func TestOwnHalfCloseIsNoHangUp(t *testing.T) {
	each(t, func(world *world) {
		fd, _ := world.pair()
		world.kernel.CloseWrite(fd)
		world.want("armed", world.arm(fd, 9), w)
	})
}

// A connect that is refused shows on the Write filter, with EOF.
func TestRefusedConnectIsWritable(t *testing.T) {
	each(t, func(world *world) {
		fd, err := world.kernel.Socket(backend.IPv4)
		if err != nil {
			world.Fatal(err)
		}
		if before := world.arm(fd, 9); before != 0 {
			world.Errorf("a fresh socket is ready: %03b", before)
		}
		world.kernel.Connect(fd, at)
		if got := world.ready(fd, 9); got&w == 0 {
			world.Errorf("ready is %03b", got)
		}
		if errno := world.kernel.Connected(fd); errno != memory.Native(syscall.ECONNREFUSED) {
			world.Errorf("connected: %v", errno)
		}
	})
}

// A change against a descriptor that is closed is told to the one who makes it.
func TestArmClosedDescriptor(t *testing.T) {
	each(t, func(world *world) {
		fd, _ := world.pair()
		world.kernel.Close(fd)
		if errno := world.poller.Arm(fd, 9); errno != syscall.EBADF {
			world.Errorf("arm: %v", errno)
		}
		if events, _ := wait(world.poller, backend.Look); len(events) != 0 {
			world.Errorf("events %+v", events)
		}
	})
}

// A descriptor takes its knotes and its pending events along. The next owner of
// the number gets its own only.
func TestCloseRemovesKnotes(t *testing.T) {
	each(t, func(world *world) {
		fd, peer := world.pair()
		world.arm(fd, 9)
		peer.Write([]byte("abc"))
		world.poller.Disarm(fd)
		world.kernel.Close(fd)
		next, peer := world.pair()
		if next != fd {
			world.Fatalf("the number is %d, want %d again", next, fd)
		}
		world.want("before it is armed", world.ready(fd, 10), 0)
		peer.Write([]byte("abc"))
		world.want("armed", world.arm(fd, 10), r|w)
	})
}

// Each wake ends a wait, the one under way or the next, however many went before.
func TestWakeEndsWait(t *testing.T) {
	each(t, func(world *world) {
		for range 10 { // more than the pipe holds
			world.poller.Wake(backend.Block)
		}
		if events, timedOut := wait(world.poller, backend.Block); len(events) != 0 || timedOut {
			world.Errorf("events %+v, timed out is %v", events, timedOut)
		}
		for range 100 {
			done := make(chan struct{})
			go func() {
				wait(world.poller, backend.Park)
				close(done)
			}()
			world.poller.Wake(backend.Park)
			<-done
		}
	})
}
