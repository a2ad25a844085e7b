//go:build unix

package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// serverEnv makes the test binary the proxy, with few descriptors.
const serverEnv = "PROXY_TEST_SERVER"

const fewDescriptors = 64

// serverMain is the main function of a proxy process. It ends with the test, which holds
// the other end of its input.
func serverMain() {
	var limit syscall.Rlimit
	err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit)
	if limit.Cur = fewDescriptors; err == nil {
		err = syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(3)
	}
	go func() {
		io.Copy(io.Discard, os.Stdin)
		os.Exit(3)
	}()
	main()
}

// command returns a command that runs the proxy with these arguments.
func command(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(os.Args[0], args...)
	cmd.Env = append(os.Environ(), serverEnv+"=1")
	if _, err := cmd.StdinPipe(); err != nil { // it is closed when the process has been waited for
		t.Fatal(err)
	}
	return cmd
}

// child is a proxy in a process of its own.
type child struct {
	*testing.T
	cmd            *exec.Cmd
	addr           string
	stdout, stderr *bufio.Reader
}

// start runs a proxy and waits until it listens.
func start(t *testing.T, args ...string) *child {
	t.Helper()
	needBackend(t)
	c := &child{T: t, cmd: command(t, append([]string{"-listen", "127.0.0.1:0"}, args...)...)}
	stdout, err := c.cmd.StdoutPipe()
	c.check(err)
	stderr, err := c.cmd.StderrPipe()
	c.check(err)
	c.check(c.cmd.Start())
	t.Cleanup(func() {
		if c.cmd.ProcessState == nil {
			c.cmd.Process.Kill()
			c.cmd.Wait()
		}
	})
	c.stdout, c.stderr = bufio.NewReader(stdout), bufio.NewReader(stderr)
	first, _ := c.stdout.ReadString('\n')
	m := regexp.MustCompile(`^listening on (127\.0\.0\.1:[1-9][0-9]*) \([a-z_]+\)\n$`).FindStringSubmatch(first)
	if m == nil {
		t.Fatalf("the first line is %q", first)
	}
	c.addr = m[1]
	return c
}

func (c *child) check(err error) {
	c.Helper()
	if err != nil {
		c.Fatal(err)
	}
}

// stop sends the signal, and returns the rest of what the proxy says.
func (c *child) stop(sig os.Signal) (stdout, stderr string) {
	c.Helper()
	c.check(c.cmd.Process.Signal(sig))
	said, _ := io.ReadAll(c.stdout)
	warned, _ := io.ReadAll(c.stderr)
	c.check(c.cmd.Wait())
	for _, want := range []string{" 0 in flight, 0 queued\n", " 0 handles\n"} {
		if !bytes.Contains(said, []byte(want)) {
			c.Errorf("the report has no %q:\n%s", want, said)
		}
	}
	return string(said), string(warned)
}

func (c *child) dial() *net.TCPConn {
	c.Helper()
	conn, err := dialTCP(c.addr)
	c.check(err)
	c.Cleanup(func() { conn.Close() })
	return conn
}

// ping checks that a few bytes come back.
func (c *child) ping(conn *net.TCPConn) {
	c.Helper()
	got := make([]byte, 4)
	if _, err := io.WriteString(conn, "ping"); err != nil {
		c.Fatal(err)
	}
	if _, err := io.ReadFull(conn, got); err != nil || string(got) != "ping" {
		c.Fatalf("got %q, %v", got, err)
	}
}

func TestExitStatus(t *testing.T) {
	var exit *exec.ExitError
	if err := command(t, "-to", "nowhere").Run(); !errors.As(err, &exit) || exit.ExitCode() != 2 {
		t.Errorf("ended with %v, want status 2", err)
	}
}

// While the proxy has no descriptors, clients wait or are reset, and those that it has are
// served. When it has descriptors again, all clients are served.
func TestProcessDescriptorsRunOut(t *testing.T) {
	c := start(t, "-to", serveWith(t, echo).Addr().String(), "-idle", "1h")
	served := c.dial()
	c.ping(served)
	var others []*net.TCPConn
	for range 3 * fewDescriptors {
		conn, err := dialTCP(c.addr)
		if errors.Is(err, syscall.ECONNRESET) { // the proxy was as fast as that
			continue
		}
		c.check(err)
		c.Cleanup(func() { conn.Close() })
		others = append(others, conn)
	}
	if line, _ := c.stderr.ReadString('\n'); !strings.Contains(line, syscall.EMFILE.Error()) {
		t.Errorf("the warning is %q", line)
	}
	for range 500 {
		c.ping(served)
	}
	var all sync.WaitGroup
	for _, conn := range others {
		conn.CloseWrite()
		all.Go(func() { io.Copy(io.Discard, conn) }) // ends with the stream, or with a reset
	}
	all.Wait()
	next := c.dial()
	c.ping(next)
	c.ping(served)
	next.Close()
	served.Close()
	if said, _ := c.stop(syscall.SIGTERM); !strings.HasPrefix(said, "stopped, ") {
		t.Errorf("the proxy said %q", said)
	}
}

func TestProcessDrains(t *testing.T) {
	c := start(t, "-to", serveWith(t, echo).Addr().String(), "-drain", "1h")
	conn := c.dial()
	c.ping(conn)
	c.check(c.cmd.Process.Signal(os.Interrupt))
	c.ping(conn)
	conn.Close()
	said, err := io.ReadAll(c.stdout)
	c.check(err)
	c.check(c.cmd.Wait())
	if !strings.HasPrefix(string(said), "stopped, all written\n") {
		t.Errorf("the proxy said %q", said)
	}
}
