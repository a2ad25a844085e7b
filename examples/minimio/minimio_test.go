package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/completionport/completion"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const wanted = `five slow responses on one port:
  after 100ms: request 5 has its response that took 100ms
  after 200ms: request 4 has its response that took 200ms
  after 300ms: request 3 has its response that took 300ms
  after 400ms: request 2 has its response that took 400ms
  after 500ms: request 1 has its response that took 500ms

a loop that another goroutine ends:
  from this goroutine to the loop: a *ops.Post
  the port is closed, the loop has ended, 3 operations were delivered
  accept: use of closed network connection
  read: use of closed network connection
  timer: use of closed network connection
  another submit: use of closed network connection
`

// inBubble runs a test in virtual time, on a network in memory. At the end the server has
// nothing left.
func inBubble(t *testing.T, test func(t *testing.T, w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		o := options{address: "127.0.0.1:0", backend: "memory"}
		w, err := o.open()
		if err != nil {
			t.Fatal(err)
		}
		test(t, w)
		if st := w.server.port.Stats(); st.InFlight != 0 || st.Handles != 0 || st.Submitted != st.Completed {
			t.Errorf("the server has left %+v", st)
		}
	})
}

func TestBoth(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		var out strings.Builder
		begun := time.Now()
		if err := w.both(t.Context(), &out); err != nil {
			t.Fatal(err)
		}
		if out.String() != wanted {
			t.Errorf("the output is\n%s", &out)
		}
		if took := time.Since(begun); took != requests*delayUnit {
			t.Errorf("it took %v", took)
		}
	})
}

// With few bytes for each call, the same comes out.
func TestShortTransfers(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		w.config.Memory.LimitTransfer(3)
		var out strings.Builder
		if err := w.both(t.Context(), &out); err != nil || out.String() != wanted {
			t.Errorf("%v, the output is\n%s", err, &out)
		}
	})
}

// On the backend of the system the times are not exact, and everything else is the same.
func TestRun(t *testing.T) {
	port, err := completion.Open(nil)
	if errors.Is(err, errors.ErrUnsupported) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	port.Close()
	var out, stderr bytes.Buffer
	if status := run(nil, &out, &stderr); status != 0 || stderr.Len() > 0 {
		t.Errorf("status %d, %q", status, &stderr)
	}
	_, got, _ := strings.Cut(out.String(), "\n\n")
	if _, want, _ := strings.Cut(wanted, "\n\n"); got != want {
		t.Errorf("the output is\n%s", &out)
	}
	if n := strings.Count(out.String(), " has its response that took "); n != requests {
		t.Errorf("%d responses", n)
	}
}

// Ctrl-C ends the context: the requests that are in flight end, too.
func TestInterrupted(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		ctx, cancel := context.WithTimeout(t.Context(), 2*delayUnit+1)
		defer cancel()
		var out strings.Builder
		if err := w.both(ctx, &out); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("ended with %v", err)
		}
		if n := strings.Count(out.String(), "\n"); n != 3 {
			t.Errorf("the output is\n%s", &out)
		}
	})
}

// A server that can't be reached, or that resets connections, ends the program with an error.
func TestFailures(t *testing.T) {
	for call, errno := range map[string]syscall.Errno{"connect": syscall.ECONNREFUSED, "socket": syscall.EMFILE, "write": syscall.ECONNRESET} {
		inBubble(t, func(t *testing.T, w *world) {
			w.config.Memory.Fail(call, errno, 1)
			if err := w.both(t.Context(), io.Discard); !errors.Is(err, errno) {
				t.Errorf("%s: ended with %v", call, err)
			}
		})
	}
}

// A lack of descriptors makes the slow server slower, and nothing else.
func TestShortage(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		w.config.Memory.Fail("accept", syscall.EMFILE, 10)
		begun := time.Now()
		if err := w.both(t.Context(), io.Discard); err != nil {
			t.Error(err)
		}
		if took, want := time.Since(begun), requests*delayUnit+10*acceptPause; took != want {
			t.Errorf("it took %v, want %v", took, want)
		}
	})
}

// What the slow server answers to clients that are not those of the program.
func TestDelayServer(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		served := make(chan struct{})
		go func() { w.server.serve(); close(served) }()
		for _, c := range []struct{ request, answer string }{
			{"GET /delay/0 HTTP/1.1\r\n\r\n", "HTTP/1.1 200 OK"},
			{"GET /delay/100 HTTP/1.1\r\n\r\n", "HTTP/1.1 200 OK"},
			{"GET /delay/101 HTTP/1.1\r\n\r\n", "HTTP/1.1 400 Bad Request"},
			{"GET /delay/-1 HTTP/1.1\r\n\r\n", "HTTP/1.1 400 Bad Request"},
			{"GET /delay/x HTTP/1.1\r\n\r\n", "HTTP/1.1 400 Bad Request"},
			{"garbage\r\n\r\n", "HTTP/1.1 400 Bad Request"},
			{"GET /delay/1", ""},                      // never complete
			{"GET /" + strings.Repeat("x", 2000), ""}, // too long
			{"", ""},
		} {
			conn := w.dial(t)
			go io.WriteString(conn, c.request)
			answer, _ := io.ReadAll(conn) // a reset is an end, too
			if got, _, _ := strings.Cut(string(answer), "\r\n"); got != c.answer {
				t.Errorf("%.30q is answered with %q", c.request, answer)
			}
			conn.Close()
		}
		w.server.port.Close()
		<-served
	})
}

func (w *world) dial(t *testing.T) net.Conn {
	t.Helper()
	conn, err := w.config.Memory.Dial("tcp", w.server.addr())
	if err != nil {
		t.Fatal(err)
	}
	return conn
}

func TestBadUse(t *testing.T) {
	for _, c := range []struct {
		says string
		args []string
	}{
		{"-frobnicate", []string{"-frobnicate"}},
		{`"more"`, []string{"more"}},
		{`"abacus"`, []string{"-backend", "abacus"}},
		{"missing port", []string{"-backend", "memory", "-listen", "nowhere"}},
		{"99999", []string{"-backend", "memory", "-listen", "127.0.0.1:99999"}},
	} {
		var stdout, stderr bytes.Buffer
		status := run(c.args, &stdout, &stderr)
		line, rest, whole := strings.Cut(stderr.String(), "\n")
		if status != 2 || stdout.Len() > 0 || !whole || rest != "" || !strings.HasPrefix(line, "minimio: ") || !strings.Contains(line, c.says) {
			t.Errorf("%v: status %d, stdout %q, stderr %q", c.args, status, &stdout, &stderr)
		}
	}
}

func TestHelp(t *testing.T) {
	var stdout bytes.Buffer
	if status := run([]string{"-h"}, &stdout, os.Stderr); status != 0 || !strings.Contains(stdout.String(), "-backend") {
		t.Errorf("status %d, %q", status, &stdout)
	}
}
