package memory

import (
	"math/rand/v2"
	"net/netip"
	"syscall"
	"testing"

	"github.com/completionport/completion/internal/backend"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("runtime.handleEvent")) // js/wasm's own
}

func inet(s string) backend.Address { return backend.Address{Inet: netip.MustParseAddrPort(s)} }

// want checks an errno.
func want(t *testing.T, what string, got, want syscall.Errno) {
	t.Helper()
	if got != want {
		t.Fatalf("%s: %d (%v), want %d", what, got, got, want)
	}
}

// pair makes a listener with a descriptor, and two connected ones.
func pair(t *testing.T, s *System) (l, a, b int) {
	t.Helper()
	k, errno := s.Listen(backend.IPv4, inet("127.0.0.1:80"), backend.ListenOptions{})
	want(t, "listen", errno, 0)
	l = s.Install(k)
	a = s.Socket(backend.IPv4)
	want(t, "connect", s.Connect(a, inet("127.0.0.1:80")), errInProgress)
	want(t, "connected", s.Connected(a), 0)
	b, errno = s.Accept(l)
	want(t, "accept", errno, 0)
	return l, a, b
}

func TestDescriptorsAreReusedSmallestFirst(t *testing.T) {
	var s System
	l, a, b := pair(t, &s)
	if l != 3 || a != 4 || b != 5 {
		t.Fatalf("descriptors %d, %d, %d", l, a, b)
	}
	s.Close(b)
	s.Close(a)
	for _, want := range []int{4, 5, 6} {
		if fd := s.Socket(backend.IPv4); fd != want {
			t.Errorf("got %d, want %d", fd, want)
		}
	}
	want(t, "close", s.Close(99), syscall.EBADF)
	if n := s.Descriptors(); n != 4 {
		t.Errorf("%d open", n)
	}
}

// collect returns the edges there are.
func collect(w *Watcher) []backend.Event {
	events := make([]backend.Event, 8)
	return events[:w.Collect(events)]
}

// ready checks that there is exactly one edge.
func ready(t *testing.T, w *Watcher, fd int, r backend.Readiness) {
	t.Helper()
	events := collect(w)
	if len(events) != 1 || events[0] != (backend.Event{FD: fd, Generation: uint32(fd) + 100, Ready: r}) {
		t.Fatalf("edges %+v, want one of %d: %d", events, fd, r)
	}
}

func arm(t *testing.T, w *Watcher, fd int) {
	t.Helper()
	want(t, "arm", w.Arm(fd, uint32(fd)+100), 0)
}

func TestEdges(t *testing.T) {
	var s System
	w := s.NewWatcher()
	_, a, b := pair(t, &s)
	arm(t, w, b)
	ready(t, w, b, backend.Writable) // it is when armed
	want(t, "arm again", w.Arm(b, 1), syscall.EEXIST)
	for range 2 { // every arrival, drained or not
		s.Write(a, []byte("ab"))
		s.Write(a, []byte("c")) // two in one
		ready(t, w, b, backend.Readable|backend.Writable)
	}
	// Room is an edge only for who has wanted it.
	full := make([]byte, 3*DefaultBuffer)
	n, _ := s.Write(b, full)
	if n != 2*DefaultBuffer {
		t.Fatalf("wrote %d", n)
	}
	_, errno := s.Write(b, full)
	want(t, "write", errno, errAgain)
	if w.Pending() {
		t.Fatal("an edge without a reason")
	}
	s.Read(a, full[:1])
	s.Read(a, full[:1]) // nobody has asked since
	ready(t, w, b, backend.Readable|backend.Writable)
	s.Read(b, full[:6])
	s.CloseWrite(a)
	ready(t, w, b, backend.Readable|backend.Writable|backend.StopsShort)
	s.Write(a, nil)
	w.Disarm(b)
	s.Close(a)
	if w.Pending() {
		t.Fatal("an edge of a descriptor that is not armed")
	}
}

