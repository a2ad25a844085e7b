package backendtest

import "github.com/completionport/completion/internal/backend"

// nativeTests are those of a backend with a Native kernel.
var nativeTests = []test{
	{"ReadEnds", testNativeRead},
	{"ReadOfNothing", testNativeReadOfNothing},
	{"EndOfStream", testNativeEnd},
	{"RefusedConnect", testNativeRefused},
	{"Abandon", testAbandon},
	{"AbandonOfWhatMayHaveEnded", testAbandonLate},
	{"AcceptAhead", testAcceptAhead},
	{"CloseWithAcceptsAhead", testCloseAhead},
	{"WaitsAgain", testNativeAgain},
}

// operation is an operation that the kernel was given.
type operation struct {
	fd      int
	kind    backend.Kind
	n       int
	errno   backend.Errno
	pending bool
}

func (w *world) native() backend.Native { return w.Kernel.(backend.Native) }

// start begins an operation.
func (w *world) start(fd int, kind backend.Kind, data []byte, to *backend.Address) *operation {
	o := &operation{fd: fd, kind: kind}
	o.n, o.errno, o.pending = w.native().Start(fd, kind, data, to)
	return o
}

// result waits for the end of an operation, and returns its result.
func (w *world) result(o *operation) (int, backend.Errno) {
	w.Helper()
	if o.pending {
		w.until(o.fd, o.ended())
		o.n, o.errno = w.native().Finish(o.fd, o.kind)
		o.pending = false
	}
	return o.n, o.errno
}

// ended returns the readiness that reports the end of the operation.
func (o *operation) ended() backend.Readiness {
	if o.kind == backend.Accept || o.kind == backend.Read || o.kind == backend.Receive {
		return backend.EndedIn
	}
	return backend.EndedOut
}

// wantPending starts a read that has nothing to read.
func (w *world) wantPending(fd int, data []byte) *operation {
	w.Helper()
	o := w.start(fd, backend.Read, data, nil)
	if !o.pending {
		w.Fatalf("a read of nothing has ended: %d, %v", o.n, o.errno)
	}
	return o
}

// A read ends when there is data, whether the data was there before the read or not.
func testNativeRead(w *world) {
	one, other := w.pair()
	for i := range 6 {
		buffer := make([]byte, 8)
		var read *operation
		if i%2 == 0 {
			read = w.wantPending(one, buffer)
		}
		w.send(other, []byte("data"))
		if read == nil {
			read = w.start(one, backend.Read, buffer, nil)
		}
		if n, errno := w.result(read); errno != 0 || string(buffer[:n]) != "data" {
			w.Fatalf("read %q, %v", buffer[:n], errno)
		}
	}
}

// A read of no bytes ends when there is data, and takes nothing.
func testNativeReadOfNothing(w *world) {
	one, other := w.pair()
	read := w.wantPending(one, nil)
	w.send(other, []byte("data"))
	if n, errno := w.result(read); n != 0 || errno != 0 {
		w.Errorf("%d bytes, %v", n, errno)
	}
	if n, errno := w.result(w.start(one, backend.Read, nil, nil)); n != 0 || errno != 0 {
		w.Errorf("once more: %d bytes, %v", n, errno)
	}
	if got := w.receive(one, 4); string(got) != "data" {
		w.Errorf("received %q", got)
	}
}

func testNativeEnd(w *world) {
	one, other := w.pair()
	read := w.wantPending(one, make([]byte, 8))
	w.closeFD(other)
	for range 2 { // it stays so
		if n, errno := w.result(read); n != 0 || errno != 0 {
			w.Errorf("%d bytes, %v", n, errno)
		}
		read = w.start(one, backend.Read, make([]byte, 8), nil)
	}
	w.result(read)
}

func testNativeRefused(w *world) {
	l, at := w.listen()
	w.closeFD(l)
	_, errno := w.result(w.start(w.socket(), backend.Connect, nil, &at))
	if w.Kernel.Classify(backend.Connect, errno) != backend.Fatal {
		w.Errorf("refused with %v", errno)
	}
}

