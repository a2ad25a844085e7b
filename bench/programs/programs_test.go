package main

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	runChild()
	goleak.VerifyTestMain(m)
}

func TestBadFlags(t *testing.T) {
	for _, args := range [][]string{nil, {"cake"}, {"kv", "proxy"}, {"-rounds", "0", "kv"}, {"-fast", "kv"}} {
		if err := run(args, io.Discard, io.Discard); err == nil {
			t.Errorf("%q is taken", args)
		}
	}
}

// A ratio is the median of the ratios of each round, not the ratio of two medians.
func TestTable(t *testing.T) {
	var out bytes.Buffer
	t2 := table{servers: []*server{{name: "ours"}, {name: "theirs"}}, unit: "requests", perUnit: "us", scale: 1e6}
	t2.head(&out)
	at := func(rate float64, cpu time.Duration) measured {
		return measured{units: rate, elapsed: time.Second, cpu: cpu}
	}
	t2.line(&out, "load", [][]measured{
		{at(100, time.Millisecond), at(200, time.Millisecond), at(900, time.Millisecond)},
		{at(50, time.Millisecond), at(200, 2*time.Millisecond), at(300, time.Millisecond)},
	})
	if want := "| load | 200, 5 | 200, 10 (2.00, 0.50) |\n"; !strings.HasSuffix(out.String(), want) {
		t.Errorf("the table ends %q, want %q", out.String(), want)
	}
}

func quick(t *testing.T, name, client, row string) {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("CPU time of other processes is measured on Linux only")
	}
	if _, err := exec.LookPath(client); client != "" && err != nil {
		t.Skip(err)
	}
	var out bytes.Buffer
	if err := run([]string{"-rounds", "1", "-quick", name}, &out, io.Discard); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), row) {
		t.Error(out.String())
	}
}

func TestKeyValue(t *testing.T) { quick(t, "kv", "redis-benchmark", "1000 ") }
func TestProxy(t *testing.T)    { quick(t, "proxy", "", "1000 ") }
func TestTLS(t *testing.T)      { quick(t, "tls", "", "1000 ") }
func TestChat(t *testing.T)     { quick(t, "chat", "", "1000 ") }
func TestUDP(t *testing.T)      { quick(t, "udp", "", "| sink, 1200 B |") }
func TestDNS(t *testing.T)      { quick(t, "dns", "dnsperf", "1000 ") }
func TestStatic(t *testing.T)   { quick(t, "static", "wrk", "1000 ") }

// A server that ends before it listens is an error, and nothing is left of it.
func TestServerEndsEarly(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("CPU time of other processes is measured on Linux only")
	}
	b, err := newBuilder(options{})
	if err != nil {
		t.Fatal(err)
	}
	_, err = b.start("none", []string{os.Args[0], "-test.run=^$"}, nil)
	if err == nil || !strings.Contains(err.Error(), "none does not say where it listens") {
		t.Error(err)
	}
	b.close()
	if _, err := os.Stat(b.folder); err == nil {
		t.Error("the folder is still there")
	}
}