func TestReset(t *testing.T) {
	var s System
	w := s.NewWatcher()
	_, a, b := pair(t, &s)
	arm(t, w, b)
	collect(w)
	s.Write(a, []byte("abc"))
	s.Write(b, []byte("unread")) // makes the close a reset
	s.Close(a)
	ready(t, w, b, backend.Readable|backend.Writable|backend.StopsShort)
	p := make([]byte, 8)
	if n, _ := s.Read(b, p); n != 3 {
		t.Fatalf("read %d of what had arrived", n)
	}
	_, errno := s.Read(b, p)
	want(t, "read", errno, errReset)
	n, errno := s.Read(b, p) // told once
	want(t, "read", errno, 0)
	if n != 0 {
		t.Fatalf("read %d", n)
	}
	_, errno = s.Write(b, p)
	want(t, "write", errno, errBrokenPipe)
	want(t, "close write", s.CloseWrite(b), errNotConnected)
}

func TestWriteToClosedPeer(t *testing.T) {
	var s System
	_, a, b := pair(t, &s)
	s.Close(a)
	n, errno := s.Write(b, []byte("abc"))
	want(t, "first write", errno, 0)
	if n != 3 {
		t.Fatalf("wrote %d", n)
	}
	_, errno = s.Write(b, []byte("abc"))
	want(t, "second write", errno, errBrokenPipe)
	n, errno = s.Read(b, make([]byte, 8))
	if n != 0 || errno != 0 {
		t.Fatalf("the end is %d, %v", n, errno)
	}
}

func TestBacklog(t *testing.T) {
	var s System
	k, _ := s.Listen(backend.IPv4, inet("127.0.0.1:80"), backend.ListenOptions{Backlog: 1})
	l := s.Install(k)
	w := s.NewWatcher()
	arm(t, w, l)
	var fds []int
	for range 5 {
		fd := s.Socket(backend.IPv4)
		want(t, "connect", s.Connect(fd, inet("127.0.0.1:80")), errInProgress)
		fds = append(fds, fd)
	}
	ready(t, w, l, backend.Readable)
	for i, state := range []syscall.Errno{0, 0, errInProgress, errInProgress, errInProgress} {
		want(t, "connected", s.Connected(fds[i]), state)
	}
	arm(t, w, fds[3])
	s.Close(fds[2]) // gives up waiting
	if _, errno := s.Accept(l); errno != 0 {
		t.Fatal(errno)
	}
	events := collect(w)
	if len(events) != 2 || events[0].FD != l || events[1].FD != fds[3] || events[1].Ready != backend.Writable {
		t.Fatalf("edges %+v", events)
	}
	want(t, "connected", s.Connected(fds[3]), 0)
	// Closing resets what waits in the backlog and refuses what waits for it.
	s.Close(l)
	_, errno := s.Read(fds[1], make([]byte, 1))
	want(t, "read", errno, errReset)
	want(t, "connected", s.Connected(fds[4]), errRefused)
}

func TestDelay(t *testing.T) {
	var s System
	s.Advance(1000)
	s.SetDelay(10)
	k, _ := s.Listen(backend.IPv4, inet("127.0.0.1:80"), backend.ListenOptions{})
	l, a := s.Install(k), s.Socket(backend.IPv4)
	s.Connect(a, inet("127.0.0.1:80"))
	if _, errno := s.Accept(l); errno != errAgain {
		t.Fatal("accepted at once")
	}
	if at := s.NextArrival(); at != 1010 {
		t.Fatalf("arrives at %d", at)
	}
	s.Advance(1010)
	b, errno := s.Accept(l)
	want(t, "accept", errno, 0)
	s.Write(a, []byte("abc"))
	s.SetDelay(0)
	s.Write(a, []byte("def")) // does not overtake
	s.CloseWrite(a)
	p := make([]byte, 8)
	s.Advance(1019)
	_, errno = s.Read(b, p)
	want(t, "read", errno, errAgain)
	s.Advance(1020)
	if n, _ := s.Read(b, p); string(p[:n]) != "abcdef" {
		t.Fatalf("read %q", p[:n])
	}
	if n, errno := s.Read(b, p); n != 0 || errno != 0 {
		t.Fatalf("read %d, %v", n, errno)
	}
	if s.NextArrival() != Never {
		t.Error("something is still under way")
	}
}

