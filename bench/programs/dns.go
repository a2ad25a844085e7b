package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// questions are what dnsperf asks: an alias, a name that does not exist, and one record.
const questions = "www.example.test A\nnobody.example.test A\nexample.test MX\n"

// compareDNS compares examples/dns with itself on package net, and with a server on
// github.com/miekg/dns if its modules are there.
func compareDNS(b *builder, o options) error {
	if _, err := exec.LookPath("dnsperf"); err != nil {
		return err
	}
	file := filepath.Join(b.folder, "questions")
	if err := os.WriteFile(file, []byte(questions), 0o644); err != nil {
		return err
	}
	t := table{unit: "queries", perUnit: "us", scale: 1e6}
	for _, style := range []string{"port", "net"} {
		s, err := b.example("dns "+style, "dns", "-style", style)
		if err != nil {
			return err
		}
		t.servers = append(t.servers, s)
	}
	if s, err := b.peer(); err != nil {
		fmt.Fprintln(o.out, "without miekg/dns:", err)
	} else {
		t.servers = append(t.servers, s)
	}
	// More in flight over UDP come in bursts that the receive buffers have no room for. With
	// 10 in flight, dnsperf itself waits most of the time.
	for _, load := range []struct {
		mode              string
		clients, inFlight int
	}{{"udp", 1, 100}, {"udp", 10, 100}, {"tcp", 1, 100}, {"tcp", 10, 100}, {"tcp", 10, 1000}} {
		name := fmt.Sprintf("%s, %d in flight, clients: %d", strings.ToUpper(load.mode), load.inFlight, load.clients)
		t.rows = append(t.rows, row{name, func(s *server) (float64, time.Duration, error) {
			return b.dnsperf(s, o.share(150_000), "-d", file, "-m", load.mode, "-c", strconv.Itoa(load.clients), "-q", strconv.Itoa(load.inFlight))
		}})
	}
	return t.hold(o)
}

// peer builds the server of bench/dns, a module of its own, and starts it with the zone of the
// example.
func (b *builder) peer() (*server, error) {
	root, err := b.client("go", "list", "-m", "-f", "{{.Dir}}", "github.com/completionport/completion")
	if err != nil {
		return nil, err
	}
	root = strings.TrimSpace(root)
	file := filepath.Join(b.folder, "peer")
	if _, err := b.client("go", "build", "-C", filepath.Join(root, "bench", "dns"), "-o", file, "."); err != nil {
		return nil, err
	}
	return b.start("miekg/dns", []string{file, "-zone", filepath.Join(root, "examples", "dns", "example.zone")}, nil)
}

var (
	perfCompleted = regexp.MustCompile(`Queries completed: +(\d+) `)
	perfLost      = regexp.MustCompile(`Queries lost: +(\d+) `)
	perfTime      = regexp.MustCompile(`Run time \(s\): +([0-9.]+)`)
)

// dnsperf asks the questions so often, for at most 5 seconds.
func (b *builder) dnsperf(s *server, times int, args ...string) (float64, time.Duration, error) {
	host, _, _ := strings.Cut(s.address, ":")
	line := append([]string{"dnsperf", "-s", host, "-p", s.port(), "-l", "5", "-n", strconv.Itoa(times), "-t", "1"}, args...)
	text, err := b.client(line...)
	if err != nil {
		return 0, 0, err
	}
	var numbers [3]float64
	for i, find := range []*regexp.Regexp{perfCompleted, perfLost, perfTime} {
		found := find.FindStringSubmatch(text)
		if found == nil {
			return 0, 0, fmt.Errorf("dnsperf prints %q", text)
		}
		if numbers[i], err = strconv.ParseFloat(found[1], 64); err != nil {
			return 0, 0, err
		}
	}
	completed, lost := numbers[0], numbers[1]
	if completed == 0 || !strings.Contains(text, "NXDOMAIN") {
		_, statistics, _ := strings.Cut(text, "Statistics:")
		return 0, 0, fmt.Errorf("dnsperf gets other answers: %s", statistics)
	}
	if lost > 0 { // over UDP that may happen: they count for nothing
		fmt.Fprintf(b.log, "%s: %.0f queries are lost\n", s.name, lost)
	}
	return completed, time.Duration(numbers[2] * 1e9), nil
}
