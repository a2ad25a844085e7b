package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"testing"
	"time"
)

// netServer is the server on package net, to compare its length: docs/lines.md.
type netServer struct {
	*server
	listener net.Listener
	mu       sync.Mutex
	drained  bool
	conns    map[*net.TCPConn]bool
	serving  sync.WaitGroup
	buffers  sync.Pool
}

func openNet(s *server) (*netServer, error) {
	listener, err := net.Listen("tcp", s.address)
	if err != nil {
		return nil, err
	}
	n := &netServer{server: s, listener: listener, conns: make(map[*net.TCPConn]bool)}
	n.buffers.New = func() any { b := make([]byte, s.buffer); return &b }
	return n, nil
}

func (s *netServer) serve() {
	for {
		conn, err := s.listener.Accept()
		switch {
		case err == nil:
			s.accepted.Add(1)
			s.serving.Go(func() { s.talk(conn.(*net.TCPConn)) })
		case errors.Is(err, net.ErrClosed):
			s.serving.Wait()
			return
		default:
			s.warn(err)
			time.Sleep(acceptPause)
		}
	}
}

func (s *netServer) talk(conn *net.TCPConn) {
	s.mu.Lock()
	s.conns[conn] = true
	if s.drained {
		conn.SetReadDeadline(time.Now())
	}
	s.mu.Unlock()
	err := s.echo(conn)
	s.mu.Lock()
	delete(s.conns, conn)
	drained := s.drained
	s.mu.Unlock()
	if !errors.Is(err, io.EOF) && !drained {
		s.failed.Add(1)
		conn.SetLinger(0)
	}
	conn.Close()
}

func (s *netServer) echo(conn net.Conn) error {
	memory := s.buffers.Get().(*[]byte)
	defer s.buffers.Put(memory)
	buffer := *memory
	for {
		n, err := conn.Read(buffer)
		if err != nil {
			return err
		}
		conn.SetWriteDeadline(time.Now().Add(s.timeout))
		n, err = conn.Write(buffer[:n])
		s.echoed.Add(int64(n))
		if err != nil {
			return err
		}
	}
}

// drain ends all reads, so each connection ends after its write.
func (s *netServer) drain() {
	s.listener.Close()
	s.mu.Lock()
	s.drained = true
	for conn := range s.conns {
		conn.SetReadDeadline(time.Now())
	}
	s.mu.Unlock()
	s.serving.Wait()
}

func (s *netServer) report(w io.Writer) {
	fmt.Fprintf(w, "stopped, all written\n  connections  %d accepted, %d failed\n  echoed       %d bytes\n",
		s.accepted.Load(), s.failed.Load(), s.echoed.Load())
}

// end of the program

// It is the same server.
func TestNet(t *testing.T) {
	s := new(server)
	if err := s.flags().Parse([]string{"-listen", "127.0.0.1:0"}); err != nil {
		t.Fatal(err)
	}
	n, err := openNet(s)
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan struct{})
	go func() { n.serve(); close(served) }()
	conn, err := net.Dial("tcp", n.listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	here := serving{t: t}
	here.echo(conn, "hello")
	conn.Close()
	silent, err := net.Dial("tcp", n.listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	here.echo(silent, "hello")
	n.drain()
	<-served
	if _, err := silent.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("the silent client gets %v", err)
	}
	silent.Close()
	n.report(io.Discard)
	if a, f, b := n.accepted.Load(), n.failed.Load(), n.echoed.Load(); a != 2 || f != 0 || b != 10 {
		t.Errorf("%d accepted, %d failed, %d bytes", a, f, b)
	}
}
