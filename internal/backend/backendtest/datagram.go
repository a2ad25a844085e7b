package backendtest

import (
	"net"
	"net/netip"

	"github.com/completionport/completion/internal/backend"
)

// datagramTests are those of every backend.
var datagramTests = []test{
	{"DatagramsAreWhole", testDatagramsWhole},
	{"DatagramThatDoesNotFit", testDatagramTooLarge},
	{"BatchOfDatagrams", testDatagramBatch},
	{"NoDatagram", testNoDatagram},
	{"RefusalOfAnUnconnectedSocket", testRefusalUnheard},
}

// datagramReadinessTests and datagramNativeTests are those of one kind of kernel.
var (
	datagramReadinessTests = []test{
		{"EdgeForEachDatagram", testDatagramEdges},
		{"RefusalOfAConnectedSocket", testRefusalHeard}, // Wine does not tell of it
	}
	datagramNativeTests = []test{
		{"DatagramIntoOwnMemory", testNativeDatagram},
		{"DatagramThatDoesNotFitIntoOwnMemory", testNativeDatagramTooLarge},
		{"AbandonOfADatagram", testNativeDatagramAbandon},
	}
)

// packets returns a datagram socket that is armed, and its address.
func (w *world) packets() (fd int, at netip.AddrPort) {
	w.Helper()
	loopback := backend.Address{Inet: netip.MustParseAddrPort("127.0.0.1:0")}
	fd, err := w.Kernel.PacketSocket(backend.IPv4, loopback, backend.PacketOptions{})
	if err != nil {
		w.Fatal(err)
	}
	return w.arm(fd), w.Kernel.LocalAddr(fd).(*net.TCPAddr).AddrPort()
}

// post sends a datagram, for which the socket has room.
func (w *world) post(fd int, data string, to netip.AddrPort) {
	w.Helper()
	n, errno := w.Kernel.Send(fd, []backend.Message{{Data: []byte(data), Addr: to}})
	if w.must("send", errno); n != 1 {
		w.Fatalf("%d datagrams sent", n)
	}
}

// roomFor returns messages with memory of n bytes each.
func roomFor(count, n int) []backend.Message {
	messages := make([]backend.Message, count)
	for i := range messages {
		messages[i].Data = make([]byte, n)
	}
	return messages
}

// collect receives up to so many datagrams, and at least one or an errno.
func (w *world) collect(fd int, messages []backend.Message) (int, backend.Errno) {
	w.Helper()
	for {
		n, errno := w.Kernel.Receive(fd, messages)
		class := w.Kernel.Classify(backend.Receive, errno)
		switch {
		case n > 0 || errno != 0 && class == backend.Failed:
			return n, errno
		case class == backend.Again:
		case w.direct() != nil:
			w.until(fd, backend.Readable)
		default:
			w.resultOf(fd, &backend.Message{}) // without memory: it takes nothing
		}
	}
}

// holds checks a datagram.
func (w *world) holds(m *backend.Message, want string, from netip.AddrPort) {
	w.Helper()
	if got := string(m.Data[:m.N]); got != want || m.Addr != from || m.Truncated {
		w.Errorf("datagram %q from %v, truncated %v; want %q from %v", got, m.Addr, m.Truncated, want, from)
	}
}

// Each datagram arrives whole, with its sender, also if it has no bytes.
func testDatagramsWhole(w *world) {
	one, from := w.packets()
	other, at := w.packets()
	for _, data := range []string{"a", "", "datagram", ""} {
		w.post(one, data, at)
		messages := roomFor(1, 20)
		_, errno := w.collect(other, messages)
		w.must("receive", errno)
		w.holds(&messages[0], data, from)
	}
}

// A datagram that is larger than its memory fills it, and leaves nothing for the next one.
func testDatagramTooLarge(w *world) {
	one, from := w.packets()
	other, at := w.packets()
	w.post(one, "larger than its memory", at)
	w.post(one, "fits", at)
	messages := roomFor(1, 6)
	n, errno := w.collect(other, messages)
	if m := messages[0]; n != 1 || errno != 0 || !m.Truncated || m.N != 6 || string(m.Data) != "larger" || m.Addr != from {
		w.Errorf("%d datagrams, %v: %+v", n, errno, m)
	}
	_, errno = w.collect(other, messages)
	w.must("receive", errno)
	w.holds(&messages[0], "fits", from)
}

// A batch has the datagrams in their order, as far as there are any.
func testDatagramBatch(w *world) {
	one, from := w.packets()
	other, at := w.packets()
	all := []backend.Message{{Data: []byte("1"), Addr: at}, {Addr: at}, {Data: []byte("three"), Addr: at}, {Data: []byte("4"), Addr: at}}
	n, errno := w.Kernel.Send(one, all)
	if w.must("send", errno); n != len(all) || all[2].N != 5 {
		w.Fatalf("%d datagrams sent, the third has %d bytes", n, all[2].N)
	}
	for got := 0; got < len(all); {
		messages := roomFor(3, 20)
		n, errno := w.collect(other, messages)
		w.must("receive", errno)
		for i := range n {
			w.holds(&messages[i], string(all[got+i].Data), from)
		}
		got += n
	}
}

// Without a datagram there is nothing, and the errno says so.
func testNoDatagram(w *world) {
	fd, _ := w.packets()
	for range 2 {
		n, errno := w.Kernel.Receive(fd, roomFor(3, 20))
		if n != 0 || w.Kernel.Classify(backend.Receive, errno) != backend.WouldBlock {
			w.Errorf("%d datagrams, %v", n, errno)
		}
	}
}

