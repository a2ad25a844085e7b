//go:build unix

package main

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"math"
	"net"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

const (
	clients    = 200
	perClient  = 256 << 10
	most       = 10_000   // idle connections
	everything = 64 << 20 // more than the sockets of both directions hold
	ports      = 3        // the most that a server has here
)

// inBothStyles runs a test in each style.
func inBothStyles(t *testing.T, test func(t *testing.T, style string)) {
	for _, style := range []string{"queue", "await"} {
		t.Run(style, func(t *testing.T) { test(t, style) })
	}
}

// inEachWay runs a test in each style, and with each way to use several cores.
func inEachWay(t *testing.T, test func(t *testing.T, way ...string)) {
	n := strconv.Itoa(ports)
	for _, way := range [][]string{
		{"-style", "queue"},
		{"-style", "await"},
		{"-workers", "4"},
		{"-ports", n, "-workers", "2"},
		{"-ports", n, "-style", "await"},
	} {
		t.Run(strings.Join(way, " "), func(t *testing.T) {
			if slices.Contains(way, "-ports") && !reusePortWorks(t) {
				t.Skip("no ReusePort here")
			}
			test(t, way...)
		})
	}
}

// parallel runs f for 0 to n-1, width at a time, and returns the first error.
func parallel(n, width int, f func(i int) error) error {
	var next atomic.Int64
	var group sync.WaitGroup
	errs := make([]error, width)
	for w := range width {
		group.Go(func() {
			for i := int(next.Add(1)) - 1; i < n && errs[w] == nil; i = int(next.Add(1)) - 1 {
				errs[w] = f(i)
			}
		})
	}
	group.Wait()
	return errors.Join(errs...)
}

// transferAll runs the clients side by side.
func transferAll(addr string) error {
	return parallel(clients, clients, func(i int) error { return transfer(addr, uint64(i), perClient) })
}

// checkCounts compares the report of the server.
func checkCounts(t *testing.T, report map[string]int, want map[string]int) {
	t.Helper()
	for word, n := range want {
		if report[word] != n {
			t.Errorf("the server reports %d %s, want %d", report[word], word, n)
		}
	}
}

func TestExitStatus(t *testing.T) {
	for _, c := range badUse {
		if !c.anywhere {
			needBackend(t)
		}
		cmd := command(t, "unlimited", c.args...)
		var stdout, stderr bytes.Buffer
		cmd.Stdout, cmd.Stderr = &stdout, &stderr
		var exit *exec.ExitError
		if err := cmd.Run(); !errors.As(err, &exit) {
			t.Fatalf("%v: %v", c.args, err)
		}
		checkRefusal(t, exit.ExitCode(), stdout.String(), stderr.String(), c.says)
	}
}

func TestAddressInUse(t *testing.T) {
	c := start(t)
	var stdout, stderr bytes.Buffer
	status := run([]string{"-listen", c.addr}, &stdout, &stderr)
	checkRefusal(t, status, stdout.String(), stderr.String(), syscall.EADDRINUSE.Error())
	// The first server still serves. Without a client it might be stopped before its first
	// accept, and then it would have submitted nothing.
	c.check(transfer(c.addr, 0, perClient))
	c.stopClean()
}

func TestClients(t *testing.T) {
	inEachWay(t, func(t *testing.T, way ...string) {
		c := start(t, append(way, "-timeout", "1h")...)
		c.check(transferAll(c.addr))
		checkCounts(t, c.stopClean(), map[string]int{
			"accepted": clients, "failed": 0, "bytes": clients * perClient,
		})
	})
}

func TestClientsBesideIdleOnes(t *testing.T) {
	if testing.Short() {
		t.Skip("10,000 connections in short mode")
	}
	needDescriptors(t, most+clients+100)
	inBothStyles(t, func(t *testing.T, style string) {
		idle := most
		if underRace && style == "await" {
			idle = most / 2 // the race detector supports no more than 8128 goroutines
		}
		c := start(t, "-style", style, "-timeout", "1h")
		conns := make([]*net.TCPConn, idle)
		t.Cleanup(func() {
			for _, conn := range conns {
				if conn != nil {
					reset(conn)
				}
			}
		})
		each := func(f func(i int) error) { t.Helper(); c.check(parallel(idle, 50, f)) }
		each(func(i int) (err error) { conns[i], err = dial(c.addr); return err })
		c.check(transferAll(c.addr))
		pings := 0
		each(func(i int) error { return ping(conns[i]) })
		for _, conn := range conns {
			pings += len(conn.LocalAddr().String())
		}
		report := c.stopClean()
		each(func(i int) error { return expectEnd(conns[i]) })
		checkCounts(t, report, map[string]int{
			"accepted": idle + clients, "failed": 0, "bytes": clients*perClient + pings,
		})
	})
}

