package main

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/completionport/completion"
	"github.com/completionport/completion/ops"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// The addresses on the Memory, and how long a client may be silent there.
const (
	here   = "10.0.0.1:9000"
	target = "10.0.0.2:7000"
	idle   = time.Hour
)

// world is a relay with its target, and a port of the test on the same network.
type world struct {
	*relay
	t       *testing.T
	network *completion.Memory // nil on sockets of the system
	test    *completion.Port
	target  *completion.PacketSocket
	ended   chan struct{}
	stopped bool
}

// inBubble runs a test with a relay on a Memory. Time passes only while all goroutines wait.
func inBubble(t *testing.T, change func(*options), test func(w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := &world{t: t, network: new(completion.Memory)}
		config := &completion.Config{Memory: w.network}
		port, err := completion.Open(config)
		must(t, err)
		w.test, err = completion.Open(config)
		must(t, err)
		w.target = w.listen(target)
		o := options{address: here, to: target, clients: 10, batch: 32, size: 100, idle: idle}
		if change != nil {
			change(&o)
		}
		w.relay, err = newRelay(o, port)
		must(t, err)
		defer w.begin()()
		test(w)
	})
}

// begin starts the relay, and returns what ends it if the test has not.
func (w *world) begin() func() {
	w.ended = make(chan struct{})
	go func() { w.serve(); close(w.ended) }()
	return func() {
		if !w.stopped {
			w.stop("")
		}
		w.test.Close()
	}
}

// stop stops the relay, and checks that nothing is left, and what it reports.
func (w *world) stop(says string) {
	w.t.Helper()
	w.stopped = true
	drained := w.drain()
	<-w.ended
	var report strings.Builder
	w.report(&report, drained)
	for _, want := range []string{"stopped, all written\n", says, " 0 in flight, 0 queued\n", " 0 handles, 0 buffers lent\n"} {
		if !strings.Contains(report.String(), want) {
			w.t.Errorf("the report has no %q:\n%s", want, &report)
		}
	}
}

func (w *world) listen(address string) *completion.PacketSocket {
	w.t.Helper()
	s, err := w.test.ListenPacket("udp", address)
	must(w.t, err)
	return s
}

// send sends datagrams, in their order.
func (w *world) send(from *completion.PacketSocket, to netip.AddrPort, texts ...string) {
	w.t.Helper()
	for _, text := range texts {
		must(w.t, w.test.Await(w.t.Context(), &ops.WriteTo{To: from, Buf: completion.Own([]byte(text)), Addr: to}))
	}
}

// relayAt is the address of the relay for clients.
func (w *world) relayAt() netip.AddrPort { return w.front.LocalAddr().(*net.UDPAddr).AddrPort() }

// receive receives n datagrams, and returns them and the sender of the last. In a bubble it
// fails if they don't come.
func (w *world) receive(at *completion.PacketSocket, n int) (texts []string, from netip.AddrPort) {
	w.t.Helper()
	for range n {
		r := &ops.ReadFrom{From: at, Buf: completion.Own(make([]byte, 2000)), Op: completion.Op{Timeout: time.Minute}}
		if err := w.test.Await(w.t.Context(), r); err != nil {
			w.t.Fatalf("behind %q: %v", texts, err)
		}
		texts, from = append(texts, string(r.Buf.Bytes())), r.Addr
	}
	return texts, from
}

// expect checks that these datagrams come in this order, and in a bubble that no other follows.
func (w *world) expect(at *completion.PacketSocket, want ...string) (from netip.AddrPort) {
	w.t.Helper()
	got, from := w.receive(at, len(want))
	if !slices.Equal(got, want) {
		w.t.Fatalf("received %q, want %q", got, want)
	}
	if w.network == nil {
		return from
	}
	r := &ops.ReadFrom{From: at, Buf: completion.Own(make([]byte, 2000)), Op: completion.Op{Timeout: time.Minute}}
	if err := w.test.Await(w.t.Context(), r); !errors.Is(err, os.ErrDeadlineExceeded) {
		w.t.Fatalf("received %q behind %q: %v", r.Buf.Bytes(), got, err)
	}
	return from
}

// numbers are datagrams with numbers in them.
func numbers(first, last int) (texts []string) {
	for i := first; i <= last; i++ {
		texts = append(texts, fmt.Sprint("datagram ", i))
	}
	return texts
}

// Each client gets its own answers. To the target, each is another peer.
func TestBothDirections(t *testing.T) {
	inBubble(t, nil, func(w *world) {
		peers := make(map[netip.AddrPort]string)
		clients := make(map[string]*completion.PacketSocket)
		for i := range 10 {
			name := fmt.Sprint("client ", i)
			clients[name] = w.listen(fmt.Sprintf("10.0.1.%d:5", i+1))
			w.send(clients[name], w.relayAt(), name)
			peers[w.expect(w.target, name)] = name
		}
		if len(peers) != 10 {
			t.Errorf("the target sees %d peers, want 10", len(peers))
		}
		for peer, name := range peers {
			w.send(w.target, peer, "to "+name, "", "more")
		}
		for name, c := range clients {
			if from := w.expect(c, "to "+name, "", "more"); from != w.relayAt() {
				t.Errorf("the answer comes from %v", from)
			}
		}
		w.stop("10 served\n  datagrams    10 to the target, 30 from it\n")
	})
}

