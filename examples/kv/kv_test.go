package main

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/completionport/completion"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// serving is a server in this process.
type serving struct {
	server
	*shared
	t       *testing.T
	queue   *queueServer // nil in net style
	network *completion.Memory
	served  chan struct{}
	stopped bool
	drained error         // what drain returned
	stderr  *bytes.Buffer // valid after stop
}

func (s *serving) begin() *serving {
	s.served = make(chan struct{})
	go func() { s.serve(); close(s.served) }()
	s.t.Cleanup(func() { // after a failed test
		if !s.stopped {
			s.drain()
			<-s.served
		}
	})
	return s
}

// serveMemory serves on a network in memory.
func serveMemory(t *testing.T, workers int) *serving {
	t.Helper()
	s := &serving{t: t, network: new(completion.Memory), stderr: new(bytes.Buffer)}
	port, err := completion.Open(&completion.Config{Memory: s.network})
	if err != nil {
		t.Fatal(err)
	}
	listener, err := port.Listen("tcp", "10.0.0.1:6379")
	if err != nil {
		t.Fatal(err)
	}
	s.queue = newQueue(options{workers: workers, timeout: time.Hour}, port, listener, s.stderr)
	s.server, s.shared = s.queue, s.queue.shared
	return s.begin()
}

// needBackend skips a test on systems where no port can be opened yet.
func needBackend(t *testing.T) {
	t.Helper()
	port, err := completion.Open(nil)
	if errors.Is(err, errors.ErrUnsupported) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	port.Close()
}

// serveTCP serves on the loopback with these arguments.
func serveTCP(t *testing.T, args ...string) *serving {
	t.Helper()
	needBackend(t)
	s := &serving{t: t, stderr: new(bytes.Buffer)}
	var err error
	if s.server, err = open(append([]string{"-listen", "127.0.0.1:0"}, args...), io.Discard, s.stderr); err != nil {
		t.Fatal(err)
	}
	switch of := s.server.(type) {
	case *queueServer:
		s.queue, s.shared = of, of.shared
	case *netServer:
		s.shared = of.shared
	}
	return s.begin()
}

// stop stops the server and checks that nothing is left.
func (s *serving) stop() {
	s.t.Helper()
	s.stopped = true
	s.drained = s.drain()
	<-s.served
	if n := s.connected.Load(); n != 0 {
		s.t.Errorf("at the end %d clients are connected", n)
	}
	if s.queue == nil {
		return
	}
	st := s.queue.port.Stats()
	if st.InFlight != 0 || st.Queued != 0 || st.Handles != 0 || st.Submitted != st.Completed {
		s.t.Errorf("at the end: %+v", st)
	}
	if in, out := s.queue.input.Lent(), s.queue.answers.Lent(); in != 0 || out != 0 {
		s.t.Errorf("at the end %d and %d buffers are lent", in, out)
	}
}

// stopWith is stop, and checks how many clients failed.
func (s *serving) stopWith(failed int64) {
	s.t.Helper()
	s.stop()
	if n := s.failed.Load(); n != failed || s.drained != nil {
		s.t.Errorf("%d clients failed, want %d, and the end: %v", n, failed, s.drained)
	}
}

// peer is a client of the test.
type peer struct {
	net.Conn
	t *testing.T
}

// dial connects a client.
func (s *serving) dial() *peer {
	s.t.Helper()
	var conn net.Conn
	var err error
	if s.network != nil {
		conn, err = s.network.Dial("tcp", "10.0.0.1:6379")
	} else {
		conn, err = net.Dial("tcp", s.addr().String())
	}
	if err != nil {
		s.t.Fatal(err)
	}
	return &peer{conn, s.t}
}

// send sends bytes that the server takes.
func (p *peer) send(text string) {
	p.t.Helper()
	if _, err := io.WriteString(p, text); err != nil {
		p.t.Fatal(err)
	}
}

// expect checks what the server answers.
func (p *peer) expect(want string) {
	p.t.Helper()
	got := make([]byte, len(want))
	n, err := io.ReadFull(p, got)
	if string(got) != want || err != nil {
		p.t.Fatalf("the answer is %q, %v, want %q", brief(got[:n]), err, brief([]byte(want)))
	}
}

