package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// netServer answers on package net: with -workers goroutines over UDP, one datagram at a time,
// and with a goroutine for each connection of TCP.
type netServer struct {
	options
	counts
	*zone
	socket   *net.UDPConn
	listener net.Listener
	stderr   io.Writer
	warning  sync.Once
	serving  sync.WaitGroup
	mu       sync.Mutex
	clients  map[net.Conn]struct{} // nil when the server stops
}

func openNet(o options, z *zone, stderr io.Writer) (*netServer, error) {
	s := &netServer{options: o, zone: z, stderr: stderr, clients: make(map[net.Conn]struct{})}
	err := onBoth(o.address, func(address string) (_ io.Closer, _ net.Addr, err error) {
		if s.listener, err = net.Listen("tcp", address); err != nil {
			return nil, nil, err
		}
		return s.listener, s.listener.Addr(), nil
	}, func(address string) error {
		socket, err := net.ListenPacket("udp", address)
		if err == nil {
			s.socket = socket.(*net.UDPConn)
		}
		return err
	})
	if err == nil {
		err = s.socket.SetReadBuffer(readBuffer)
	}
	return s, err
}

func (s *netServer) addr() net.Addr { return s.socket.LocalAddr() }
func (s *netServer) name() string   { return "net" }

func (s *netServer) serve() {
	for range s.workers {
		s.serving.Go(s.serveUDP)
	}
	for {
		conn, err := s.listener.Accept()
		switch {
		case err == nil:
			s.accepted.Add(1)
			s.serving.Go(func() { s.serveTCP(conn) })
		case errors.Is(err, net.ErrClosed):
			s.serving.Wait()
			return
		default:
			s.warning.Do(func() { fmt.Fprintf(s.stderr, "dns: %v; trying again every %v\n", err, acceptPause) })
			time.Sleep(acceptPause)
		}
	}
}

func (s *netServer) serveUDP() {
	in, out := make([]byte, udpSize+1), make([]byte, udpSize)
	for {
		n, from, err := s.socket.ReadFromUDPAddrPort(in)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		answer := s.answer(out[:0], in[:n], false)
		if err != nil || n > udpSize || len(answer) == 0 {
			continue
		}
		if _, err := s.socket.WriteToUDPAddrPort(answer, from); err != nil {
			s.unsent.Add(1)
			continue
		}
		s.datagrams.Add(1)
	}
}

func (s *netServer) serveTCP(conn net.Conn) {
	defer conn.Close()
	s.mu.Lock()
	if s.clients == nil {
		s.mu.Unlock()
		return
	}
	s.clients[conn] = struct{}{}
	s.mu.Unlock()
	err := s.talk(conn)
	if !errors.Is(err, io.EOF) && !errors.Is(err, net.ErrClosed) && !errors.Is(err, os.ErrDeadlineExceeded) {
		s.failed.Add(1)
	}
	s.mu.Lock()
	delete(s.clients, conn)
	s.mu.Unlock()
}

// talk answers the queries of a connection, one after the other.
func (s *netServer) talk(conn net.Conn) error {
	in, out := make([]byte, inputSize), make([]byte, 0, answerSize)
	for {
		conn.SetReadDeadline(time.Now().Add(s.idle))
		if _, err := io.ReadFull(conn, in[:2]); err != nil {
			return err
		}
		size := int(binary.BigEndian.Uint16(in))
		if size > mostQuery {
			return errTooLong
		}
		if _, err := io.ReadFull(conn, in[:size]); err != nil {
			return err
		}
		out = s.answer(append(out[:0], 0, 0), in[:size], true)
		if len(out) == 2 {
			continue
		}
		binary.BigEndian.PutUint16(out, uint16(len(out)-2))
		conn.SetWriteDeadline(time.Now().Add(s.idle))
		if _, err := conn.Write(out); err != nil {
			return err
		}
		s.queries.Add(1)
	}
}

func (s *netServer) drain() error {
	s.listener.Close()
	s.socket.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	for conn := range s.clients {
		conn.Close()
	}
	s.clients = nil
	return nil
}
