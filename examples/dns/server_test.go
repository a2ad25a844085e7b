package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/completionport/completion"
	"github.com/completionport/completion/ops"
	"go.uber.org/goleak"
	"golang.org/x/net/dns/dnsmessage"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	here = "10.0.0.1:53"
	idle = time.Hour
)

// world is a server, and a port of the test on the same network.
type world struct {
	program
	*counts
	t       *testing.T
	server  *server            // nil with -style net
	network *completion.Memory // nil on sockets of the system
	test    *completion.Port
	ended   chan struct{}
	stopped bool
}

// inBubble runs a test with a server on a Memory. Time passes only while all goroutines wait.
func inBubble(t *testing.T, workers int, test func(w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := &world{t: t, network: new(completion.Memory)}
		config := &completion.Config{Memory: w.network}
		port, err := completion.Open(config)
		must(t, err)
		w.test, err = completion.Open(config)
		must(t, err)
		w.server, err = newServer(options{address: here, workers: workers, batch: 32, idle: idle}, example(t), port, io.Discard)
		must(t, err)
		w.program, w.counts = w.server, &w.server.counts
		defer w.begin()()
		test(w)
	})
}

// begin starts the server, and returns what ends it if the test has not.
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

// stop stops the server, and checks that nothing is left, and what it reports.
func (w *world) stop(says string) {
	w.t.Helper()
	w.stopped = true
	drained := w.drain()
	<-w.ended
	var report strings.Builder
	w.program.report(&report, drained)
	want := []string{"stopped, all written\n", says}
	if w.server != nil {
		want = append(want, " 0 in flight, 0 queued\n", " 0 handles, 0 buffers lent\n")
	}
	for _, line := range want {
		if !strings.Contains(report.String(), line) {
			w.t.Errorf("the report has no %q:\n%s", line, &report)
		}
	}
}

// at is the address of the server.
func (w *world) at() netip.AddrPort { return w.addr().(*net.UDPAddr).AddrPort() }

// resolver is a client over UDP.
func (w *world) resolver() *completion.PacketSocket {
	w.t.Helper()
	s, err := w.test.DialPacket("udp", w.at().String())
	must(w.t, err)
	return s
}

func (w *world) send(s *completion.PacketSocket, message []byte) {
	w.t.Helper()
	must(w.t, w.test.Await(w.t.Context(), &ops.WriteTo{To: s, Buf: completion.Own(message)}))
}

// receive returns the next answer, or nil if there is none for a minute.
func (w *world) receive(s *completion.PacketSocket) []byte {
	w.t.Helper()
	r := &ops.ReadFrom{From: s, Buf: completion.Own(make([]byte, 2000)), Op: completion.Op{Timeout: time.Minute}}
	switch err := w.test.Await(w.t.Context(), r); {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil
	case err != nil:
		w.t.Fatal(err)
	}
	return r.Buf.Bytes()
}

// Queries that come together are answered, each with its own number.
func TestUDP(t *testing.T) {
	for _, workers := range []int{1, 3} {
		inBubble(t, workers, func(w *world) {
			s := w.resolver()
			const n = 200
			for id := range n {
				c := questions[id%len(questions)]
				w.send(s, ask(t, uint16(id), c.name, c.kind, 0))
			}
			seen := make(map[uint16]bool)
			for range n {
				answer := w.receive(s)
				id := binary.BigEndian.Uint16(answer)
				if got := tell(t, answer); got != questions[int(id)%len(questions)].want {
					t.Errorf("%d: %s", id, got)
				}
				seen[id] = true
			}
			if len(seen) != n {
				t.Errorf("%d queries are answered, want %d", len(seen), n)
			}
			w.stop("UDP          200 answers, 0 not sent\n")
		})
	}
}

// What has no answer, is too large for a query, or can't be answered, costs the others nothing.
func TestUDPGoesOn(t *testing.T) {
	inBubble(t, 1, func(w *world) {
		s := w.resolver()
		query := ask(t, 1, "ns1.example.test.", dnsmessage.TypeA, 0)
		w.network.Delay(time.Second) // they arrive together
		w.send(s, nil)
		w.send(s, []byte{1, 2, 3})
		w.send(s, append(slices.Clone(query), make([]byte, 2000)...))
		answer := slices.Clone(query)
		answer[2] |= 0x80
		w.send(s, answer)
		for range 4 {
			w.send(s, query)
		}
		w.network.Fail("receive", syscall.ENOBUFS, 2)
		w.network.Fail("send", syscall.ENOBUFS, 1)
		for range 3 {
			if got := w.receive(s); !strings.HasPrefix(tell(t, got), "Success") {
				t.Errorf("the answer is %x", got)
			}
		}
		if got := w.receive(s); got != nil {
			t.Errorf("there is another answer: %x", got)
		}
		w.stop("UDP          3 answers, 1 not sent\n")
	})
}

