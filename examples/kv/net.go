package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// netServer is the same server on package net: a goroutine and a buffer for each connection.
type netServer struct {
	options
	*shared
	warner
	listener net.Listener

	mu      sync.Mutex
	drained bool
	conns   map[net.Conn]bool
	serving sync.WaitGroup
}

func openNet(o options, stderr io.Writer) (*netServer, error) {
	listener, err := net.Listen("tcp", o.address)
	if err != nil {
		return nil, err
	}
	s := &netServer{
		options: o, shared: newShared(), warner: warner{stderr: stderr}, listener: listener,
		conns: make(map[net.Conn]bool),
	}
	s.store.startSweeps = func() { time.AfterFunc(sweepEvery, s.sweep) }
	return s, nil
}

func (s *netServer) addr() net.Addr { return s.listener.Addr() }
func (s *netServer) name() string   { return "net" }

func (s *netServer) serve() {
	for {
		conn, err := s.listener.Accept()
		switch {
		case errors.Is(err, net.ErrClosed):
			s.serving.Wait()
			return
		case err != nil:
			s.warn(err)
			time.Sleep(acceptPause)
		case s.add(conn):
			s.serving.Go(func() { s.talk(conn) })
		}
	}
}

// add adds a connection, or closes it if the server ends.
func (s *netServer) add(conn net.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.drained {
		conn.Close()
		return false
	}
	s.conns[conn] = true
	return true
}

func (s *netServer) sweep() {
	n, again := s.store.sweep(sweepMost)
	s.expired.Add(int64(n))
	if again && !s.ends() {
		time.AfterFunc(sweepPause(n), s.sweep)
	}
}

// talk serves a client until its connection ends.
func (s *netServer) talk(conn net.Conn) {
	c := s.welcome()
	err := s.exchange(conn, &c)
	if err == nil { // the server ends the connection
		conn.(*net.TCPConn).CloseWrite()
		conn.SetReadDeadline(time.Now().Add(s.timeout))
		io.Copy(io.Discard, conn)
	}
	if err != nil && !errors.Is(err, io.EOF) && !s.ends() {
		s.failed.Add(1)
		conn.(*net.TCPConn).SetLinger(0)
	}
	s.connected.Add(-1)
	conn.Close()
	s.mu.Lock()
	delete(s.conns, conn)
	s.mu.Unlock()
}

// exchange answers requests. It returns nil after a last answer.
func (s *netServer) exchange(conn net.Conn, c *client) error {
	in, out := make([]byte, inputSize), make([]byte, answerSize)
	for have := 0; ; {
		if have == len(in) {
			in = append(in, make([]byte, c.requests.room(have)-have)...)
		}
		n, err := conn.Read(in[have:])
		if n == 0 && err != nil {
			return err
		}
		have += n
		from := 0
		for again := true; again; again = c.stopped {
			n, answers := c.answer(in[from:have], out)
			from += n
			if len(answers) == 0 {
				break
			}
			conn.SetWriteDeadline(time.Now().Add(s.timeToRead(len(answers))))
			if _, err := conn.Write(answers); err != nil {
				return err
			}
			if c.closing {
				return nil
			}
		}
		have = copy(in, in[from:have])
		if err := s.limit(conn, have > 0); err != nil {
			return err
		}
		if have < inputSize && len(in) > inputSize {
			in = append(make([]byte, 0, inputSize), in[:inputSize]...)
		}
	}
}

// limit limits the time of the next read if a request has begun.
func (s *netServer) limit(conn net.Conn, begun bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.drained:
		return os.ErrDeadlineExceeded
	case begun:
		return conn.SetReadDeadline(time.Now().Add(s.timeout))
	}
	return conn.SetReadDeadline(time.Time{})
}

func (s *netServer) ends() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.drained
}

// drain ends all reads, so each connection ends after its answers.
func (s *netServer) drain() error {
	s.listener.Close()
	s.mu.Lock()
	s.drained = true
	for conn := range s.conns {
		conn.SetReadDeadline(time.Now())
	}
	s.mu.Unlock()
	s.serving.Wait()
	return nil
}

func (s *netServer) report(w io.Writer, drained error) {
	s.shared.report(w, drained)
	s.mu.Lock()
	defer s.mu.Unlock()
	fmt.Fprintf(w, "  resources    %d connections\n", len(s.conns))
}
