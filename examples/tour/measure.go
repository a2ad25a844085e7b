package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// load is the load of the clients.
type load struct {
	connections int64
	time        time.Duration
}

// result is the result of one server.
type result struct {
	name      string
	perSecond float64
	cpu       time.Duration // of the server, per message
	idleBytes int64         // of the server, per connection
}

// server is a child process that echoes.
type server struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Scanner
}

func startServer(style string) (*server, string, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, "", err
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), serverVariable+"="+style)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, "", err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, "", err
	}
	if err := cmd.Start(); err != nil {
		return nil, "", err
	}
	s := &server{cmd, in, bufio.NewScanner(out)}
	if !s.out.Scan() {
		s.stop()
		return nil, "", errors.New("the server did not start")
	}
	return s, s.out.Text(), nil
}

// memory asks the server for the number of its bytes in use.
func (s *server) memory() (int64, error) {
	if _, err := io.WriteString(s.in, "memory\n"); err != nil {
		return 0, err
	}
	if !s.out.Scan() {
		return 0, errors.New("the server has ended")
	}
	return strconv.ParseInt(strings.TrimSpace(s.out.Text()), 10, 64)
}

// stop ends the server and returns its total CPU time.
func (s *server) stop() (time.Duration, error) {
	s.in.Close()
	if err := s.cmd.Wait(); err != nil {
		return 0, err
	}
	return s.cmd.ProcessState.UserTime() + s.cmd.ProcessState.SystemTime(), nil
}

// measure runs one server, and measures its memory with idle connections, and then its
// speed.
func measure(style string, l load) (result, error) {
	s, addr, err := startServer(style)
	if err != nil {
		return result{}, err
	}
	r, messages, err := l.on(s, addr)
	cpu, stopErr := s.stop()
	if err = errors.Join(err, stopErr); err != nil {
		return result{}, err
	}
	r.cpu = cpu / time.Duration(messages)
	r.name = "package net"
	if style == stylePort {
		r.name = "completion port"
	}
	return r, nil
}

func (l load) on(s *server, addr string) (r result, messages int64, err error) {
	to, err := net.ResolveTCPAddr("tcp", addr)
	if err != nil {
		return r, 0, err
	}
	before, err := s.memory()
	if err != nil {
		return r, 0, err
	}
	c, err := newClients()
	if err != nil {
		return r, 0, err
	}
	defer c.close()
	for range l.connections {
		if err := c.add(to); err != nil {
			return r, 0, fmt.Errorf("client %d: %w", len(c.all), err)
		}
	}
	after, err := s.memory()
	if err != nil {
		return r, 0, err
	}
	r.idleBytes = (after - before) / l.connections

	begin := time.Now()
	messages, err = c.pingPong(l.time)
	r.perSecond = float64(messages) / time.Since(begin).Seconds()
	return r, messages + l.connections, err
}