// deaf returns an address that nobody has.
func (w *world) deaf() netip.AddrPort {
	w.Helper()
	fd, at := w.packets()
	w.closeFD(fd)
	return at
}

// A socket that is not connected is not told that nobody has received what it sent: that
// would be taken for an error of datagrams of others.
func testRefusalUnheard(w *world) {
	one, at := w.packets()
	other, from := w.packets()
	nobody := w.deaf()
	for range 3 {
		w.post(one, "for nobody", nobody)
		w.post(other, "hello", at)
		messages := roomFor(1, 20)
		_, errno := w.collect(one, messages)
		w.must("receive", errno)
		w.holds(&messages[0], "hello", from)
	}
}

// A connected socket is told of it, and goes on.
func testRefusalHeard(w *world) {
	one, _ := w.packets()
	nobody := w.deaf()
	if err := w.Kernel.ConnectPackets(one, backend.Address{Inet: nobody}); err != nil {
		w.Fatal(err)
	}
	w.post(one, "for nobody", netip.AddrPort{})
	if n, errno := w.collect(one, roomFor(1, 20)); n != 0 || errno == 0 {
		w.Errorf("%d datagrams, %v", n, errno)
	}
	n, errno := w.Kernel.Receive(one, roomFor(1, 20))
	if n != 0 || w.Kernel.Classify(backend.Receive, errno) != backend.WouldBlock {
		w.Errorf("it is told twice: %d datagrams, %v", n, errno)
	}
}

// Each datagram that arrives behind a receive that found nothing causes an edge.
func testDatagramEdges(w *world) {
	one, from := w.packets()
	other, at := w.packets()
	for range 5 {
		if n, errno := w.Kernel.Receive(other, roomFor(1, 20)); n != 0 || errno == 0 {
			w.Fatalf("%d datagrams, %v", n, errno)
		}
		w.seen[other] = 0
		w.post(one, "edge", at)
		w.until(other, backend.Readable)
		messages := roomFor(1, 20)
		_, errno := w.collect(other, messages)
		w.must("receive", errno)
		w.holds(&messages[0], "edge", from)
	}
}

// resultOf performs a Receive of one datagram.
func (w *world) resultOf(fd int, m *backend.Message) (int, backend.Errno) {
	w.Helper()
	return w.result(w.startMessage(fd, m))
}

func (w *world) startMessage(fd int, m *backend.Message) *operation {
	o := &operation{fd: fd, kind: backend.Receive}
	o.n, o.errno, o.pending = w.native().StartMessage(fd, backend.Receive, m)
	return o
}

// A receive with memory of its own ends when there is a datagram, whether that was there
// before or not.
func testNativeDatagram(w *world) {
	one, from := w.packets()
	other, at := w.packets()
	for i := range 6 {
		m := &backend.Message{Data: make([]byte, 20)}
		var receive *operation
		if i%2 == 0 {
			receive = w.startMessage(other, m)
		}
		w.post(one, "data", at)
		if receive == nil {
			receive = w.startMessage(other, m)
		}
		if n, errno := w.result(receive); n != 1 || errno != 0 {
			w.Fatalf("%d datagrams, %v", n, errno)
		}
		w.holds(m, "data", from)
	}
}

// A datagram that does not fit fills the memory, whether it was there before or not. The
// packet that the system may have for it is not taken for that of the next operation.
func testNativeDatagramTooLarge(w *world) {
	one, from := w.packets()
	other, at := w.packets()
	for i := range 20 {
		m := &backend.Message{Data: make([]byte, 4)}
		var receive *operation
		if i%3 == 0 {
			receive = w.startMessage(other, m)
		}
		w.post(one, "too large", at)
		if receive == nil {
			receive = w.startMessage(other, m)
		}
		n, errno := w.result(receive)
		if n != 1 || errno != 0 || !m.Truncated || m.N != 4 || string(m.Data) != "too " || m.Addr != from {
			w.Fatalf("%d datagrams, %v: %+v", n, errno, m)
		}
		next := w.startMessage(other, &backend.Message{Data: make([]byte, 20)})
		if w.wait(backend.Look); w.seen[other]&backend.EndedIn != 0 {
			w.Fatal("the next has ended, and there is no datagram")
		}
		if i%2 == 0 {
			w.post(one, "fits", at)
			if n, errno := w.result(next); n != 1 || errno != 0 {
				w.Fatalf("the next: %d datagrams, %v", n, errno)
			}
		} else {
			w.native().Abandon(other, backend.Receive)
			w.result(next)
		}
	}
}

// A receive that is abandoned has an errno of the class Again, and takes no datagram.
func testNativeDatagramAbandon(w *world) {
	one, from := w.packets()
	other, at := w.packets()
	receive := w.startMessage(other, &backend.Message{Data: make([]byte, 20)})
	if !receive.pending {
		w.Fatalf("a receive of nothing has ended: %v", receive.errno)
	}
	if !w.native().Abandon(other, backend.Receive) {
		w.Error("the kernel has found nothing to abandon")
	}
	if _, errno := w.result(receive); w.Kernel.Classify(backend.Receive, errno) != backend.Again {
		w.Errorf("it ends with %v", errno)
	}
	w.post(one, "next", at)
	messages := roomFor(1, 20)
	_, errno := w.collect(other, messages)
	w.must("receive", errno)
	w.holds(&messages[0], "next", from)
}
