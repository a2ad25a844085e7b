package echo

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/completionport/completion/bench/internal/system"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	Register("added", Program{Serve: serveNet})
	Register("line", Program{Command: func(s Spec, buffer int) ([]string, error) {
		if s.Keys > 0 {
			return nil, errors.New("no store")
		}
		const answers = `echo "{\"Value\":\"$0\"}"; read command; echo '{"Value":4242}'; read command; exit 0`
		return []string{"/bin/sh", "-c", answers, fmt.Sprint(buffer)}, nil
	}})
	RunChild()
	goleak.VerifyTestMain(m)
}

func linuxOnly(t *testing.T) {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("the load runs on Linux only")
	}
}

func startLoad(t *testing.T, addr string, conns int) *Load {
	t.Helper()
	load, err := StartLoad(addr, -1)
	if err != nil {
		t.Fatal(err)
	}
	if err := load.Connect(conns); err != nil {
		t.Error(load.Close())
		t.Fatal(err)
	}
	return load
}

func closeWithout(t *testing.T, close func() error) {
	t.Helper()
	if err := close(); err != nil {
		t.Error(err)
	}
}

// Every program echoes every byte, and its process follows its commands.
func TestProgramsEcho(t *testing.T) {
	linuxOnly(t)
	for _, program := range Programs {
		t.Run(program, func(t *testing.T) {
			server, err := StartServer(ServerOptions{Spec: Spec{Program: program}, Buffer: 4096})
			if err != nil {
				t.Fatal(err)
			}
			defer closeWithout(t, server.Close)
			load := startLoad(t, server.Addr, 4)
			defer closeWithout(t, load.Close)
			before, err := server.CPU()
			if err != nil {
				t.Fatal(err)
			}
			for _, w := range works {
				r, err := load.Run(w)
				if err != nil {
					t.Fatalf("%+v: %v", w, err)
				}
				if r.P50 <= 0 || r.P99 < r.P50 || r.Max < r.P99 || r.Elapsed < r.Max || r.CPU <= 0 {
					t.Errorf("%+v: implausible: %+v", w, r)
				}
			}
			if after, err := server.CPU(); err != nil || after <= before {
				t.Errorf("CPU %v before, %v after: %v", before, after, err)
			}
			checkMemory(t, server)
		})
	}
}

// works are messages below, at and far above the size of the buffers. The last of them do
// not fit into the sockets, so writes are cut short on both sides.
var works = []Work{
	{Messages: 300, Size: 64, Verify: true},
	{Messages: 300, Size: 4096, Verify: true},
	{Messages: 100, Size: 20_000, Verify: true},
	{Messages: 4, Size: 4 << 20, Verify: true},
	{Messages: 3, Size: 1, Verify: true},
	{Messages: 200, Size: 1, Verify: true, Renew: true},
	{Messages: 300, Size: 64},
}

func checkMemory(t *testing.T, server *Server) {
	t.Helper()
	m, err := server.Memory()
	if err != nil || m.Heap < 10<<10 || m.Stack < 10<<10 || m.Resident < m.Heap+m.Stack {
		t.Errorf("implausible memory %+v: %v", m, err)
	}
}

// A program in this process ends and leaves nothing behind.
func TestProgramsClose(t *testing.T) {
	linuxOnly(t)
	for _, program := range Programs {
		t.Run(program, func(t *testing.T) {
			defer goleak.VerifyNone(t)
			serving, err := Serve(Spec{Program: program}, 4096)
			if err != nil {
				t.Fatal(err)
			}
			load := startLoad(t, serving.Addr(), 4)
			for _, size := range []int{100, 10_000} {
				if _, err := load.Run(Work{Messages: 8, Size: size, Verify: true}); err != nil {
					t.Error(err)
				}
			}
			closeWithout(t, load.Close)
			serving.Close()
		})
	}
}