// What the network loses, delays or brings in another order comes so to the other side, and
// nothing twice.
func TestLossAndOrder(t *testing.T) {
	inBubble(t, nil, func(w *world) {
		client := w.listen("10.0.1.1:5")
		w.network.Delay(time.Second)
		must(t, w.network.LinkTo("udp", here, completion.Link{Rate: 10_000}))
		must(t, w.network.LinkFrom("udp", here, completion.Link{Rate: 1000, Delay: time.Minute / 3}))
		var want []string
		for i := 0; i < 300; i += 10 {
			texts := numbers(i, i+9)
			slices.Reverse(texts[2:5]) // a network that reorders: the relay gets them so
			must(t, w.network.Lose("udp", here, i%4))
			w.send(client, w.relayAt(), texts...)
			must(t, w.network.Lose("udp", here, 0))
			want = append(want, texts[i%4:]...)
		}
		peer := w.expect(w.target, want...)
		want = nil
		for i := 0; i < 300; i += 10 {
			texts := append(numbers(i, i+8), "") // the last is empty
			slices.Reverse(texts[5:9])
			must(t, w.network.Lose("udp", peer.String(), i%3))
			w.send(w.target, peer, texts...)
			must(t, w.network.Lose("udp", peer.String(), 0))
			want = append(want, texts[i%3:]...)
		}
		w.expect(client, want...)
		w.stop("1 served\n")
	})
}

// What comes together is sent together.
func TestBatches(t *testing.T) {
	inBubble(t, nil, func(w *world) {
		client := w.listen("10.0.1.1:5")
		w.send(client, w.relayAt(), "first")
		w.expect(w.target, "first")
		before := w.port.Stats().Submitted
		w.network.Delay(time.Second)
		w.send(client, w.relayAt(), numbers(1, 32)...) // they arrive at the same time
		w.expect(w.target, numbers(1, 32)...)
		if n := w.port.Stats().Submitted - before; n > 6 {
			t.Errorf("%d operations for 32 datagrams", n)
		}
	})
}

// A datagram that can't be sent is dropped, and those behind it keep their order. Nobody at the
// target costs no datagram but those that arrive there.
func TestFailures(t *testing.T) {
	for _, c := range []struct {
		failure error
		lost    int
	}{{syscall.ECONNREFUSED, 0}, {syscall.ENOBUFS, 1}} {
		inBubble(t, nil, func(w *world) {
			client := w.listen("10.0.1.1:5")
			w.network.Delay(time.Second)
			w.send(client, w.relayAt(), numbers(1, 100)...)
			w.network.Fail("send", c.failure, 1)
			w.expect(w.target, numbers(1+c.lost, 100)...)
			w.network.Fail("receive", syscall.ECONNREFUSED, 1)
			w.send(client, w.relayAt(), numbers(1, 100)...)
			w.expect(w.target, numbers(1, 100)...)
			w.stop(fmt.Sprintf(" %d not sent\n", c.lost))
		})
	}
}

// While nobody listens at the target, the datagrams are lost, and later ones are not.
func TestTargetComesLate(t *testing.T) {
	inBubble(t, nil, func(w *world) {
		client := w.listen("10.0.1.1:5")
		w.target.Close()
		w.send(client, w.relayAt(), numbers(1, 50)...)
		synctest.Wait()
		w.target = w.listen(target)
		w.send(client, w.relayAt(), numbers(51, 60)...)
		w.expect(w.target, numbers(51, 60)...)
	})
}

// A client that was silent for long has no socket any more. One with datagrams in either
// direction keeps its socket.
func TestIdle(t *testing.T) {
	inBubble(t, nil, func(w *world) {
		silent, sends, receives := w.listen("10.0.1.1:5"), w.listen("10.0.1.2:5"), w.listen("10.0.1.3:5")
		var peers []netip.AddrPort
		for i, s := range []*completion.PacketSocket{silent, sends, receives} {
			w.send(s, w.relayAt(), fmt.Sprint(i))
			peers = append(peers, w.expect(w.target, fmt.Sprint(i)))
		}
		if n := w.pool.Lent(); n != 0 {
			t.Errorf("%d buffers are lent while all are silent", n)
		}
		for range 4 {
			time.Sleep(idle / 2)
			w.send(sends, w.relayAt(), "again")
			if from := w.expect(w.target, "again"); from != peers[1] {
				t.Errorf("the client has become %v, and was %v", from, peers[1])
			}
			w.send(w.target, peers[2], "answer")
			w.expect(receives, "answer")
		}
		synctest.Wait()
		if n := w.port.Stats().Handles; n != 3 {
			t.Errorf("%d handles, want those of two clients and the relay's", n)
		}
		w.send(silent, w.relayAt(), "back")
		if from := w.expect(w.target, "back"); from == peers[0] {
			t.Error("the client has the socket that was closed")
		}
		time.Sleep(3 * idle)
		synctest.Wait()
		if n := w.port.Stats().InFlight; n != 1 {
			t.Errorf("without clients there are %d operations", n)
		}
	})
}

