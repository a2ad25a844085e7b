package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"regexp"
	"strconv"
	"time"

	"github.com/completionport/completion/bench/internal/system"
)

// compareHTTP compares examples/http on ionet with itself on package net, and with its
// hand-made server in queue style.
func compareHTTP(b *builder, o options) error {
	if _, err := exec.LookPath("wrk"); err != nil {
		return err
	}
	t := table{unit: "requests", perUnit: "us", scale: 1e6}
	for _, style := range []string{"ionet", "net", "hand"} {
		s, err := b.example("http "+style, "http", "-style", style)
		if err != nil {
			return err
		}
		t.servers = append(t.servers, s)
	}
	for _, conns := range []int{1, 64, 1000} {
		t.rows = append(t.rows, row{fmt.Sprintf("GET /, %d connections", conns), func(s *server) (float64, time.Duration, error) {
			return b.wrk(s, "", conns, o.share(20))
		}})
	}
	if err := t.hold(o); err != nil {
		return err
	}
	return t.idle(b, o, o.share(10_000))
}

var (
	wrkRequests = regexp.MustCompile(`(\d+) requests in`)
	wrkRate     = regexp.MustCompile(`Requests/sec:\s+([0-9.]+)`)
	wrkErrors   = regexp.MustCompile(`Non-2xx|Socket errors`)
)

// wrk asks for a page for some tenths of a second, one second at least.
func (b *builder) wrk(s *server, page string, conns, tenths int) (float64, time.Duration, error) {
	seconds := max(tenths/10, 1)
	text, err := b.client("wrk", "-t", "1", "-c", strconv.Itoa(conns), "-d", fmt.Sprintf("%ds", seconds), "http://"+s.address+"/"+page)
	if err != nil {
		return 0, 0, err
	}
	requests, rate := wrkRequests.FindStringSubmatch(text), wrkRate.FindStringSubmatch(text)
	if requests == nil || rate == nil || wrkErrors.MatchString(text) {
		return 0, 0, fmt.Errorf("wrk prints %q", text)
	}
	n, err := strconv.ParseFloat(requests[1], 64)
	if err != nil {
		return 0, 0, err
	}
	perSecond, err := strconv.ParseFloat(rate[1], 64)
	return n, time.Duration(n / perSecond * 1e9), err
}

// idle reports how much resident memory n idle keep-alive connections cost each server.
func (t table) idle(b *builder, o options, n int) error {
	for _, s := range t.servers {
		before, err := system.ResidentOf(s.pid())
		if err != nil {
			return err
		}
		var open []net.Conn
		for range n {
			c, err := askOnce(s.address)
			if err != nil {
				return err
			}
			open = append(open, c)
		}
		after, err := system.ResidentOf(s.pid())
		for _, c := range open {
			c.Close()
		}
		if err != nil {
			return err
		}
		fmt.Fprintf(o.out, "%s: %d idle connections take %.1f MB of resident memory, %d bytes each\n",
			s.name, n, float64(after-before)/1e6, (after-before)/int64(n))
	}
	return nil
}

// askOnce makes one request and leaves its connection open.
func askOnce(address string) (net.Conn, error) {
	c, err := net.Dial("tcp", address)
	if err != nil {
		return nil, err
	}
	if _, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"); err != nil {
		return nil, err
	}
	answer, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		return nil, err
	}
	_, err = io.Copy(io.Discard, answer.Body)
	return c, err
}
