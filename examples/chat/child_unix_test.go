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
	"syscall"
	"testing"
)

// serverEnv makes the test binary the server, if it is set. With the value limited, the
// server may open few descriptors only.
const (
	serverEnv      = "CHAT_TEST_SERVER"
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

// child is a server in a process of its own.
type child struct {
	*testing.T
	cmd            *exec.Cmd
	addr           string
	stdout, stderr *bufio.Reader
}

// start runs a server and waits until it listens.
func start(t *testing.T, how string, args ...string) *child {
	t.Helper()
	needBackend(t)
	c := &child{T: t, cmd: exec.Command(os.Args[0], append([]string{"-listen", "127.0.0.1:0"}, args...)...)}
	c.cmd.Env = append(os.Environ(), serverEnv+"="+how)
	_, err := c.cmd.StdinPipe() // it is closed when the process has been waited for
	c.check(err)
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

// stop sends the signal, and checks how the server ends.
func (c *child) stop(sig os.Signal, members, dropped int) {
	c.Helper()
	c.check(c.cmd.Process.Signal(sig))
	said, err := io.ReadAll(c.stdout)
	c.check(err)
	c.check(c.cmd.Wait())
	for _, want := range []string{
		"stopped, all written\n", fmt.Sprintf(" %d joined, %d dropped\n", members, dropped),
		" 0 in flight, 0 queued\n", " 0 handles, 0 buffers lent\n",
	} {
		if !bytes.Contains(said, []byte(want)) {
			c.Errorf("the report has no %q:\n%s", want, said)
		}
	}
}

// join connects a member, and reads its first line.
func (c *child) join() (*client, error) {
	conn, err := net.Dial("tcp", c.addr)
	if err != nil {
		return nil, err
	}
	m := &client{T: c.T, Conn: conn, in: bufio.NewReaderSize(conn, 1<<10)}
	line, err := m.in.ReadString('\n')
	if err == nil && !strings.HasPrefix(line, "* welcome, guest") {
		err = fmt.Errorf("the first line is %q", line)
	}
	if err != nil {
		conn.Close()
	}
	return m, err
}

func TestExitStatus(t *testing.T) {
	cmd := exec.Command(os.Args[0], "-unsent", "1")
	cmd.Env = append(os.Environ(), serverEnv+"=unlimited")
	if _, err := cmd.StdinPipe(); err != nil { // a server whose input ends, ends
		t.Fatal(err)
	}
	var exit *exec.ExitError
	if err := cmd.Run(); !errors.As(err, &exit) || exit.ExitCode() != 2 {
		t.Errorf("ended with %v, want status 2", err)
	}
}