// needDescriptors skips a test where the system does not give n descriptors to one
// process.
func needDescriptors(t *testing.T, n uint64) {
	t.Helper()
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	if uint64(limit.Cur) < n {
		t.Skipf("needs %d descriptors, the limit is %d", n, limit.Cur)
	}
}

func TestTerminateWhileBusy(t *testing.T) {
	inEachWay(t, func(t *testing.T, way ...string) {
		c := start(t, append(way, "-timeout", "1h")...)
		const busyClients = 20
		var busy, group sync.WaitGroup
		busy.Add(busyClients)
		for i := range uint64(busyClients) {
			conn := c.dial()
			group.Go(func() { send(conn, i, math.MaxInt) })
			group.Go(func() {
				err := expect(conn, i, perClient)
				busy.Done()
				if err != nil {
					t.Error(err)
				}
				io.Copy(io.Discard, conn)
				conn.Close()
			})
		}
		busy.Wait()
		report, text, stderr := c.stop(syscall.SIGTERM)
		group.Wait()
		if !strings.HasPrefix(text, "stopped, all written\n") || stderr != "" {
			t.Errorf("the server said:\n%s%s", text, stderr)
		}
		checkCounts(t, report, map[string]int{"accepted": busyClients, "failed": 0})
		if report["bytes"] < busyClients*perClient {
			t.Errorf("%d bytes, fewer than came back", report["bytes"])
		}
	})
}