// More clients than -clients, and datagrams that are larger than -size, are dropped.
func TestLimits(t *testing.T) {
	inBubble(t, func(o *options) { o.clients, o.size = 2, 10 }, func(w *world) {
		one, two, three := w.listen("10.0.1.1:5"), w.listen("10.0.1.2:5"), w.listen("10.0.1.3:5")
		w.send(one, w.relayAt(), "01234567890", "0123456789")
		peer := w.expect(w.target, "0123456789")
		w.send(w.target, peer, "01234567890", "0123456789")
		w.expect(one, "0123456789")
		w.send(two, w.relayAt(), "two")
		w.expect(w.target, "two")
		w.send(three, w.relayAt(), "three")
		w.expect(w.target)
		time.Sleep(2 * idle)
		w.send(three, w.relayAt(), "three")
		w.expect(w.target, "three")
		w.stop("dropped      1 of too many clients, 2 too large, 0 not sent\n")
	})
}

// A lack of descriptors costs a datagram, not the relay.
func TestNoSocket(t *testing.T) {
	inBubble(t, nil, func(w *world) {
		client := w.listen("10.0.1.1:5")
		w.network.Fail("socket", syscall.EMFILE, 1)
		w.send(client, w.relayAt(), "1", "2")
		w.expect(w.target, "2")
		w.stop("1 served\n")
	})
}

// A relay that stops sends what it has received.
func TestDrain(t *testing.T) {
	inBubble(t, nil, func(w *world) {
		client := w.listen("10.0.1.1:5")
		w.send(client, w.relayAt(), "1")
		w.expect(w.target, "1")
		w.send(client, w.relayAt(), numbers(1, 500)...)
		w.stop("1 served\n")
	})
}

// On the sockets of the system. The datagrams wait for their answers, so none is lost.
func TestUDP(t *testing.T) {
	w := &world{t: t}
	var err error
	w.test, err = completion.Open(nil)
	if errors.Is(err, errors.ErrUnsupported) {
		t.Skip(err)
	}
	must(t, err)
	w.target = w.listen("127.0.0.1:0")
	w.relay, err = open([]string{"-listen", "127.0.0.1:0", "-to", w.target.LocalAddr().String()}, nil)
	must(t, err)
	defer w.begin()()
	for range 3 {
		client := w.listen("127.0.0.1:0")
		for i := range 20 {
			w.send(client, w.relayAt(), numbers(10*i, 10*i+9)...)
			peer := w.expect(w.target, numbers(10*i, 10*i+9)...)
			w.send(w.target, peer, numbers(10*i, 10*i+9)...)
			w.expect(client, numbers(10*i, 10*i+9)...)
		}
		client.Close()
	}
	w.stop("3 served\n  datagrams    600 to the target, 600 from it\n")
}

// Command lines that end with status 2 and one line.
func TestBadUse(t *testing.T) {
	for _, c := range []struct {
		says string
		args []string
	}{
		{"-frobnicate", []string{"-frobnicate"}},
		{`"more"`, []string{"more"}},
		{"-to is missing", nil},
		{"-clients 0", []string{"-to", "x", "-clients", "0"}},
		{"-size 65536", []string{"-to", "x", "-size", "65536"}},
		{"-batch 1001", []string{"-to", "x", "-batch", "1001"}},
		{"-idle 25h", []string{"-to", "x", "-idle", "25h"}},
		{"missing port", []string{"-to", "nowhere"}},
		{`"abacus"`, []string{"-to", "127.0.0.1:1", "-backend", "abacus"}},
	} {
		var stdout, stderr bytes.Buffer
		status := run(c.args, &stdout, &stderr)
		line, rest, whole := strings.Cut(stderr.String(), "\n")
		if status != 2 || stdout.Len() > 0 || !whole || rest != "" || !strings.HasPrefix(line, "relay: ") || !strings.Contains(line, c.says) {
			t.Errorf("%q: status %d, %q, %q", c.args, status, &stdout, &stderr)
		}
	}
	var stdout, stderr bytes.Buffer
	if status := run([]string{"-h"}, &stdout, &stderr); status != 0 || !strings.Contains(stdout.String(), "-clients") {
		t.Errorf("help: status %d, %q", status, &stdout)
	}
}
