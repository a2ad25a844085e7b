//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package completion_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/completionport/completion"
	"golang.org/x/sys/unix"
)

// starvedEnv makes the test binary the server of README.md, with few descriptors.
const starvedEnv = "COMPLETION_TEST_STARVED"

// patience is for how long nothing may happen before a client takes the server for
// dead. It is no part of a check.
const patience = 5 * time.Minute

// The program in README.md goes on when it has run out of descriptors: it serves
// those that it has, pauses before it tries to accept again, and accepts when there
// are descriptors.
func TestREADMEProgramWithoutDescriptors(t *testing.T) {
	if os.Getenv(starvedEnv) != "" {
		serveStarved(t)
		return
	}
	s := startStarved(t)
	served := s.dial(t)
	s.ping(t, served)
	var waiting []net.Conn
	for range 100 {
		waiting = append(waiting, s.dial(t))
	}
	s.says(t, "starved")
	for range 200 {
		s.ping(t, served)
	}
	for _, c := range waiting {
		c.Close()
	}
	s.ping(t, s.dial(t))
	s.ping(t, served)

	s.stdin.Close()
	var failed, pauses int
	if _, err := fmt.Sscanf(s.line(t), "%d failed, %d pauses", &failed, &pauses); err != nil {
		t.Fatal(err)
	}
	// The last one's pause may not be over. A server that spins has no pauses.
	if failed == 0 || pauses == 0 || pauses < failed-1 {
		t.Errorf("%d accepts failed, and there were %d pauses", failed, pauses)
	}
	if err := s.cmd.Wait(); err != nil {
		t.Error(err)
	}
}

// serveStarved is the server. It ends with its standard input.
func serveStarved(t *testing.T) {
	var limit unix.Rlimit
	must(t, unix.Getrlimit(unix.RLIMIT_NOFILE, &limit))
	limit.Cur = 64
	must(t, unix.Setrlimit(unix.RLIMIT_NOFILE, &limit))
	var mu sync.Mutex
	failed, pauses := 0, 0
	port, err := completion.Open(&completion.Config{Observer: func(e completion.Event) {
		mu.Lock()
		defer mu.Unlock()
		switch {
		case e.Step != completion.StepCompleted:
		case e.Kind == "timer" && e.Err == nil:
			pauses++
		case e.Kind == "accept" && e.Err != nil:
			if failed++; failed == 1 {
				fmt.Println("starved")
			}
		}
	}})
	must(t, err)
	l, err := port.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	fmt.Println("at", l.Addr())
	go func() {
		io.Copy(io.Discard, os.Stdin)
		mu.Lock()
		fmt.Printf("%d failed, %d pauses\n", failed, pauses)
		mu.Unlock()
		port.Close()
	}()
	serve(port, l)
	if _, err := port.Next(context.Background()); err != net.ErrClosed {
		fmt.Println("the server has ended before its port:", err)
	}
}

// starved is such a server in a process of its own.
type starved struct {
	cmd    *exec.Cmd
	stdin  io.Closer
	stdout *bufio.Reader
	addr   string
}

func startStarved(t *testing.T) *starved {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		program = os.Args[0] // a system that does not tell
	}
	cmd := exec.Command(program, "-test.run=^TestREADMEProgramWithoutDescriptors$")
	cmd.Env = append(os.Environ(), starvedEnv+"=1")
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	must(t, err)
	stdout, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	t.Cleanup(func() {
		if cmd.ProcessState == nil { // a failed test has left it
			cmd.Process.Kill()
			cmd.Wait()
		}
	})
	s := &starved{cmd: cmd, stdin: stdin, stdout: bufio.NewReader(stdout)}
	address, found := strings.CutPrefix(s.line(t), "at ")
	if !found {
		t.Fatal("the server does not say where it is")
	}
	s.addr = address
	return s
}

// line is the next line that the server prints.
func (s *starved) line(t *testing.T) string {
	t.Helper()
	line, err := s.stdout.ReadString('\n')
	if err != nil {
		t.Fatalf("the server says %q, %v", line, err)
	}
	return strings.TrimSuffix(line, "\n")
}

func (s *starved) says(t *testing.T, want string) {
	t.Helper()
	if line := s.line(t); line != want {
		t.Fatalf("the server says %q, want %q", line, want)
	}
}

// dial connects a client, whether the server accepts it or not.
func (s *starved) dial(t *testing.T) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", s.addr)
	must(t, err)
	t.Cleanup(func() { c.Close() })
	return c
}

// ping sends a few bytes and wants them back.
func (s *starved) ping(t *testing.T, c net.Conn) {
	t.Helper()
	must(t, c.SetDeadline(time.Now().Add(patience)))
	_, err := io.WriteString(c, "ping")
	must(t, err)
	got := make([]byte, 4)
	_, err = io.ReadFull(c, got)
	must(t, err)
	if string(got) != "ping" {
		t.Fatalf("got %q back", got)
	}
}