// stall writes until no more bytes are taken, and returns how many bytes it wrote.
func stall(t *testing.T, conn *net.TCPConn, seed uint64) int {
	t.Helper()
	source, buffer, sent := stream(seed), make([]byte, 1<<16), 0
	for sent < everything {
		io.ReadFull(source, buffer)
		conn.SetWriteDeadline(time.Now().Add(50 * time.Millisecond))
		n, err := conn.Write(buffer)
		sent += n
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return sent
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	t.Fatalf("the server took %d bytes from a client that reads none", sent)
	return 0
}

func TestClientReadsLate(t *testing.T) {
	inBothStyles(t, func(t *testing.T, style string) {
		c := start(t, "-style", style, "-timeout", "1h")
		conn := c.dial()
		sent := stall(t, conn, 7)
		c.check(ping(c.dial()))
		c.check(conn.CloseWrite())
		c.check(expect(conn, 7, sent))
		c.check(expectEnd(conn))
		checkCounts(t, c.stopClean(), map[string]int{"accepted": 2, "failed": 0})
	})
}

// aWhile is how long a client may leave its echo unread in a test that waits for that
// limit. Other clients must be served within that time, too.
const aWhile = 5 * time.Second

func TestClientNeverReads(t *testing.T) {
	t.Parallel()
	inBothStyles(t, func(t *testing.T, style string) {
		t.Parallel()
		c := start(t, "-style", style, "-timeout", aWhile.String())
		deaf, other := c.dial(), c.dial()
		cut := make(chan error, 1)
		go func() { cut <- send(deaf, 1, everything) }()
		pings := time.NewTicker(10 * time.Millisecond)
		defer pings.Stop()
		for done := false; !done; {
			select {
			case <-pings.C:
				c.check(ping(other))
			case err := <-cut:
				if !errors.Is(err, syscall.ECONNRESET) && !errors.Is(err, syscall.EPIPE) {
					t.Errorf("the client that never reads got %v", err)
				}
				done = true
			}
		}
		c.check(ping(other))
		checkCounts(t, c.stopClean(), map[string]int{"accepted": 2, "failed": 1})
	})
}

// A client that never reads delays the end of the server for at most the time that a
// write may take.
func TestTerminateWhileClientStalls(t *testing.T) {
	t.Parallel()
	inEachWay(t, func(t *testing.T, way ...string) {
		t.Parallel()
		c := start(t, append(way, "-timeout", aWhile.String())...)
		conn := c.dial()
		c.check(ping(conn)) // otherwise a slow server might stop before its first accept
		stall(t, conn, 1)
		report, text, stderr := c.stop(syscall.SIGTERM)
		if !strings.HasPrefix(text, "stopped, ") || stderr != "" {
			t.Errorf("the server said:\n%s%s", text, stderr)
		}
		checkCounts(t, report, map[string]int{"accepted": 1})
	})
}

// A connection was certainly accepted once some of its bytes have come back. If a
// connection is reset in the backlog, accept returns it on some systems and skips it on
// others.
func TestClientResets(t *testing.T) {
	inEachWay(t, func(t *testing.T, way ...string) {
		c := start(t, append(way, "-timeout", "1h")...)
		const late, atOnce = 40, 10
		c.check(parallel(late+atOnce, 10, func(i int) error {
			conn, err := dial(c.addr)
			if err != nil {
				return err
			}
			defer reset(conn)
			if i >= late {
				return nil
			}
			if err := send(conn, uint64(i), 1<<15); err != nil {
				return err
			}
			return expect(conn, uint64(i), 1+i<<9)
		}))
		c.check(transfer(c.addr, 1, perClient))
		report := c.stopClean()
		if n := report["accepted"]; n < late+1 || n > late+atOnce+1 {
			t.Errorf("%d accepted, want %d to %d", n, late+1, late+atOnce+1)
		}
		if report["failed"] > late+atOnce {
			t.Errorf("%d failed, more than were reset", report["failed"])
		}
	})
}

func TestClientsKilled(t *testing.T) {
	inBothStyles(t, func(t *testing.T, style string) {
		c := start(t, "-style", style, "-timeout", "1h")
		const victims = 4
		c.check(parallel(victims, victims, func(int) error { return killVictim(c.addr) }))
		c.check(transfer(c.addr, 1, perClient))
		checkCounts(t, c.stopClean(), map[string]int{"accepted": victims*victimConns + 1})
	})
}

// killVictim runs a process with busy clients and kills it in the middle.
func killVictim(addr string) error {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), victimEnv+"="+addr)
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	line, _ := bufio.NewReader(stdout).ReadString('\n')
	cmd.Process.Kill()
	cmd.Wait()
	if line != "busy\n" {
		return errors.New("the victim said " + strconv.Quote(line))
	}
	return nil
}

func TestDescriptorsRunOut(t *testing.T) {
	inEachWay(t, func(t *testing.T, way ...string) {
		begun := time.Now()
		c := startAs(t, limited, append(way, "-timeout", "1h")...)
		served := c.dial()
		c.check(ping(served))
		const trips = 2000
		for round := range 2 {
			waiting := make([]*net.TCPConn, clients)
			for i := range waiting {
				conn, err := dial(c.addr)
				c.check(err)
				waiting[i] = conn
			}
			if round == 0 {
				if line := <-c.warning; !strings.Contains(line, syscall.EMFILE.Error()) {
					t.Errorf("the warning is %q", line)
				}
				for range trips {
					c.check(ping(served))
				}
			}
			for _, conn := range waiting {
				conn.Close()
			}
			c.check(ping(c.dial()))
		}
		report, _, stderr := c.stop(syscall.SIGTERM)
		// The most warnings and pauses that are possible in the time that the test took.
		took := time.Since(begun)
		warnings, pauses := 1+int(took/warningEvery), ports*(1+int(took/acceptPause))
		if n := strings.Count(stderr, "\n"); n > warnings {
			t.Errorf("%d warnings in %v: %q", n, took, stderr)
		}
		// There are two operations per round trip, three per connection, and a timer and an
		// accept for each pause. A server that tries to accept all the time has thousands
		// more.
		if most := 2*(trips+10) + 3*(2*clients+10) + 2*pauses; report["submitted"] > most {
			t.Errorf("%d operations in %v, at most %d expected", report["submitted"], took, most)
		}
	})
}
