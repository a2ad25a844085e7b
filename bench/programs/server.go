package main

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/completionport/completion/bench/internal/system"
)

// builder builds and starts servers, and ends them.
type builder struct {
	options
	folder  string
	servers []*server
}

// server is a process that serves.
type server struct {
	name    string
	address string
	cmd     *exec.Cmd
}

func newBuilder(o options) (*builder, error) {
	folder, err := os.MkdirTemp("", "programs")
	return &builder{options: o, folder: folder}, err
}

func (b *builder) close() {
	for _, s := range b.servers {
		s.stop()
	}
	os.RemoveAll(b.folder)
}

// example builds an example and starts it as a server of that name.
func (b *builder) example(name, example string, args ...string) (*server, error) {
	file := filepath.Join(b.folder, example)
	if _, err := os.Stat(file); err != nil {
		build := exec.Command("go", "build", "-o", file, "github.com/completionport/completion/examples/"+example)
		build.Stderr = os.Stderr
		if err := build.Run(); err != nil {
			return nil, fmt.Errorf("go build of %s: %w", example, err)
		}
	}
	return b.start(name, append([]string{file, "-listen", "127.0.0.1:0"}, args...), nil)
}

// start starts a server that prints "listening on ADDRESS" first.
func (b *builder) start(name string, line, env []string) (*server, error) {
	s := &server{name: name, cmd: exec.Command(line[0], line[1:]...)}
	s.cmd.Env = append(os.Environ(), env...)
	s.cmd.Stderr = os.Stderr
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := system.StartOn(serverCPU(), s.cmd.Start); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	b.servers = append(b.servers, s)
	lines := bufio.NewReader(out)
	for {
		text, err := lines.ReadString('\n')
		if err != nil {
			return nil, fmt.Errorf("%s does not say where it listens: %w", name, err)
		}
		if rest, ok := strings.CutPrefix(text, "listening on "); ok {
			s.address, _, _ = strings.Cut(strings.TrimSpace(rest), " ")
			break
		}
	}
	go func() { // until the server ends
		for {
			if _, err := lines.ReadString('\n'); err != nil {
				return
			}
		}
	}()
	return s, nil
}

// foreign starts a server that prints nothing of the kind, at a free port.
func (b *builder) foreign(name string, lineFor func(port string) []string) (*server, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	address := l.Addr().String()
	_, port, _ := net.SplitHostPort(address)
	l.Close()
	line := lineFor(port)
	s := &server{name: name, address: address, cmd: exec.Command(line[0], line[1:]...)}
	if err := system.StartOn(serverCPU(), s.cmd.Start); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	b.servers = append(b.servers, s)
	for begin := time.Now(); ; time.Sleep(10 * time.Millisecond) {
		if c, err := net.Dial("tcp", address); err == nil {
			c.Close()
			return s, nil
		}
		if time.Since(begin) > 10*time.Second {
			return nil, fmt.Errorf("%s does not listen at %s", name, address)
		}
	}
}

func (s *server) pid() int { return s.cmd.Process.Pid }

func (s *server) stop() {
	s.cmd.Process.Signal(syscall.SIGTERM)
	ended := time.AfterFunc(10*time.Second, func() { s.cmd.Process.Kill() })
	s.cmd.Wait()
	ended.Stop()
}

// client runs a command as the load, and returns what it prints.
func (b *builder) client(line ...string) (string, error) {
	text, err := exec.Command(line[0], line[1:]...).CombinedOutput()
	if err != nil {
		return "", errors.Join(err, errors.New(string(text)))
	}
	return string(text), nil
}

// port is the port of the server's address.
func (s *server) port() string {
	_, port, _ := net.SplitHostPort(s.address)
	return port
}