// Queries that come together are answered with one operation for all.
func TestBatches(t *testing.T) {
	inBubble(t, 1, func(w *world) {
		s := w.resolver()
		query := ask(t, 1, "ns1.example.test.", dnsmessage.TypeA, 0)
		synctest.Wait()
		before := w.server.port.Stats().Submitted
		w.network.Delay(time.Second)
		for range 32 {
			w.send(s, query)
		}
		for range 32 {
			w.receive(s)
		}
		if n := w.server.port.Stats().Submitted - before; n > 4 {
			t.Errorf("%d operations for 32 queries", n)
		}
	})
}

// framed puts the length before each message.
func framed(messages ...[]byte) (stream []byte) {
	for _, m := range messages {
		stream = append(binary.BigEndian.AppendUint16(stream, uint16(len(m))), m...)
	}
	return stream
}

// client is a client over TCP.
type client struct {
	net.Conn
	t *testing.T
}

func (w *world) dial() *client {
	w.t.Helper()
	conn, err := w.network.Dial("tcp", here)
	must(w.t, err)
	return &client{conn, w.t}
}

func (c *client) send(b []byte) {
	c.t.Helper()
	_, err := c.Write(b)
	must(c.t, err)
}

// expect reads an answer and checks its number and its start.
func (c *client) expect(id uint16, want string) {
	c.t.Helper()
	var size [2]byte
	_, err := io.ReadFull(c, size[:])
	must(c.t, err)
	answer := make([]byte, binary.BigEndian.Uint16(size[:]))
	_, err = io.ReadFull(c, answer)
	must(c.t, err)
	if got := tell(c.t, answer); binary.BigEndian.Uint16(answer) != id || !strings.HasPrefix(got, want) {
		c.t.Fatalf("%d, %s, want %d, %s", binary.BigEndian.Uint16(answer), got, id, want)
	}
}

// expectEnd checks that the server ends the connection, and closes it.
func (c *client) expectEnd() {
	c.t.Helper()
	if rest, err := io.ReadAll(c); len(rest) > 0 || err != nil && !errors.Is(err, syscall.ECONNRESET) && !errors.Is(err, syscall.Errno(10054)) {
		c.t.Fatalf("the rest is %x, %v, want the end", rest, err)
	}
	c.Close()
}

// Queries may come together, or in pieces of any size. The answers are in their order, and
// nothing is cut off. A message that has no answer is skipped.
func TestTCP(t *testing.T) {
	inBubble(t, 2, func(w *world) {
		var messages [][]byte
		for id, c := range questions {
			messages = append(messages, ask(t, uint16(id), c.name, c.kind, 0), []byte("no query"))
		}
		stream := framed(messages...)
		for _, size := range []int{len(stream), 100, 3, 1} {
			c := w.dial()
			go func() {
				for rest := stream; len(rest) > 0; rest = rest[min(size, len(rest)):] {
					c.Write(rest[:min(size, len(rest))])
				}
			}()
			for id, q := range questions {
				c.expect(uint16(id), strings.Replace(q.want, " tc", "\nlarge.example.test. 3600 TXT", 1))
			}
			synctest.Wait()
			if n := w.server.inputs.Lent() + w.server.answers.Lent(); n != 0 {
				t.Errorf("a silent client has %d buffers", n)
			}
			c.Close()
		}
		w.stop("TCP          4 connections, 0 failed, 80 answers\n")
	})
}

// A client that asks for much and reads late gets all. The server keeps little meanwhile.
func TestReadsLate(t *testing.T) {
	inBubble(t, 1, func(w *world) {
		c := w.dial()
		const n = 10_000
		go c.Write(bytes.Repeat(framed(ask(t, 7, "large.example.test.", dnsmessage.TypeTXT, 0)), n))
		time.Sleep(idle - 1)
		if answered := w.queries.Load(); answered >= n/2 {
			t.Errorf("%d queries are answered, and no answer is read", answered)
		}
		for range n {
			c.expect(7, "Success aa")
		}
		c.Close()
		w.stop("TCP          1 connections, 0 failed, 10000 answers\n")
	})
}

// Answers that are long enough leave before the other queries that have come are answered.
func TestLongAnswers(t *testing.T) {
	inBubble(t, 1, func(w *world) {
		c := w.dial()
		synctest.Wait()
		before := w.server.port.Stats().Submitted
		const n = 100
		c.send(bytes.Repeat(framed(ask(t, 7, "large.example.test.", dnsmessage.TypeTXT, 0)), n))
		for range n {
			c.expect(7, "Success aa")
		}
		synctest.Wait()
		if n := w.server.port.Stats().Submitted - before; n != 3 {
			t.Errorf("%d operations, want two writes and a read", n)
		}
		c.Close()
	})
}