// A peer that sends more than the system stores before it reads stops the server from
// writing, and then from reading.
func TestProgramsWaitForPeer(t *testing.T) {
	linuxOnly(t)
	sent := make([]byte, 32<<20)
	for i := range sent {
		sent[i] = pattern(0, 0, i)
	}
	for _, program := range Programs {
		t.Run(program, func(t *testing.T) {
			serving, err := Serve(Spec{Program: program}, 4096)
			if err != nil {
				t.Fatal(err)
			}
			defer serving.Close()
			conn, err := net.Dial("tcp", serving.Addr())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			if got := sendThenRead(t, conn, sent); !bytes.Equal(got, sent) {
				t.Error("what came back is not what was sent")
			}
		})
	}
}

// sendThenRead sends until no more bytes move, and then also reads. On a slow machine it
// may begin to read earlier.
func sendThenRead(t *testing.T, conn net.Conn, p []byte) []byte {
	n := 0
	for moved := 1; moved > 0; n += moved {
		conn.SetWriteDeadline(time.Now().Add(50 * time.Millisecond))
		var err error
		if moved, err = conn.Write(p[n:]); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Logf("%d bytes did not fill the sockets: %v", n+moved, err)
			n += moved
			break
		}
	}
	conn.SetWriteDeadline(time.Time{})
	var writing sync.WaitGroup
	writing.Go(func() { conn.Write(p[n:]) })
	got := make([]byte, len(p))
	if _, err := io.ReadFull(conn, got); err != nil {
		t.Error(err)
		conn.Close()
	}
	writing.Wait()
	return got
}

// The parent reports the errors of a child.
func TestChildErrors(t *testing.T) {
	linuxOnly(t)
	if _, err := StartServer(ServerOptions{Spec: Spec{Program: "queue", Backend: "none"}}); err == nil || !strings.Contains(err.Error(), `backend "none"`) {
		t.Errorf("a backend that does not exist: %v", err)
	}
	load, err := StartLoad(refusingAddress(t), -1)
	if err != nil {
		t.Fatal(err)
	}
	defer closeWithout(t, load.Close)
	if err := load.Connect(3); err == nil || !strings.Contains(err.Error(), "connection 1 of 3: connect: connection refused") {
		t.Errorf("a refused connection: %v", err)
	}
	if _, err := load.Run(Work{Messages: 0, Size: 1}); err == nil || !strings.Contains(err.Error(), "no work") {
		t.Errorf("no work: %v", err)
	}
}

// refusingAddress returns the address of a connection, so no program listens there.
func refusingAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", anyPort)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn.LocalAddr().String()
}

// The end of a server ends the load's work with an error.
func TestLoadNoticesEnd(t *testing.T) {
	linuxOnly(t)
	server, err := StartServer(ServerOptions{Spec: Spec{Program: "net"}})
	if err != nil {
		t.Fatal(err)
	}
	load := startLoad(t, server.Addr, 2)
	defer closeWithout(t, load.Close)
	closeWithout(t, server.Close)
	if _, err := load.Run(Work{Messages: 10, Size: 1}); err == nil || !strings.Contains(err.Error(), " of 2, message 1: ") {
		t.Errorf("a load without a server: %v", err)
	}
}

// The load detects a wrong echo.
func TestLoadVerifies(t *testing.T) {
	linuxOnly(t)
	for want, answer := range map[string]func([]byte) []byte{
		"byte 7 came back changed":             func(p []byte) []byte { p[7]++; return p },
		"101 bytes came back, 100 were sent":   func(p []byte) []byte { return append(p, 0) },
		"the server has closed it":             func(p []byte) []byte { return nil },
		"byte 1 came back changed":             func(p []byte) []byte { return append(p[:1], p[:len(p)-1]...) },
		"connection 1 of 1, message 1: byte 0": func(p []byte) []byte { return make([]byte, len(p)) },
	} {
		listener, err := net.Listen("tcp", anyPort)
		if err != nil {
			t.Fatal(err)
		}
		var served sync.WaitGroup
		served.Go(func() { answerOnce(t, listener, answer) })
		load := startLoad(t, listener.Addr().String(), 1)
		if _, err := load.Run(Work{Messages: 5, Size: 100, Verify: true}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("instead of %q: %v", want, err)
		}
		closeWithout(t, load.Close)
		served.Wait()
		listener.Close()
	}
}

