//go:build unix

package main

import (
	"bufio"
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

// serverEnv makes the test binary the server, with few descriptors.
const serverEnv = "HTTP_TEST_SERVER"

const fewDescriptors = 64

// serverMain is the main function of a server process. It ends with the test, which holds
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

// command returns a command that runs the server with these arguments.
func command(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(os.Args[0], args...)
	cmd.Env = append(os.Environ(), serverEnv+"=1")
	if _, err := cmd.StdinPipe(); err != nil { // it is closed when the process has been waited for
		t.Fatal(err)
	}
	return cmd
}

func TestExitStatus(t *testing.T) {
	var exit *exec.ExitError
	if err := command(t, "-style", "x").Run(); !errors.As(err, &exit) || exit.ExitCode() != 2 {
		t.Errorf("ended with %v, want status 2", err)
	}
}

// start runs a server and waits until it listens.
func start(t *testing.T, args ...string) *child {
	t.Helper()
	needBackend(t)
	cmd := command(t, append([]string{"-listen", "127.0.0.1:0"}, args...)...)
	out, err := cmd.StdoutPipe()
	check(t, err)
	warnings, err := cmd.StderrPipe()
	check(t, err)
	check(t, cmd.Start())
	t.Cleanup(func() {
		if cmd.ProcessState == nil {
			cmd.Process.Kill()
			cmd.Wait()
		}
	})
	c := &child{T: t, cmd: cmd, stdout: bufio.NewReader(out), stderr: bufio.NewReader(warnings)}
	first, _ := c.stdout.ReadString('\n')
	m := regexp.MustCompile(`^listening on (127\.0\.0\.1:[1-9][0-9]*) \([a-z_]+\)\n$`).FindStringSubmatch(first)
	if m == nil {
		t.Fatalf("the first line is %q", first)
	}
	c.addr = m[1]
	return c
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// child is a server in a process of its own.
type child struct {
	*testing.T
	cmd            *exec.Cmd
	addr           string
	stdout, stderr *bufio.Reader
}

func (c *child) dial() *peer {
	c.Helper()
	conn, err := net.Dial("tcp", c.addr)
	check(c.T, err)
	c.Cleanup(func() { conn.Close() })
	return &peer{conn, c.T}
}

// ask makes a request and checks its answer.
func (p *peer) ask(r *bufio.Reader) {
	p.t.Helper()
	p.send(get + "\r\n")
	p.expect(r, 200, welcome)
}

// stop ends the server and checks what it reports.
func (c *child) stop(lines ...string) {
	c.Helper()
	check(c.T, c.cmd.Process.Signal(syscall.SIGTERM))
	said, _ := io.ReadAll(c.stdout)
	check(c.T, c.cmd.Wait())
	for _, want := range lines {
		if !strings.Contains(string(said), want) {
			c.Errorf("the report has no %q:\n%s", want, said)
		}
	}
}

// While a server has no descriptors, its clients are served, and the others wait. When it
// has descriptors again, they are served, too. Then the server ends, and has nothing left.
func TestDescriptorsRunOut(t *testing.T) {
	for _, style := range []string{"ionet", "net", "hand"} {
		t.Run(style, func(t *testing.T) {
			c := start(t, "-style", style, "-timeout", "1h", "-idle", "1h")
			served := c.dial()
			r := served.reader()
			served.ask(r)
			var others []*peer
			for range 2 * fewDescriptors {
				others = append(others, c.dial())
			}
			if line, _ := c.stderr.ReadString('\n'); !strings.Contains(line, syscall.EMFILE.Error()) {
				t.Errorf("the warning is %q", line)
			}
			for range 100 {
				served.ask(r)
			}
			for _, p := range others {
				p.Close()
			}
			last := c.dial()
			last.ask(last.reader())
			last.Close()
			served.Close()
			want := []string{"stopped, all written\n", " 0 open\n", " 0 in flight, 0 queued\n", " 0 handles, 0 buffers lent\n"}
			if style == "net" {
				want = want[:2]
			}
			c.stop(want...)
		})
	}
}
