package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// The programs on package net, to compare their length: docs/lines.md. Each connection has
// a goroutine.

type netAnswer struct {
	number int
	text   string
	err    error
}

func netFive(ctx context.Context, out io.Writer, address string) error {
	fmt.Fprintln(out, "five slow responses:")
	begun := time.Now()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	answers := make(chan netAnswer, requests)
	for number := 1; number <= requests; number++ {
		go func() {
			text, err := netAsk(ctx, address, requests+1-number)
			answers <- netAnswer{number, text, err}
		}()
	}
	for range requests {
		a := <-answers
		if a.err != nil {
			return a.err
		}
		fmt.Fprintf(out, "  after %v: request %d has its %s\n", time.Since(begun).Round(delayUnit), a.number, a.text)
	}
	return nil
}

func netAsk(ctx context.Context, address string, delay int) (string, error) {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	if _, err := fmt.Fprintf(conn, "GET /delay/%d HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", delay); err != nil {
		return "", err
	}
	answer, err := io.ReadAll(conn)
	if err != nil {
		return "", err
	}
	head, body, ok := strings.Cut(string(answer), "\r\n\r\n")
	if !ok || !strings.HasPrefix(head, "HTTP/1.1 200 ") {
		return "", fmt.Errorf("the server answers %q", answer)
	}
	return body, nil
}

func netClosed(out io.Writer, address string) error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	conn, err := net.Dial("tcp", address)
	if err != nil {
		listener.Close()
		return err
	}
	stop := make(chan struct{})
	names, ended := []string{"accept", "read", "timer"}, make([]chan error, 3)
	for i, wait := range []func() error{
		func() error { _, err := listener.Accept(); return err },
		func() error { _, err := conn.Read(make([]byte, 1)); return err },
		func() error {
			select {
			case <-time.After(time.Hour):
				return nil
			case <-stop:
				return net.ErrClosed
			}
		},
	} {
		ended[i] = make(chan error, 1)
		go func() { ended[i] <- wait() }()
	}
	listener.Close()
	conn.Close()
	close(stop)
	for i, name := range names {
		fmt.Fprintf(out, "  %s: %v\n", name, <-ended[i])
	}
	return nil
}

// end of the program

func TestNet(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Skip(err)
	}
	defer l.Close()
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				if _, err := http.ReadRequest(bufio.NewReader(conn)); err == nil {
					fmt.Fprint(conn, "HTTP/1.1 200 OK\r\n\r\nresponse")
				}
			}()
		}
	}()
	var out strings.Builder
	if err := netFive(t.Context(), &out, l.Addr().String()); err != nil || strings.Count(out.String(), " has its response") != requests {
		t.Errorf("%v: %s", err, &out)
	}
	out.Reset()
	if err := netClosed(&out, l.Addr().String()); err != nil || strings.Count(out.String(), "closed network connection") != 3 {
		t.Errorf("%v: %s", err, &out)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := netFive(ended, io.Discard, l.Addr().String()); !errors.Is(err, context.Canceled) {
		t.Errorf("ended with %v", err)
	}
}
