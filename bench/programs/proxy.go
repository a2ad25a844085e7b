package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"
)

// compareProxy compares examples/proxy with a proxy on package net, which splices. The
// client and the server behind the proxies are in this process.
func compareProxy(b *builder, o options) error {
	behind, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	defer behind.Close()
	go serveBehind(behind)
	to := behind.Addr().String()
	ours, err := b.example("proxy", "proxy", "-to", to)
	if err != nil {
		return err
	}
	theirs, err := b.child("net, splice", "proxy", to)
	if err != nil {
		return err
	}
	servers := []*server{ours, theirs}
	bytes := table{servers: servers, unit: "GB", perUnit: "ms", scale: 1e3, rows: []row{
		{"one stream", func(s *server) (float64, time.Duration, error) { return stream(s, o.share(1<<30)) }},
	}}
	if err := bytes.hold(o); err != nil {
		return err
	}
	requests := table{servers: servers, unit: "requests", perUnit: "us", scale: 1e6}
	for _, conns := range []int{1, 64, 1000} {
		requests.rows = append(requests.rows, row{fmt.Sprintf("64 bytes and back, %d connections", conns),
			func(s *server) (float64, time.Duration, error) { return exchange(s, conns, o.share(100_000)) }})
	}
	return requests.hold(o)
}

// The first byte of a connection to the server behind the proxies says what it does.
const (
	echoes = 'e'
	counts = 'c' // it reads to the end, and then answers with one byte
)

func serveBehind(l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer c.Close()
			var first [1]byte
			if _, err := io.ReadFull(c, first[:]); err != nil {
				return
			}
			if first[0] == echoes {
				io.Copy(c, struct{ io.Reader }{c})
				return
			}
			buffer := make([]byte, 1<<20)
			for {
				if _, err := c.Read(buffer); err != nil {
					break
				}
			}
			c.Write(first[:])
		}()
	}
}

// stream sends size bytes through the proxy and waits until all have arrived. It returns
// gigabytes.
func stream(s *server, size int) (float64, time.Duration, error) {
	c, err := net.Dial("tcp", s.address)
	if err != nil {
		return 0, 0, err
	}
	defer c.Close()
	begin := time.Now()
	buffer := make([]byte, 1<<20)
	buffer[0] = counts
	for left := size; left > 0; {
		n, err := c.Write(buffer[:min(left, len(buffer))])
		if err != nil {
			return 0, 0, err
		}
		left -= n
	}
	if err := c.(*net.TCPConn).CloseWrite(); err != nil {
		return 0, 0, err
	}
	if _, err := io.ReadFull(c, buffer[:1]); err != nil {
		return 0, 0, err
	}
	return float64(size) / 1e9, time.Since(begin), nil
}

// exchange sends 64 bytes and waits for them, again and again on each connection.
func exchange(s *server, conns, requests int) (float64, time.Duration, error) {
	open := make([]net.Conn, conns)
	for i := range open {
		c, err := net.Dial("tcp", s.address)
		if err != nil {
			return 0, 0, err
		}
		defer c.Close()
		if _, err := c.Write([]byte{echoes}); err != nil {
			return 0, 0, err
		}
		open[i] = c
	}
	each := max(requests/conns, 1)
	errs := make([]error, conns)
	begin := time.Now()
	var wg sync.WaitGroup
	for i, c := range open {
		wg.Go(func() {
			message := make([]byte, 64)
			for range each {
				if _, err := c.Write(message); err != nil {
					errs[i] = err
					return
				}
				if _, err := io.ReadFull(c, message); err != nil {
					errs[i] = err
					return
				}
			}
		})
	}
	wg.Wait()
	return float64(each * conns), time.Since(begin), errors.Join(errs...)
}

// serveProxy is a proxy on package net.
func serveProxy(to string) error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println("listening on", l.Addr())
	for {
		c, err := l.Accept()
		if err != nil {
			return err
		}
		go relay(c.(*net.TCPConn), to)
	}
}

// relay copies both directions between a client and the server behind the proxy.
func relay(client *net.TCPConn, to string) {
	defer client.Close()
	conn, err := net.Dial("tcp", to)
	if err != nil {
		return
	}
	server := conn.(*net.TCPConn)
	defer server.Close()
	var wg sync.WaitGroup
	for _, way := range [][2]*net.TCPConn{{client, server}, {server, client}} {
		wg.Go(func() {
			io.Copy(way[1], way[0])
			way[1].CloseWrite()
		})
	}
	wg.Wait()
}
