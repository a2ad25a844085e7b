package main

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"github.com/completionport/completion/bench/internal/system"
)

// compareTLS compares an echo server in queue style with TLS and the same server with
// crypto/tls on package net.
func compareTLS(b *builder, o options) error {
	t := table{unit: "messages", perUnit: "us", scale: 1e6}
	for _, kind := range []string{"port", "net"} {
		s, err := b.child("tls "+kind, "tls", kind)
		if err != nil {
			return err
		}
		t.servers = append(t.servers, s)
	}
	for _, load := range []struct{ conns, size, messages int }{
		{1, 64, 20_000}, {64, 64, 100_000}, {64, 4096, 50_000}, {1000, 64, 100_000},
	} {
		name := fmt.Sprintf("%d bytes and back, %d connections", load.size, load.conns)
		t.rows = append(t.rows, row{name, func(s *server) (float64, time.Duration, error) {
			return exchangeTLS(s, load.conns, load.size, o.share(load.messages))
		}})
	}
	t.rows = append(t.rows, row{"64 bytes and back, 64 connections, beside 1000 half-open handshakes",
		func(s *server) (float64, time.Duration, error) {
			open, err := halfOpen(s, o.share(1000))
			defer closeAll(open)
			if err != nil {
				return 0, 0, err
			}
			return exchangeTLS(s, 64, 64, o.share(100_000))
		}})
	if err := t.hold(o); err != nil {
		return err
	}
	return t.idleTLS(o, o.share(5000))
}

func closeAll(open []net.Conn) {
	for _, c := range open {
		c.Close()
	}
}

// halfOpen opens connections that send the beginning of a handshake and no more.
func halfOpen(s *server, n int) (open []net.Conn, err error) {
	for range n {
		c, err := net.Dial("tcp", s.address)
		if err != nil {
			return open, err
		}
		open = append(open, c)
		if _, err := c.Write([]byte{22, 3, 1, 2}); err != nil { // of a record's head
			return open, err
		}
	}
	return open, nil
}

// dialTLS opens connections, each of which has sent a message of size bytes and got it back.
func dialTLS(s *server, n, size int) (open []net.Conn, err error) {
	message := make([]byte, size)
	for range n {
		c, err := tls.Dial("tcp", s.address, &tls.Config{InsecureSkipVerify: true})
		if err != nil {
			return open, err
		}
		open = append(open, c)
		if err := sendAndRead(c, message); err != nil {
			return open, err
		}
	}
	return open, nil
}

func sendAndRead(c net.Conn, message []byte) error {
	if _, err := c.Write(message); err != nil {
		return err
	}
	_, err := io.ReadFull(c, message)
	return err
}

// exchangeTLS sends messages and waits for each, on all connections at once.
func exchangeTLS(s *server, conns, size, messages int) (float64, time.Duration, error) {
	open, err := dialTLS(s, conns, size)
	defer closeAll(open)
	if err != nil {
		return 0, 0, err
	}
	each := max(messages/conns, 1)
	errs := make([]error, conns)
	begin := time.Now()
	var wg sync.WaitGroup
	for i, c := range open {
		wg.Go(func() {
			message := make([]byte, size)
			for range each {
				if errs[i] = sendAndRead(c, message); errs[i] != nil {
					return
				}
			}
		})
	}
	wg.Wait()
	return float64(each * conns), time.Since(begin), errors.Join(errs...)
}

// idleTLS reports how much resident memory n idle connections cost each server.
func (t table) idleTLS(o options, n int) error {
	for _, s := range t.servers {
		before, err := system.ResidentOf(s.pid())
		if err != nil {
			return err
		}
		open, err := dialTLS(s, n, 64)
		if err != nil {
			closeAll(open)
			return err
		}
		after, err := system.ResidentOf(s.pid())
		closeAll(open)
		if err != nil {
			return err
		}
		fmt.Fprintf(o.out, "%s: %d idle connections take %.1f MB of resident memory, %d bytes each\n",
			s.name, n, float64(after-before)/1e6, (after-before)/int64(n))
	}
	return nil
}