// An abandoned operation has an event all the same, and an errno of the class Again. The
// next operation is not affected.
func testAbandon(w *world) {
	one, other := w.pair()
	buffer := make([]byte, 8)
	for range 3 {
		read := w.wantPending(one, buffer)
		if !w.native().Abandon(one, backend.Read) {
			w.Error("not heard")
		}
		if n, errno := w.result(read); n != 0 || w.Kernel.Classify(backend.Read, errno) != backend.Again {
			w.Errorf("%d bytes, %v", n, errno)
		}
	}
	read := w.wantPending(one, buffer)
	w.send(other, []byte("data"))
	if n, errno := w.result(read); errno != 0 || string(buffer[:n]) != "data" {
		w.Errorf("read %q, %v", buffer[:n], errno)
	}
}

// An operation that may have ended when it is abandoned has one event, and either its data
// or the errno.
func testAbandonLate(w *world) {
	one, other := w.pair()
	for range 20 {
		buffer := make([]byte, 8)
		read := w.wantPending(one, buffer)
		w.send(other, []byte("data"))
		w.native().Abandon(one, backend.Read)
		n, errno := w.result(read)
		if w.Kernel.Classify(backend.Read, errno) == backend.Again && errno != 0 && n == 0 {
			n, errno = w.result(w.start(one, backend.Read, buffer, nil))
		}
		if errno != 0 || string(buffer[:n]) != "data" {
			w.Fatalf("read %q, %v", buffer[:n], errno)
		}
	}
}

// connectTo connects a new socket.
func (w *world) connectTo(at backend.Address) {
	w.Helper()
	_, errno := w.result(w.start(w.socket(), backend.Connect, nil, &at))
	w.must("connect", errno)
}

// Connections that are accepted ahead are the results of the next accepts.
func testAcceptAhead(w *world) {
	l, at := w.listen()
	accept := w.start(l, backend.Accept, nil, nil)
	if w.native().AcceptAhead(l, 3) {
		w.Error("an accept has ended before anybody connects")
	}
	for range 3 {
		w.connectTo(at)
	}
	for range 3 {
		fd, errno := w.result(accept)
		w.must("accept", errno)
		w.arm(fd)
		accept = w.start(l, backend.Accept, nil, nil)
	}
	w.native().Abandon(l, backend.Accept)
	if fd, errno := w.result(accept); w.Kernel.Classify(backend.Accept, errno) != backend.Again {
		w.Errorf("descriptor %d, %v", fd, errno)
	}
}

// A listener may be closed with accepts ahead inside the kernel, and with connections that
// nobody has asked for. The poller closes when the last accept has left the kernel.
func testCloseAhead(w *world) {
	for range 5 {
		l, at := w.listen()
		accept := w.start(l, backend.Accept, nil, nil)
		w.native().AcceptAhead(l, 5)
		for range 2 {
			w.connectTo(at)
		}
		fd, errno := w.result(accept)
		w.must("accept", errno)
		w.arm(fd)
		w.closeFD(l)
	}
}

// A leader that has taken the events of one operation waits for the next, until the
// same time.
func testNativeAgain(w *world) {
	for name, how := range ways {
		w.Poller.SetTimeout(w.Kernel.Now() + limit)
		for range 3 {
			one, other := w.pair()
			read := w.wantPending(one, make([]byte, 8))
			write := w.start(other, backend.Write, []byte("x"), nil)
			for timedOut := false; w.seen[one]&backend.EndedIn == 0; {
				if _, timedOut = w.wait(how); timedOut {
					w.Fatalf("%s: timed out", name)
				}
			}
			for _, o := range []*operation{read, write} {
				if n, errno := w.result(o); n != 1 || errno != 0 {
					w.Errorf("%s: %v of %d: %d bytes, %v", name, o.kind, o.fd, n, errno)
				}
			}
		}
	}
}