// answerOnce echoes the first byte, and then answers one message with answer.
func answerOnce(t *testing.T, listener net.Listener, answer func([]byte) []byte) {
	conn, err := listener.Accept()
	if err != nil {
		t.Error(err)
		return
	}
	defer conn.Close()
	p := make([]byte, 200)
	for _, f := range []func([]byte) []byte{slices.Clone[[]byte], answer} {
		n, err := conn.Read(p)
		if err != nil {
			t.Error(err)
			return
		}
		conn.Write(f(p[:n]))
	}
}

func TestParse(t *testing.T) {
	for _, text := range []string{"queue", "floor", "await,backend=epoll", "queue,backend=epoll,spin=20µs,exe=./old"} {
		s, err := Parse(text)
		if err != nil || s.String() != text {
			t.Errorf("%q is parsed as %q: %v", text, s, err)
		}
	}
	for _, text := range []string{"", "epoll", "queue,", "queue,spin=fast", "queue,colour=red"} {
		if s, err := Parse(text); err == nil {
			t.Errorf("%q is parsed as %q", text, s)
		}
	}
}

// Pinning applies to the whole child process, and not to this one.
func TestPinned(t *testing.T) {
	linuxOnly(t)
	before, err := system.CPUs()
	if err != nil || len(before) < 2 {
		t.Skip("pinning takes two CPUs: ", before, err)
	}
	place, err := Pinned()
	if err != nil {
		t.Fatal(err)
	}
	setup, err := Open(ServerOptions{Spec: Spec{Program: "net"}}, place, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer closeWithout(t, setup.Close)
	for process, cpu := range map[*child]int{setup.Server.process: place.Server, setup.Load.process: place.Load} {
		var cpus []int
		if err := process.ask(command{Name: "cpus"}, &cpus); err != nil || !slices.Equal(cpus, []int{cpu}) {
			t.Errorf("the %s runs on %v, not on %d: %v", process.name, cpus, cpu, err)
		}
	}
	if after, _ := system.CPUs(); !slices.Equal(after, before) {
		t.Errorf("this process ran on %v, now on %v", before, after)
	}
}

// The hog burns CPU between the commands to start and to stop.
func TestHog(t *testing.T) {
	linuxOnly(t)
	setup, err := Open(ServerOptions{Spec: Spec{Program: "net"}, Hog: true}, Anywhere, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer closeWithout(t, setup.Close)
	burned := func() uint64 {
		t.Helper()
		rounds, err := setup.Server.Burned()
		if err != nil {
			t.Fatal(err)
		}
		return rounds
	}
	if n := burned(); n != 0 {
		t.Errorf("%d rounds before it was told to", n)
	}
	if _, err := setup.Measure(Work{Messages: 10, Size: 1, Verify: true}); err != nil {
		t.Fatal(err)
	}
	measured := burned()
	if measured == 0 {
		t.Error("no round while it was measured")
	}
	if n := burned(); n != measured {
		t.Errorf("%d rounds when it was to stop, %d later", measured, n)
	}
	if err := setup.Server.Burn(true); err != nil {
		t.Fatal(err)
	}
	for burned() < measured+10 { // it must, and the server still answers
	}
	for range 2 { // a second call has no effect
		if err := setup.Server.Burn(false); err != nil {
			t.Error(err)
		}
	}
}

func TestParseSummary(t *testing.T) {
	const table = `% time     seconds  usecs/call     calls    errors syscall
------ ----------- ----------- --------- --------- ------------------
 60.00    0.000600           3       200           sendto
 40.00    0.000400           2       210        10 read
  0.00    0.000000           0         1           read
------ ----------- ----------- --------- --------- ------------------
100.00    0.001000           2       411        10 total
`
	calls, err := parseSummary(bufio.NewScanner(strings.NewReader(table)))
	if want := map[string]float64{"sendto": 200, "read": 211}; err != nil || !maps.Equal(calls, want) {
		t.Errorf("%v: %v", calls, err)
	}
	if calls, err := parseSummary(bufio.NewScanner(strings.NewReader(""))); err == nil {
		t.Errorf("an empty table gives %v", calls)
	}
}