func brief(b []byte) []byte { return b[:min(len(b), 200)] }

// ask sends requests and checks the answer, and that there is no more than that.
func (p *peer) ask(requests, want string) {
	p.t.Helper()
	p.send(requests + array("ECHO", "the end"))
	p.expect(want + "$7\r\nthe end\r\n")
}

// expectEnd checks that the server ends the connection, and closes it.
func (p *peer) expectEnd() {
	p.t.Helper()
	if rest, err := io.ReadAll(p); len(rest) > 0 || err != nil {
		p.t.Fatalf("the rest is %q, %v, want the end", brief(rest), err)
	}
	p.Close()
}

// badUse are command lines that end with status 2 and one line that contains the given text.
var badUse = []struct {
	name, says string
	args       []string
	anywhere   bool // refused before a port is opened
}{
	{"UnknownFlag", "-frobnicate", []string{"-frobnicate"}, true},
	{"Argument", `"more"`, []string{"more"}, true},
	{"Style", `"thread"`, []string{"-style", "thread"}, true},
	{"ZeroTimeout", "0s", []string{"-timeout", "0s"}, true},
	{"LongTimeout", "25h", []string{"-timeout", "25h"}, true},
	{"NoDuration", "soon", []string{"-timeout", "soon"}, true},
	{"NoWorkers", "-workers 0", []string{"-workers", "0"}, true},
	{"ManyWorkers", "-workers 1001", []string{"-workers", "1001"}, true},
	{"WorkersOnNet", "-workers 2", []string{"-workers", "2", "-style", "net"}, true},
	{"BackendOfNet", "-backend epoll", []string{"-backend", "epoll", "-style", "net"}, true},
	{"Backend", `"abacus"`, []string{"-backend", "abacus"}, true},
	{"TraceNotHere", "-trace", []string{"-trace", "no/such/folder/trace.html"}, true},
	{"TraceOfNet", "queue style", []string{"-trace", "FILE", "-style", "net"}, true},
	{"NoPort", "missing port", []string{"-listen", "nowhere"}, false},
	{"BadPort", "99999", []string{"-listen", "127.0.0.1:99999"}, false},
	{"NotHere", "192.0.2.1:1", []string{"-listen", "192.0.2.1:1"}, false},
	{"NotHereNet", "192.0.2.1:1", []string{"-listen", "192.0.2.1:1", "-style", "net"}, false},
}

// withFile returns args with the name of a file that may be written in the place of FILE.
func withFile(t *testing.T, args []string) []string {
	args = slices.Clone(args)
	if i := slices.Index(args, "FILE"); i >= 0 {
		f, err := os.CreateTemp("", "kv-*.html")
		if err != nil {
			t.Fatal(err)
		}
		f.Close()
		t.Cleanup(func() { os.Remove(f.Name()) }) // in vain on Windows, if it is still open
		args[i] = f.Name()
	}
	return args
}

func TestBadUse(t *testing.T) {
	for _, c := range badUse {
		t.Run(c.name, func(t *testing.T) {
			if !c.anywhere {
				needBackend(t)
			}
			var stdout, stderr bytes.Buffer
			if status := run(withFile(t, c.args), &stdout, &stderr); status != 2 || stdout.Len() > 0 {
				t.Errorf("exit status %d, want 2, stdout is %q", status, &stdout)
			}
			line, rest, whole := strings.Cut(stderr.String(), "\n")
			if !whole || rest != "" || !strings.HasPrefix(line, "kv: ") || !strings.Contains(line, c.says) {
				t.Errorf("stderr is %q, want one line that says %q", &stderr, c.says)
			}
		})
	}
}

func TestHelp(t *testing.T) {
	var stdout, stderr bytes.Buffer
	if status := run([]string{"-h"}, &stdout, &stderr); status != 0 || stderr.Len() > 0 {
		t.Errorf("status %d, stderr %q", status, &stderr)
	}
	for _, name := range []string{"-listen", "-backend", "-style", "-workers", "-timeout", "-trace"} {
		if !strings.Contains(stdout.String(), name) {
			t.Errorf("help has no %s", name)
		}
	}
}
