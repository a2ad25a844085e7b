//go:build unix

package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// patience is when a test is taken for hung. It is no part of any check.
const patience = 2 * time.Minute

// The server is built once, with the race detector if the test has it.
var binaries struct {
	sync.Mutex
	dir  string
	path [2]string
}

func binary(t *testing.T, race bool) string {
	t.Helper()
	binaries.Lock()
	defer binaries.Unlock()
	name, which := "echo", 0
	args := []string{"build", "-buildvcs=false"}
	if race {
		name, which = "echo-race", 1
		args = append(args, "-race")
	}
	if binaries.path[which] != "" {
		return binaries.path[which]
	}
	if binaries.dir == "" {
		dir, err := os.MkdirTemp("", "echo")
		if err != nil {
			t.Fatal(err)
		}
		binaries.dir = dir
	}
	path := filepath.Join(binaries.dir, name)
	if out, err := exec.Command("go", append(args, "-o", path, ".")...).CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	binaries.path[which] = path
	return path
}

func removeBinaries() {
	if binaries.dir != "" {
		os.RemoveAll(binaries.dir)
	}
}

// child is a server that runs as a process of its own.
type child struct {
	t       *testing.T
	cmd     *exec.Cmd
	addr    string
	rest    chan string // of stdout, when it ends
	stderr  chan string // likewise
	warning chan string // the first line of stderr
}

// start runs the server and waits until it listens.
func start(t *testing.T, args ...string) *child {
	t.Helper()
	return startProcess(t, exec.Command(binary(t, underRace), withAddress(args)...))
}

func withAddress(args []string) []string { return append([]string{"-listen", "127.0.0.1:0"}, args...) }

func startProcess(t *testing.T, cmd *exec.Cmd) *child {
	t.Helper()
	needBackend(t)
	c := &child{t: t, cmd: cmd, rest: make(chan string, 1), stderr: make(chan string, 1), warning: make(chan string, 1)}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.kill)
	lines := bufio.NewReader(stdout)
	first, _ := lines.ReadString('\n')
	go collect(lines, c.rest, nil)
	go collect(bufio.NewReader(stderr), c.stderr, c.warning)
	m := regexp.MustCompile(`^listening on (127\.0\.0\.1:[1-9][0-9]*) \([a-z_]+\)\n$`).FindStringSubmatch(first)
	if m == nil {
		cmd.Process.Kill()
		t.Fatalf("the first line is %q, stderr is %q", first, <-c.stderr)
	}
	c.addr = m[1]
	return c
}

// collect reads to the end. If firstLine is not nil, it gets the first line as
// soon as that is there.
func collect(r *bufio.Reader, all, firstLine chan<- string) {
	var text strings.Builder
	if firstLine != nil {
		line, _ := r.ReadString('\n')
		firstLine <- line
		text.WriteString(line)
	}
	io.Copy(&text, r)
	all <- text.String()
}

// kill ends a child that a failed test has left.
func (c *child) kill() {
	if c.cmd.ProcessState == nil {
		c.cmd.Process.Kill()
		c.cmd.Wait()
	}
}

// stop sends the signal, checks that the child ends with status 0 and at rest,
// and returns what it reports: the numbers by the word behind them.
func (c *child) stop(sig os.Signal) (report map[string]int, text, stderr string) {
	c.t.Helper()
	if err := c.cmd.Process.Signal(sig); err != nil {
		c.t.Fatal(err)
	}
	text, stderr = <-c.rest, <-c.stderr
	if err := c.cmd.Wait(); err != nil {
		c.t.Fatalf("%v\n%s%s", err, text, stderr)
	}
	report = make(map[string]int)
	for _, m := range regexp.MustCompile(`(\d+) ([a-z]+)`).FindAllStringSubmatch(text, -1) {
		report[m[2]], _ = strconv.Atoi(m[1])
	}
	for _, word := range []string{"in", "queued", "handles", "buffers"} {
		if n, ok := report[word]; !ok || n != 0 {
			c.t.Errorf("at the end there are %d %s", n, word)
		}
	}
	if report["submitted"] == 0 || report["submitted"] != report["completed"] {
		c.t.Errorf("%d submitted, %d completed", report["submitted"], report["completed"])
	}
	if c.t.Failed() {
		c.t.Logf("the server said:\n%s%s", text, stderr)
	}
	return report, text, stderr
}

// stopClean is stop for a server that had nothing to complain of.
func (c *child) stopClean() map[string]int {
	c.t.Helper()
	report, text, stderr := c.stop(os.Interrupt)
	if !strings.HasPrefix(text, "stopped, all written\n") || stderr != "" {
		c.t.Errorf("the server said:\n%s%s", text, stderr)
	}
	return report
}

// dial connects a client, which the end of the test resets.
func (c *child) dial() *net.TCPConn {
	c.t.Helper()
	conn, err := dial(c.addr)
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() { reset(conn) })
	return conn
}

func dial(addr string) (*net.TCPConn, error) {
	conn, err := net.DialTimeout("tcp", addr, patience)
	if err != nil {
		return nil, err
	}
	return conn.(*net.TCPConn), conn.SetDeadline(time.Now().Add(patience))
}

func reset(conn *net.TCPConn) {
	conn.SetLinger(0)
	conn.Close()
}

// ping sends a few bytes and wants them back.
func ping(conn net.Conn) error {
	sent := []byte(conn.LocalAddr().String())
	if _, err := conn.Write(sent); err != nil {
		return err
	}
	got := make([]byte, len(sent))
	if _, err := io.ReadFull(conn, got); err != nil {
		return err
	}
	if !bytes.Equal(got, sent) {
		return fmt.Errorf("sent %q, got %q", sent, got)
	}
	return nil
}

// check fails the test at once.
func (c *child) check(err error) {
	c.t.Helper()
	if err != nil {
		c.t.Fatal(err)
	}
}
