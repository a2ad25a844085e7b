// Package backendtest tests what package backend promises, on any backend, without an
// engine and without a port.
package backendtest

import (
	"net"
	"net/netip"
	"runtime"
	"slices"
	"testing"

	"github.com/completionport/completion/internal/backend"
)

// Run runs all tests for the kind of backend that open returns. Each test opens a backend
// and closes it.
func Run(t *testing.T, open func() (backend.Backend, error)) {
	w := newWorld(t, open)
	all := slices.Concat(pollerTests, datagramTests, readinessTests, datagramReadinessTests)
	if w.direct() == nil {
		all = slices.Concat(pollerTests, datagramTests, nativeTests, datagramNativeTests)
	}
	if _, ok := w.Poller.(backend.Parker); ok {
		all = append(all, parkerTests...)
	}
	w.close()
	for _, test := range all {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t, open)
			test.run(w)
			w.close()
		})
	}
}

// test is one test of the suite.
type test struct {
	name string
	run  func(w *world)
}

// world is a backend and its open descriptors.
type world struct {
	*testing.T
	backend.Backend
	armed map[int]uint32            // descriptors and their generations
	seen  map[int]backend.Readiness // what events have reported and until has not taken
	last  uint32                    // the newest generation
}

// limit is the number of nanoseconds after which a wait fails its test.
const limit = 60_000_000_000

func newWorld(t *testing.T, open func() (backend.Backend, error)) *world {
	t.Helper()
	b, err := open()
	if err != nil {
		t.Fatal(err)
	}
	return &world{T: t, Backend: b, armed: map[int]uint32{}, seen: map[int]backend.Readiness{}}
}

// direct returns the kernel if it is one of readiness, else nil.
func (w *world) direct() backend.Direct {
	k, _ := w.Kernel.(backend.Direct)
	return k
}

// close closes all armed descriptors, and the poller.
func (w *world) close() {
	w.Helper()
	for fd := range w.armed {
		w.closeFD(fd)
	}
	if err := w.Poller.Close(); err != nil {
		w.Errorf("close: %v", err)
	}
}

// must fails the test if a call has failed.
func (w *world) must(call string, errno backend.Errno) {
	w.Helper()
	if errno != 0 {
		w.Fatalf("%s: %v", call, errno)
	}
}

// arm arms a descriptor with a generation of its own.
func (w *world) arm(fd int) int {
	w.Helper()
	w.last++
	w.must("arm", w.Poller.Arm(fd, w.last))
	w.armed[fd] = w.last
	return fd
}

// closeFD closes a descriptor that is armed.
func (w *world) closeFD(fd int) {
	w.Helper()
	w.Poller.Disarm(fd)
	delete(w.armed, fd)
	delete(w.seen, fd)
	w.must("close", w.Kernel.Close(fd))
}

// wait waits once, in the given way, and adds the events to seen. It returns the results
// of the poller.
func (w *world) wait(how backend.Waiting) (n int, timedOut bool) {
	w.Helper()
	events := make([]backend.Event, 8)
	n, timedOut = w.Poller.Wait(how, events)
	for _, e := range events[:n] {
		if generation, ok := w.armed[e.FD]; !ok || generation != e.Generation {
			w.Errorf("event %+v, armed are %v", e, w.armed)
		}
		w.seen[e.FD] |= e.Ready
	}
	return n, timedOut
}

// until waits for events until those of fd have all bits of ready, and clears these bits.
func (w *world) until(fd int, ready backend.Readiness) {
	w.Helper()
	for until := w.Kernel.Now() + limit; w.seen[fd]&ready != ready; {
		w.Poller.SetTimeout(until)
		if w.wait(backend.Park); w.Kernel.Now() >= until {
			w.Fatalf("descriptor %d has %06b, and never %06b", fd, w.seen[fd], ready)
		}
	}
	w.seen[fd] &^= ready
}

// socket returns a socket that is armed.
func (w *world) socket() int {
	w.Helper()
	fd, err := w.Kernel.Socket(backend.IPv4)
	if err != nil {
		w.Fatal(err)
	}
	return w.arm(fd)
}

// listen returns a listener that is armed, and its address.
func (w *world) listen() (fd int, at backend.Address) {
	w.Helper()
	loopback := backend.Address{Inet: netip.MustParseAddrPort("127.0.0.1:0")}
	fd, err := w.Kernel.Listen(backend.IPv4, loopback, backend.ListenOptions{Backlog: 10})
	if err != nil {
		w.Fatal(err)
	}
	return w.arm(fd), backend.Address{Inet: w.Kernel.LocalAddr(fd).(*net.TCPAddr).AddrPort()}
}

// pair returns two ends of a connection, both armed.
func (w *world) pair() (one, other int) {
	w.Helper()
	l, at := w.listen()
	one = w.socket()
	if w.direct() != nil {
		w.must("connect", w.connect(one, at))
		other = w.accept(l)
	} else {
		accept := w.start(l, backend.Accept, nil, nil)
		connect := w.start(one, backend.Connect, nil, &at)
		_, errno := w.result(connect)
		w.must("connect", errno)
		other, errno = w.result(accept)
		w.must("accept", errno)
	}
	w.arm(other)
	w.closeFD(l)
	return one, other
}

// spin lets other goroutines run while the caller repeats a call whose success no event
// reports. It fails the test if the time until is over.
func (w *world) spin(until int64) {
	w.Helper()
	if w.Kernel.Now() >= until {
		w.Fatal("it never ends")
	}
	runtime.Gosched()
}
