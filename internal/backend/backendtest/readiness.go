package backendtest

import (
	"bytes"

	"github.com/completionport/completion/internal/backend"
)

// readinessTests are the tests of a backend with a kernel of readiness.
var readinessTests = []test{
	{"ArmReportsWhatIsReady", testArm},
	{"EdgeForEachArrival", testArrivals},
	{"EdgeForRoom", testRoom},
	{"EndOfStream", testEnd},
	{"AcceptAndConnect", testAccept},
	{"RefusedConnect", testRefused},
	{"WaitsAgain", testWaitsAgain},
}

// connect connects a socket, and waits until the connect has ended.
func (w *world) connect(fd int, to backend.Address) backend.Errno {
	w.Helper()
	until := w.Kernel.Now() + limit
	errno := w.direct().Connect(fd, to)
	for w.Kernel.Classify(backend.Connect, errno) == backend.WouldBlock && errno != 0 {
		w.until(fd, backend.Writable)
		errno = w.direct().Connected(fd)
		w.spin(until)
	}
	return errno
}

// accept waits for a connection, and accepts it.
func (w *world) accept(l int) int {
	w.Helper()
	for {
		fd, errno := w.direct().Accept(l)
		if errno == 0 {
			return fd
		}
		if w.Kernel.Classify(backend.Accept, errno) != backend.WouldBlock {
			w.Fatalf("accept: %v", errno)
		}
		w.until(l, backend.Readable)
	}
}

// send sends data, for which the socket has room.
func (w *world) send(fd int, data []byte) {
	w.Helper()
	if w.direct() == nil {
		n, errno := w.result(w.start(fd, backend.Write, data, nil))
		if w.must("write", errno); n != len(data) {
			w.Fatalf("%d bytes written of %d", n, len(data))
		}
		return
	}
	n, errno := w.direct().Write(fd, data)
	if w.must("write", errno); n != len(data) {
		w.Fatalf("%d bytes written of %d", n, len(data))
	}
}

// receive reads count bytes, or up to the end of the stream, as edges report them.
func (w *world) receive(fd, count int) []byte {
	w.Helper()
	buffer, got := make([]byte, count), 0
	for got < count {
		n, errno := w.Kernel.Read(fd, buffer[got:])
		got += n
		switch class := w.Kernel.Classify(backend.Read, errno); {
		case errno == 0 && n == 0:
			return buffer[:got]
		case errno != 0 && class == backend.WouldBlock:
			w.until(fd, backend.Readable)
		case errno != 0 && class != backend.Again:
			w.Fatalf("read: %v", errno)
		}
	}
	return buffer
}

// exhaust reads until nothing is left.
func (w *world) exhaust(fd int) {
	w.Helper()
	for {
		n, errno := w.Kernel.Read(fd, make([]byte, 100))
		if w.Kernel.Classify(backend.Read, errno) == backend.WouldBlock && errno != 0 {
			return
		}
		if n == 0 && w.Kernel.Classify(backend.Read, errno) != backend.Again {
			w.Fatalf("read: %d, %v", n, errno)
		}
	}
}

// What is ready before a descriptor is armed counts as an edge, in both directions.
func testArm(w *world) {
	l, at := w.listen()
	one := w.socket()
	w.must("connect", w.connect(one, at))
	other := w.accept(l)
	w.send(one, []byte("x"))
	w.until(w.arm(other), backend.Readable|backend.Writable)
	if got := w.receive(other, 1); string(got) != "x" {
		w.Errorf("received %q", got)
	}
}

// Each arrival after a read that found nothing causes an edge, and so does one that comes
// while earlier data has not been read.
func testArrivals(w *world) {
	one, other := w.pair()
	for range 5 {
		w.exhaust(one)
		w.seen[one] = 0
		w.send(other, []byte("x"))
		w.until(one, backend.Readable)
	}
	for range 3 {
		w.send(other, []byte("y"))
		w.until(one, backend.Readable)
	}
	if got := w.receive(one, 4); string(got) != "xyyy" {
		w.Errorf("received %q", got)
	}
}

// Room after a write that found none, or too little, causes an edge.
func testRoom(w *world) {
	one, other := w.pair()
	data := bytes.Repeat([]byte("0123456789abcdef"), 4096)
	for range 3 {
		sent := 0
		for {
			n, errno := w.direct().Write(one, data)
			sent += n
			if errno != 0 && w.Kernel.Classify(backend.Write, errno) == backend.WouldBlock {
				break
			}
			w.must("write", errno)
		}
		w.seen[one] = 0
		if got := w.receive(other, sent); len(got) != sent {
			w.Fatalf("received %d bytes of %d", len(got), sent)
		}
		w.until(one, backend.Writable)
	}
}

// The end of the stream causes an edge, and is read behind the data before it.
func testEnd(w *world) {
	one, other := w.pair()
	w.exhaust(one)
	w.seen[one] = 0
	w.send(other, []byte("last"))
	w.closeFD(other)
	w.until(one, backend.Readable)
	if got := w.receive(one, 5); string(got) != "last" {
		w.Errorf("received %q", got)
	}
}

// Each connection that a listener gets causes an edge, and so does the end of a connect.
func testAccept(w *world) {
	l, at := w.listen()
	for range 3 {
		fd := w.socket()
		w.must("connect", w.connect(fd, at))
		w.arm(w.accept(l))
	}
}

// A connect that is refused causes an edge, and its errno has the class Fatal.
func testRefused(w *world) {
	l, at := w.listen()
	w.closeFD(l)
	fd := w.socket()
	errno := w.connect(fd, at)
	if w.Kernel.Classify(backend.Connect, errno) != backend.Fatal {
		w.Errorf("refused with %v", errno)
	}
}

// A leader that has taken an event waits for the next, with the same time-out.
func testWaitsAgain(w *world) {
	for name, how := range ways {
		one, other := w.pair()
		w.takeAll()
		w.Poller.SetTimeout(w.Kernel.Now() + limit)
		for range 3 {
			w.seen[one] = 0
			w.send(other, []byte("x"))
			for timedOut := false; w.seen[one]&backend.Readable == 0; {
				if _, timedOut = w.wait(how); timedOut {
					w.Fatalf("%s: timed out", name)
				}
			}
		}
		w.closeFD(one)
		w.closeFD(other)
	}
}

// takeAll takes the events that are there.
func (w *world) takeAll() {
	w.Helper()
	for n := 1; n > 0; {
		n, _ = w.wait(backend.Look)
	}
}
