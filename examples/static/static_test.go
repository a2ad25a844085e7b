package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/completionport/completion"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const here = "10.0.0.1:80"

// The times of the servers in bubbles.
const (
	timeout = time.Hour
	idle    = 10 * time.Hour
)

// modified is when the files of the tests were changed.
var modified = time.Date(2020, 2, 3, 4, 5, 6, 0, time.UTC)

// long is the content of a file of several pieces.
var long = func() []byte {
	b := make([]byte, 3*piece+1)
	r := rand.NewChaCha8([32]byte{1})
	r.Read(b)
	return b
}()

// folder makes the files that the tests serve. It is removed with its files, one by one: Wine
// has no os.RemoveAll.
func folder(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "static")
	must(t, err)
	var made []string
	t.Cleanup(func() {
		for i := range made {
			os.Remove(made[len(made)-1-i])
		}
		if err := os.Remove(dir); err != nil {
			t.Error(err)
		}
	})
	for _, name := range []string{"site", "site/sub", "site/none"} {
		made = append(made, filepath.Join(dir, name))
		must(t, os.Mkdir(made[len(made)-1], 0o755))
	}
	for name, content := range map[string]string{
		"secret": "a secret", "site/index.html": "<p>welcome", "site/sub/index.html": "<p>sub",
		"site/ten.txt": "0123456789", "site/empty": "", "site/a b.css": "p {}", "site/long.bin": string(long),
	} {
		made = append(made, filepath.Join(dir, name))
		must(t, os.WriteFile(made[len(made)-1], []byte(content), 0o644))
		must(t, os.Chtimes(made[len(made)-1], modified, modified))
	}
	return dir
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// serving is a server on a Memory.
type serving struct {
	*server
	t       *testing.T
	network completion.Memory
	client  http.Client
	folder  string
	ended   chan struct{}
	stopped bool
	drained error
	stderr  bytes.Buffer
}

// inBubble runs a test with a server on a Memory. Time passes only while all goroutines wait.
func inBubble(t *testing.T, test func(t *testing.T, s *serving)) {
	t.Helper()
	dir, before := folder(t), descriptors()
	defer func() {
		if n := descriptors(); n != before && !t.Failed() {
			t.Errorf("%d descriptors are open, and were %d before", n, before)
		}
	}()
	synctest.Test(t, func(t *testing.T) {
		s := &serving{t: t, folder: filepath.Join(dir, "site"), ended: make(chan struct{})}
		port, err := completion.Open(&completion.Config{Memory: &s.network})
		must(t, err)
		root, err := os.OpenRoot(s.folder)
		must(t, err)
		s.server, err = newServer(options{address: here, timeout: timeout, idle: idle}, root, port, &s.stderr)
		must(t, err)
		s.client.Transport = &http.Transport{DialContext: func(_ context.Context, network, address string) (net.Conn, error) {
			return s.network.Dial(network, address)
		}}
		s.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
		go func() { s.serve(); close(s.ended) }()
		defer func() { // after a failed test
			if !s.stopped {
				s.client.CloseIdleConnections()
				s.drain()
				<-s.ended
			}
		}()
		test(t, s)
	})
}

// descriptors is the number of open descriptors on Linux, and 0 elsewhere.
func descriptors() int {
	if runtime.GOOS != "linux" { // Wine has descriptors of its own there
		return 0
	}
	open, _ := os.ReadDir("/proc/self/fd")
	return len(open)
}

// stop stops the server, and checks that nothing is left, and how many clients have failed.
func (s *serving) stop(failed int64) {
	s.t.Helper()
	s.stopped = true
	s.client.CloseIdleConnections()
	s.drained = s.drain()
	<-s.ended
	var report strings.Builder
	s.report(&report, s.drained)
	for _, want := range []string{" 0 open\n", " 0 in flight, 0 queued\n", " 0 handles, 0 buffers lent\n"} {
		if !strings.Contains(report.String(), want) {
			s.t.Errorf("the report has no %q:\n%s", want, &report)
		}
	}
	if n := s.failed.Load(); n != failed || s.drained != nil {
		s.t.Errorf("%d clients failed, want %d, and the end: %v", n, failed, s.drained)
	}
}

