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
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// serverEnv makes the test binary the server, if it is set. So the tests need neither the
// go command nor a shell, and the server has the race detector if the tests have it. With
// the value limited, the server may open few descriptors only.
const (
	serverEnv      = "ECHO_TEST_SERVER"
	limited        = "limited"
	fewDescriptors = 64
)

// serverMain is the main function of a server process. It ends with the test, which holds
// the other end of its input.
func serverMain() {
	if os.Getenv(serverEnv) == limited {
		var limit syscall.Rlimit
		err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit)
		if limit.Cur = fewDescriptors; err == nil {
			err = syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(3)
		}
	}
	go func() {
		io.Copy(io.Discard, os.Stdin)
		os.Exit(3)
	}()
	main()
}

// command returns a command that runs the server with these arguments.
func command(t *testing.T, how string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(os.Args[0], args...)
	cmd.Env = append(os.Environ(), serverEnv+"="+how)
	if _, err := cmd.StdinPipe(); err != nil { // it is closed when the process has been waited for
		t.Fatal(err)
	}
	return cmd
}

// child is a server in a process of its own.
type child struct {
	t       *testing.T
	cmd     *exec.Cmd
	addr    string
	rest    chan string // the rest of stdout, when it ends
	stderr  chan string // all of stderr, when it ends
	warning chan string // the first line of stderr
}

// start runs the server and waits until it listens.
func start(t *testing.T, args ...string) *child {
	t.Helper()
	return startAs(t, "unlimited", args...)
}

// startAs is start with that value of serverEnv.
func startAs(t *testing.T, how string, args ...string) *child {
	t.Helper()
	needBackend(t)
	cmd := command(t, how, append([]string{"-listen", "127.0.0.1:0"}, args...)...)
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

// collect reads to the end. If firstLine is not nil, it receives the first line as soon
// as that line is complete.
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

// kill ends a child that a failed test has not stopped.
func (c *child) kill() {
	if c.cmd.ProcessState == nil {
		c.cmd.Process.Kill()
		c.cmd.Wait()
	}
}

// stop sends the signal, checks that the child ends with status 0 and with no resource in
// use, and returns its report: the numbers by the word behind each.
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

// stopClean is stop for a server that must not have printed any warning.
func (c *child) stopClean() map[string]int {
	c.t.Helper()
	report, text, stderr := c.stop(os.Interrupt)
	if !strings.HasPrefix(text, "stopped, all written\n") || stderr != "" {
		c.t.Errorf("the server said:\n%s%s", text, stderr)
	}
	return report
}

// dial connects a client. The end of the test resets the connection.
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
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	return conn.(*net.TCPConn), nil
}

func reset(conn *net.TCPConn) {
	conn.SetLinger(0)
	conn.Close()
}

// ping sends a few bytes and checks that they come back.
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
