package main

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"testing"

	"github.com/completionport/completion"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if os.Getenv(serverEnv) != "" {
		serverMain()
		return
	}
	goleak.VerifyTestMain(m)
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

// serving is a server in this process.
type serving struct {
	server
	*counts
	t       *testing.T
	hand    *handServer        // nil in other styles
	network *completion.Memory // nil on the loopback
	served  chan struct{}
	stopped bool
	drained error         // what drain returned
	stderr  *bytes.Buffer // valid after stop
}

func (s *serving) begin() *serving {
	switch of := s.server.(type) {
	case *handServer:
		s.hand, s.counts = of, &of.counts
	case *standard:
		s.counts = &of.counts
	}
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

// serveTCP serves on the loopback with these arguments.
func serveTCP(t *testing.T, args ...string) *serving {
	t.Helper()
	needBackend(t)
	s := &serving{t: t, stderr: new(bytes.Buffer)}
	var err error
	if s.server, err = open(append([]string{"-listen", "127.0.0.1:0"}, args...), io.Discard, s.stderr); err != nil {
		t.Fatal(err)
	}
	return s.begin()
}

// stop stops the server and checks that nothing is left.
func (s *serving) stop() {
	s.t.Helper()
	s.stopped = true
	s.drained = s.drain()
	<-s.served
	if n := s.open.Load(); n != 0 {
		s.t.Errorf("at the end %d connections are open", n)
	}
	var report strings.Builder
	s.server.report(&report, s.drained)
	if _, onNet := strings.CutPrefix(s.name(), "net"); onNet {
		return
	}
	for _, want := range []string{" 0 in flight, 0 queued\n", " 0 handles, 0 buffers lent\n"} {
		if !strings.Contains(report.String(), want) {
			s.t.Errorf("the report has no %q:\n%s", want, &report)
		}
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
		conn, err = s.network.Dial("tcp", here)
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

// badUse are command lines that end with status 2 and one line that contains the given text.
var badUse = []struct {
	name, says string
	args       []string
	anywhere   bool // refused before a port is opened
}{
	{"UnknownFlag", "-frobnicate", []string{"-frobnicate"}, true},
	{"Argument", `"more"`, []string{"more"}, true},
	{"Style", `"thread"`, []string{"-style", "thread"}, true},
	{"ZeroTimeout", "-timeout 0s", []string{"-timeout", "0s"}, true},
	{"LongTimeout", "25h", []string{"-timeout", "25h"}, true},
	{"ZeroIdle", "-idle 0s", []string{"-idle", "0s"}, true},
	{"NoDuration", "soon", []string{"-idle", "soon"}, true},
	{"HandWithTLS", "-tls is for", []string{"-style", "hand", "-tls"}, true},
	{"CertificateAlone", "together", []string{"-tls", "-cert", "x"}, true},
	{"CertificateWithoutTLS", "-tls, which is missing", []string{"-cert", "x", "-key", "y"}, true},
	{"NoCertificate", "nowhere.pem", []string{"-tls", "-cert", "nowhere.pem", "-key", "y"}, true},
	{"BackendOfNet", "-backend epoll", []string{"-backend", "epoll", "-style", "net"}, true},
	{"Backend", `"abacus"`, []string{"-backend", "abacus"}, true},
	{"BackendByHand", `"abacus"`, []string{"-backend", "abacus", "-style", "hand"}, true},
	{"NoPort", "missing port", []string{"-listen", "nowhere"}, false},
	{"NoPortByHand", "missing port", []string{"-listen", "nowhere", "-style", "hand"}, false},
	{"NotHere", "192.0.2.1:1", []string{"-listen", "192.0.2.1:1"}, false},
	{"NotHereByHand", "192.0.2.1:1", []string{"-listen", "192.0.2.1:1", "-style", "hand"}, false},
	{"NotHereNet", "192.0.2.1:1", []string{"-listen", "192.0.2.1:1", "-style", "net"}, false},
}

func TestBadUse(t *testing.T) {
	for _, c := range badUse {
		t.Run(c.name, func(t *testing.T) {
			if !c.anywhere {
				needBackend(t)
			}
			var stdout, stderr bytes.Buffer
			if status := run(c.args, &stdout, &stderr); status != 2 || stdout.Len() > 0 {
				t.Errorf("exit status %d, want 2, stdout is %q", status, &stdout)
			}
			line, rest, whole := strings.Cut(stderr.String(), "\n")
			if !whole || rest != "" || !strings.HasPrefix(line, "http: ") || !strings.Contains(line, c.says) {
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
	for _, name := range []string{"-listen", "-backend", "-style", "-tls", "-cert", "-key", "-timeout", "-idle"} {
		if !strings.Contains(stdout.String(), name) {
			t.Errorf("help has no %s", name)
		}
	}
}
