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
	"sync"
	"sync/atomic"
	"time"
)

// load is what the clients do.
type load struct {
	connections int64
	time        time.Duration
}

// result is what one server did.
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

// memory asks the server for its bytes in use.
func (s *server) memory() (int64, error) {
	if _, err := io.WriteString(s.in, "memory\n"); err != nil {
		return 0, err
	}
	if !s.out.Scan() {
		return 0, errors.New("the server has ended")
	}
	return strconv.ParseInt(strings.TrimSpace(s.out.Text()), 10, 64)
}

// stop ends the server and returns the CPU time it took in all.
func (s *server) stop() (time.Duration, error) {
	s.in.Close()
	if err := s.cmd.Wait(); err != nil {
		return 0, err
	}
	return s.cmd.ProcessState.UserTime() + s.cmd.ProcessState.SystemTime(), nil
}

// measure runs one server: its memory with idle connections, then its speed.
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
	before, err := s.memory()
	if err != nil {
		return r, 0, err
	}
	var conns []net.Conn
	defer func() {
		for _, c := range conns {
			c.Close()
		}
	}()
	for range l.connections {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			return r, 0, fmt.Errorf("after %d connections: %w", len(conns), err)
		}
		conns = append(conns, c)
		if err := roundTrip(c, make([]byte, messageSize)); err != nil {
			return r, 0, err
		}
	}
	after, err := s.memory()
	if err != nil {
		return r, 0, err
	}
	r.idleBytes = (after - before) / l.connections

	messages, err = pingPong(conns, l.time)
	r.perSecond = float64(messages) / l.time.Seconds()
	return r, messages + l.connections, err
}

// pingPong sends and receives on all connections until the time is over.
func pingPong(conns []net.Conn, loadTime time.Duration) (messages int64, err error) {
	var count atomic.Int64
	var failure atomic.Value
	var clients sync.WaitGroup
	end := time.Now().Add(loadTime)
	for _, c := range conns {
		clients.Go(func() {
			b := make([]byte, messageSize)
			n := int64(0)
			for time.Now().Before(end) {
				if err := roundTrip(c, b); err != nil {
					failure.Store(err)
					return
				}
				n++
			}
			count.Add(n)
		})
	}
	clients.Wait()
	err, _ = failure.Load().(error)
	return count.Load(), err
}

func roundTrip(c net.Conn, b []byte) error {
	if _, err := c.Write(b); err != nil {
		return err
	}
	_, err := io.ReadFull(c, b)
	return err
}