// A client has the idle time for each query, from its first byte to its last, and as long to
// take an answer.
func TestSlowTCP(t *testing.T) {
	inBubble(t, 1, func(w *world) {
		silent, slow, deaf, began := w.dial(), w.dial(), w.dial(), time.Now()
		query := framed(ask(t, 7, "ns1.example.test.", dnsmessage.TypeA, 0))
		go func() {
			for {
				if _, err := deaf.Write(query); err != nil {
					return
				}
			}
		}()
		time.Sleep(idle / 2)
		slow.send(query)
		slow.expect(7, "Success")
		for i := range 5 {
			slow.send(query[i : i+1])
			time.Sleep(idle / 5)
		}
		slow.expectEnd()
		if took := time.Since(began); took != idle*3/2 {
			t.Errorf("the slow client was served for %v", took)
		}
		silent.expectEnd()
		if n := w.server.port.Stats().Handles; n != 2 {
			t.Errorf("%d handles, want those of the server alone", n)
		}
		deaf.Close()
		w.stop("TCP          3 connections, 2 failed")
	})
}

// What can't be a query ends the connection.
func TestTCPGarbage(t *testing.T) {
	inBubble(t, 1, func(w *world) {
		for _, garbage := range []string{"GET / HTTP/1.1\r\n\r\n", "\xff\xff", "\x0f\xff"} {
			c := w.dial()
			c.send([]byte(garbage))
			c.expectEnd()
		}
		c := w.dial()
		c.send([]byte("\x00\x00\x00\x01a\x00\x0cabcdefghijkl")) // three messages, the last an update
		c.expect('a'<<8|'b', "")
		c.Close()
		w.stop("TCP          4 connections, 3 failed, 1 answers\n")
	})
}

// onSystem returns a server on the sockets of the system.
func onSystem(t *testing.T, args ...string) *world {
	t.Helper()
	w := &world{t: t}
	var err error
	w.test, err = completion.Open(nil)
	if errors.Is(err, errors.ErrUnsupported) {
		t.Skip(err)
	}
	must(t, err)
	w.program, err = open(append([]string{"-listen", "127.0.0.1:0"}, args...), io.Discard, io.Discard)
	if err != nil && slices.Contains(args, "net") && runtime.GOOS == "windows" {
		w.test.Close()
		t.Skip("under Wine, package net opens no socket of UDP: ", err)
	}
	must(t, err)
	w.server, _ = w.program.(*server)
	return w
}

// On the sockets of the system, in both styles.
func TestSystem(t *testing.T) {
	for _, style := range []string{"port", "net"} {
		t.Run(style, func(t *testing.T) {
			w := onSystem(t, "-style", style, "-workers", "2")
			defer w.begin()()
			s := w.resolver()
			for id, c := range questions {
				w.send(s, ask(t, uint16(id), c.name, c.kind, 0))
				if got := tell(t, w.receive(s)); got != c.want {
					t.Errorf("%s", got)
				}
			}
			conn, err := net.Dial("tcp", w.addr().String())
			must(t, err)
			c := &client{conn, t}
			query := ask(t, 1, "www.example.test.", dnsmessage.TypeA, 0)
			c.send(framed(query, query))
			c.expect(1, "Success")
			c.expect(1, "Success")
			c.Close()
			w.stop("UDP          20 answers, 0 not sent\n  TCP          1 connections, 0 failed, 2 answers\n")
		})
	}
}

// Command lines that end with status 2 and one line.
func TestBadUse(t *testing.T) {
	for _, c := range []struct {
		says string
		args []string
	}{
		{"-frobnicate", []string{"-frobnicate"}},
		{`"more"`, []string{"more"}},
		{`"thread"`, []string{"-style", "thread"}},
		{"-workers 0", []string{"-workers", "0"}},
		{"-batch 1001", []string{"-batch", "1001"}},
		{"-idle 0s", []string{"-idle", "0s"}},
		{"-backend epoll", []string{"-backend", "epoll", "-style", "net"}},
		{`"abacus"`, []string{"-backend", "abacus"}},
		{"nowhere", []string{"-zone", "nowhere"}},
		{"main.go: line 1:", []string{"-zone", "main.go"}},
		{"missing port", []string{"-listen", "nowhere", "-style", "net"}},
	} {
		var stdout, stderr bytes.Buffer
		status := run(c.args, &stdout, &stderr)
		line, rest, whole := strings.Cut(stderr.String(), "\n")
		if status != 2 || stdout.Len() > 0 || !whole || rest != "" || !strings.HasPrefix(line, "dns: ") || !strings.Contains(line, c.says) {
			t.Errorf("%q: status %d, %q, %q", c.args, status, &stdout, &stderr)
		}
	}
	var stdout, stderr bytes.Buffer
	if status := run([]string{"-h"}, &stdout, &stderr); status != 0 || !strings.Contains(stdout.String(), "-zone") {
		t.Errorf("help: status %d, %q", status, &stdout)
	}
}
