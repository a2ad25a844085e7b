package main

import (
	"encoding/csv"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// keys is how many keys the requests are about. Values have 64 bytes.
const keys = 100_000

// compareKeyValue compares examples/kv in queue style with the same server on package net,
// and with redis-server.
func compareKeyValue(b *builder, o options) error {
	if _, err := exec.LookPath("redis-benchmark"); err != nil {
		return err
	}
	t := table{unit: "requests", perUnit: "us", scale: 1e6}
	for _, style := range []string{"queue", "net"} {
		s, err := b.example("kv "+style, "kv", "-style", style)
		if err != nil {
			return err
		}
		t.servers = append(t.servers, s)
	}
	if program, err := exec.LookPath("redis-server"); err == nil {
		s, err := b.foreign("redis-server", func(port string) []string {
			return []string{program, "--port", port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--loglevel", "warning"}
		})
		if err != nil {
			return err
		}
		t.servers = append(t.servers, s)
	}
	for _, s := range t.servers { // fill it
		if _, _, err := b.redisBenchmark(s, "set", 50, 16, o.share(5*keys)); err != nil {
			return err
		}
	}
	t.rows = keyValueRows(b, o)
	return t.hold(o)
}

func keyValueRows(b *builder, o options) (rows []row) {
	for _, pipeline := range []int{1, 16} {
		for _, conns := range []int{1, 50, 1000} {
			requests := o.share(150_000)
			switch {
			case conns == 1 && pipeline == 1:
				requests /= 4
			case pipeline > 1:
				requests *= 5
			}
			name := fmt.Sprintf("GET, %d connections, pipelines of %d", conns, pipeline)
			rows = append(rows, row{name, func(s *server) (float64, time.Duration, error) {
				return b.redisBenchmark(s, "get", conns, pipeline, requests)
			}})
		}
	}
	return rows
}

// redisBenchmark returns how many requests it made, and in which time.
func (b *builder) redisBenchmark(s *server, kind string, conns, pipeline, requests int) (float64, time.Duration, error) {
	text, err := b.client("redis-benchmark", "-h", "127.0.0.1", "-p", s.port(), "-t", kind, "--csv",
		"-c", strconv.Itoa(conns), "-P", strconv.Itoa(pipeline), "-n", strconv.Itoa(requests),
		"-r", strconv.Itoa(keys), "-d", "64")
	if err != nil {
		return 0, 0, err
	}
	// Warnings may stand above: a server without CONFIG is warned about.
	_, table, found := strings.Cut(text, "\"test\"")
	if !found {
		return 0, 0, fmt.Errorf("redis-benchmark prints %q", text)
	}
	records, err := csv.NewReader(strings.NewReader("\"test\"" + table)).ReadAll()
	if err != nil || len(records) < 2 {
		return 0, 0, fmt.Errorf("redis-benchmark prints %q: %v", text, err)
	}
	rate, err := strconv.ParseFloat(records[1][1], 64)
	if err != nil {
		return 0, 0, err
	}
	return float64(requests), time.Duration(float64(requests) / rate * 1e9), nil
}