// get makes a request with package net's client.
func (s *serving) get(method, path string, headers ...string) (*http.Response, string) {
	s.t.Helper()
	r, err := http.NewRequest(method, "http://"+here+path, nil)
	must(s.t, err)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	answer, err := s.client.Do(r)
	must(s.t, err)
	body, err := io.ReadAll(answer.Body)
	must(s.t, err)
	answer.Body.Close()
	return answer, string(body)
}

// peer is a client that sends bytes.
type peer struct {
	net.Conn
	*bufio.Reader
	t *testing.T
}

func (p *peer) Read(b []byte) (int, error) { return p.Reader.Read(b) }

func (s *serving) dial() *peer {
	s.t.Helper()
	conn, err := s.network.Dial("tcp", here)
	must(s.t, err)
	return &peer{conn, bufio.NewReader(conn), s.t}
}

func (p *peer) send(text string) {
	p.t.Helper()
	_, err := io.WriteString(p.Conn, text)
	must(p.t, err)
}

// expect reads an answer, and checks its status and its body.
func (p *peer) expect(status int, want string) *http.Response {
	p.t.Helper()
	answer, err := http.ReadResponse(p.Reader, nil)
	must(p.t, err)
	body, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != status || want != "" && string(body) != want {
		p.t.Fatalf("the answer is %s, %.200q, %v, want %d, %.200q", answer.Status, body, err, status, want)
	}
	return answer
}

// expectEnd checks that the server ends the connection, and closes it.
func (p *peer) expectEnd() {
	p.t.Helper()
	if rest, err := io.ReadAll(p.Reader); len(rest) > 0 || err != nil {
		p.t.Fatalf("the rest is %.200q, %v, want the end", rest, err)
	}
	p.Close()
}

// Both styles, on the sockets of the system.
func TestTCP(t *testing.T) {
	for _, style := range []string{"port", "net"} {
		t.Run(style, func(t *testing.T) {
			p, err := open([]string{"-listen", "127.0.0.1:0", "-style", style, "-root", filepath.Join(folder(t), "site")}, io.Discard, io.Discard)
			if errors.Is(err, errors.ErrUnsupported) {
				t.Skip(err)
			}
			must(t, err)
			served := make(chan struct{})
			go func() { p.serve(); close(served) }()
			client := http.Client{Transport: new(http.Transport)}
			for range 20 {
				answer, err := client.Get("http://" + p.addr().String() + "/long.bin")
				must(t, err)
				if body, err := io.ReadAll(answer.Body); err != nil || !bytes.Equal(body, long) {
					t.Errorf("%d bytes, %v", len(body), err)
				}
				answer.Body.Close()
			}
			client.CloseIdleConnections()
			if err := p.drain(); err != nil {
				t.Error(err)
			}
			<-served
			var report strings.Builder
			p.report(&report, nil)
			if !strings.Contains(report.String(), "1 accepted, 0 failed, 0 open\n  requests     20 answered\n") {
				t.Errorf("the report is %s", &report)
			}
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
		{"-timeout 0s", []string{"-timeout", "0s"}},
		{"25h", []string{"-idle", "25h"}},
		{"-backend epoll", []string{"-backend", "epoll", "-style", "net"}},
		{`"abacus"`, []string{"-backend", "abacus"}},
		{"nowhere", []string{"-root", "nowhere"}},
		{"missing port", []string{"-listen", "nowhere", "-style", "net"}},
	} {
		var stdout, stderr bytes.Buffer
		status := run(c.args, &stdout, &stderr)
		line, rest, whole := strings.Cut(stderr.String(), "\n")
		if status != 2 || stdout.Len() > 0 || !whole || rest != "" || !strings.HasPrefix(line, "static: ") || !strings.Contains(line, c.says) {
			t.Errorf("%q: status %d, %q, %q", c.args, status, &stdout, &stderr)
		}
	}
	var stdout, stderr bytes.Buffer
	if status := run([]string{"-h"}, &stdout, &stderr); status != 0 || !strings.Contains(stdout.String(), "-root") {
		t.Errorf("help: status %d, %q", status, &stdout)
	}
}