func TestAddresses(t *testing.T) {
	var s System
	for _, c := range []struct {
		family backend.Family
		at     string
		errno  syscall.Errno
	}{
		{backend.IPv4, "127.0.0.1:80", 0},
		{backend.IPv4, "127.0.0.1:80", errInUse},
		{backend.IPv4, "127.0.0.2:80", 0},
		{backend.IPv4, "0.0.0.0:80", errInUse},
		{backend.Dual, "[::]:80", errInUse},
		{backend.IPv6, "[::]:80", 0},
		{backend.IPv6, "[::1]:80", errInUse},
		{backend.Dual, "[::]:81", 0},
		{backend.IPv4, "10.0.0.1:81", errInUse},
		{backend.IPv4, "[::1]:82", errBadFamily},
		{backend.IPv6, "127.0.0.1:82", errBadFamily},
		{backend.Unix, "127.0.0.1:82", errBadFamily},
	} {
		_, errno := s.Listen(c.family, inet(c.at), backend.ListenOptions{})
		want(t, c.at, errno, c.errno)
	}
	for _, c := range []struct {
		family backend.Family
		to     string
		now    syscall.Errno
		then   syscall.Errno
	}{
		{backend.IPv4, "127.0.0.2:80", errInProgress, 0},
		{backend.Dual, "[::ffff:127.0.0.1]:80", errInProgress, 0},
		{backend.Dual, "[fe80::1]:80", errInProgress, 0},
		{backend.IPv4, "0.0.0.0:81", errInProgress, 0},
		{backend.IPv4, "127.0.0.3:80", errInProgress, errRefused},
		{backend.IPv6, "127.0.0.1:80", errBadFamily, errNotConnected},
	} {
		fd := s.Socket(c.family)
		want(t, c.to, s.Connect(fd, inet(c.to)), c.now)
		want(t, c.to, s.Connected(fd), c.then)
	}
}

// counted is a connection whose bytes count up.
type counted struct {
	System
	a, b           int
	sent, received byte
}

func (s *counted) write(n int) {
	n, _ = s.Write(s.a, []byte{s.sent, s.sent + 1, s.sent + 2, s.sent + 3}[:n])
	s.sent += byte(n)
}

func (s *counted) read(t *testing.T) {
	t.Helper()
	p := make([]byte, 50)
	n, errno := s.Read(s.b, p)
	if errno != 0 && errno != errAgain || n == 0 && errno == 0 {
		t.Fatalf("%v behind %d of %d bytes", errno, s.received, s.sent)
	}
	for _, c := range p[:n] {
		if c != s.received {
			t.Fatalf("got %d, want %d", c, s.received)
		}
		s.received++
	}
}

// Whatever links change while bytes are under way, they arrive in their order, before the
// end, and none is lost.
func TestLinksKeepOrder(t *testing.T) {
	rates := []int{0, 0, 1, 3, 1000, 1 << 30}
	for seed := range uint64(300) {
		random := rand.New(rand.NewPCG(seed, 1))
		var s counted
		_, s.a, s.b = pair(t, &s.System)
		for range 40 {
			switch random.IntN(4) {
			case 0:
				s.SetDelay(random.Int64N(3) * 1e9)
			case 1:
				s.LinkTo(inet("127.0.0.1:80"), Link{Rate: rates[random.IntN(len(rates))]})
			case 2:
				s.Advance(s.now + random.Int64N(2e9))
				s.read(t)
			case 3:
				s.write(random.IntN(5))
			}
		}
		s.CloseWrite(s.a)
		for s.received != s.sent {
			s.Advance(s.NextArrival())
			s.read(t)
		}
		for s.NextArrival() != Never {
			s.Advance(s.NextArrival())
		}
		if n, errno := s.Read(s.b, make([]byte, 1)); n != 0 || errno != 0 {
			t.Fatalf("seed %d: %d, %v in place of the end", seed, n, errno)
		}
	}
}

// A reset that arrives together with the last bytes does not overtake them.
func TestResetBehindBytesOfOneTime(t *testing.T) {
	var s System
	_, a, b := pair(t, &s)
	s.SetDelay(1000)
	s.SetRate(2_000_000_000)
	s.Write(a, make([]byte, 1461)) // two packets, half a nanosecond apart
	s.Advance(730)
	s.Lookup(a).SetResetOnClose(true)
	s.Close(a)
	s.Advance(1730)
	n, errno := s.Read(b, make([]byte, 2000))
	want(t, "read", errno, 0)
	if n != 1461 {
		t.Errorf("%d bytes arrived before the reset", n)
	}
	_, errno = s.Read(b, make([]byte, 1))
	want(t, "read", errno, errReset)
}
