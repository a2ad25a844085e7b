package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/completionport/completion"
)

// serving is a server in this process.
type serving struct {
	*server
	t      *testing.T
	served chan struct{}
}

// serveHere starts a server in this process with these arguments.
func serveHere(t *testing.T, args ...string) serving {
	t.Helper()
	needBackend(t)
	s, err := open(append([]string{"-listen", "127.0.0.1:0"}, args...), io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	s.stderr = io.Discard
	served := make(chan struct{})
	go func() { s.serve(); close(served) }()
	return serving{s, t, served}
}

// stop stops the server, checks that nothing is left, and returns the report.
func (s serving) stop() string {
	s.t.Helper()
	var report strings.Builder
	err := s.drain()
	<-s.served
	if err != nil {
		s.t.Error(err)
	}
	if _, lent := s.total(); lent != 0 {
		s.t.Errorf("%d buffers still lent", lent)
	}
	s.report(&report, err)
	return report.String()
}

// dial connects a client.
func (s serving) dial() net.Conn {
	s.t.Helper()
	conn, err := net.Dial("tcp", s.shards[0].listener.Addr().String())
	if err != nil {
		s.t.Fatal(err)
	}
	return conn
}

// echo sends text and checks that it comes back.
func (s serving) echo(conn net.Conn, text string) {
	s.t.Helper()
	if _, err := io.WriteString(conn, text); err != nil {
		s.t.Fatal(err)
	}
	back := make([]byte, len(text))
	if _, err := io.ReadFull(conn, back); err != nil || string(back) != text {
		s.t.Fatalf("sent %q, got %q, %v", text, back, err)
	}
}

// All workers except the one that polls fall asleep eventually.
func TestWorkers(t *testing.T) {
	const workers = 5
	s := serveHere(t, "-workers", strconv.Itoa(workers))
	for begun := time.Now(); ; time.Sleep(time.Millisecond) {
		st := s.shards[0].port.Stats()
		if st.Leading && st.Waiting == workers-1 {
			break
		}
		if time.Since(begun) > 2*time.Minute {
			t.Errorf("%d wait beside the one that polls, want %d", st.Waiting, workers-1)
			break
		}
	}
	s.stop()
}

// reusePortWorks reports whether several listeners can share an address.
func reusePortWorks(t *testing.T) bool {
	t.Helper()
	needBackend(t)
	port, err := completion.Open(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer port.Close()
	_, err = completion.ListenConfig{ReusePort: true}.Listen(port, "tcp", "127.0.0.1:0")
	if err != nil && !errors.Is(err, errors.ErrUnsupported) {
		t.Fatal(err)
	}
	return err == nil
}

// Each port gets connections, and the report covers all ports.
func TestPorts(t *testing.T) {
	for _, style := range []string{"queue", "await"} {
		t.Run(style, func(t *testing.T) {
			if !reusePortWorks(t) {
				var stdout, stderr bytes.Buffer
				status := run([]string{"-style", style, "-listen", "127.0.0.1:0", "-ports", "3"}, &stdout, &stderr)
				checkRefusal(t, status, stdout.String(), stderr.String(), "use -workers")
				return
			}
			s := serveHere(t, "-style", style, "-ports", "3")
			useAll(s, 3)
		})
	}
}

// useAll connects until each of the ports has a connection, and checks the report.
func useAll(s serving, ports int) {
	s.t.Helper()
	if len(s.shards) != ports {
		s.t.Fatalf("%d ports, want %d", len(s.shards), ports)
	}
	var conns []net.Conn
	for used := 0; used < ports; {
		if len(conns) == 1000 {
			s.t.Fatalf("1000 connections, and they use %d of %d ports", used, ports)
		}
		conn := s.dial()
		s.echo(conn, "hello")
		conns = append(conns, conn)
		used = 0
		for _, sh := range s.shards {
			used += min(1, sh.port.Stats().Handles-1) // without the listener
		}
	}
	for _, conn := range conns {
		conn.Close()
	}
	checkSums(s, len(conns), len("hello")*len(conns))
}

// checkSums stops a server and checks its report about all its ports.
func checkSums(s serving, conns, bytes int) {
	s.t.Helper()
	report := s.stop()
	for _, want := range []string{
		fmt.Sprintf("  %d accepted, 0 failed\n", conns),
		fmt.Sprintf("  %d bytes\n", bytes),
		" 0 in flight, 0 queued\n", " 0 handles, 0 buffers lent\n",
	} {
		if !strings.Contains(report, want) {
			s.t.Errorf("the report has no %q:\n%s", want, report)
		}
	}
	sum, _ := s.total() // each connection has at least an accept, two reads and a write
	if n := 4 * uint64(conns); sum.Submitted < n || sum.Submitted != sum.Completed {
		s.t.Errorf("%d operations submitted, at least %d expected, %d completed", sum.Submitted, n, sum.Completed)
	}
}

// The error on systems without ReusePort names the flag. An unrelated error stays
// unchanged.
func TestPortsRefused(t *testing.T) {
	refused, other := &net.OpError{Op: "listen", Err: errors.ErrUnsupported}, errors.New("other")
	one, two := &server{options: options{ports: 1}}, &server{options: options{ports: 2}}
	err := two.explain(refused)
	if !errors.Is(err, errors.ErrUnsupported) || !strings.Contains(err.Error(), "-ports 2") ||
		!strings.Contains(err.Error(), "use -workers") {
		t.Errorf("the explanation is %v", err)
	}
	if err := one.explain(refused); err != refused {
		t.Errorf("with one port: %v", err)
	}
	if err := two.explain(other); err != other {
		t.Errorf("of another error: %v", err)
	}
}

// The size is that of a buffer, and so the most that a read returns: bytes that a client
// sends at once arrive in at least that many pieces.
func TestBuffer(t *testing.T) {
	const size = 100
	for _, c := range []struct {
		args   []string
		size   int
		pieces uint64
	}{
		{nil, 64 << 10, 1},
		{[]string{"-buffer", "100"}, size, 10},
		{[]string{"-buffer", "100", "-style", "await"}, size, 10},
	} {
		s := serveHere(t, c.args...)
		buffer := s.shards[0].pool.Take()
		if n := len(buffer.Bytes()); n != c.size {
			t.Errorf("%v: a buffer has %d bytes, want %d", c.args, n, c.size)
		}
		buffer.Release()
		conn := s.dial()
		s.echo(conn, strings.Repeat("x", 10*size))
		conn.Close()
		s.stop()
		// A read and a write for each piece.
		if sum, _ := s.total(); sum.Submitted < 2*c.pieces {
			t.Errorf("%v: %d operations, at least %d expected", c.args, sum.Submitted, 2*c.pieces)
		}
	}
}
