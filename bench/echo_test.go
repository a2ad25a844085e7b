package bench

import (
	"fmt"
	"maps"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/completionport/completion"
	"github.com/completionport/completion/bench/internal/echo"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	echo.RunChild()
	goleak.VerifyTestMain(m)
}

// backends are those of the ports measured. Those that don't exist here are
// left out.
var backends = []string{"epoll"}

// eachProgram runs f for the named programs, on each backend if they have one.
func eachProgram(b *testing.B, programs []string, f func(b *testing.B, spec echo.Spec)) {
	if runtime.GOOS != "linux" {
		b.Skip("the load runs on Linux only")
	}
	for _, program := range programs {
		spec := echo.Spec{Program: program}
		if !spec.HasPort() {
			b.Run("api="+program, func(b *testing.B) { f(b, spec) })
			continue
		}
		for _, backend := range backends {
			port, err := completion.Open(&completion.Config{Backend: backend})
			if err != nil {
				continue
			}
			port.Close()
			spec.Backend = backend
			b.Run("api="+program+"/backend="+backend, func(b *testing.B) { f(b, spec) })
		}
	}
}

// run runs f as a benchmark with a server and a load. They serve all the runs
// with which the testing package finds out how often to repeat.
func run(b *testing.B, name string, spec echo.Spec, conns, size int, f func(*testing.B, *echo.Setup)) {
	var setup *echo.Setup
	b.Run(name, func(b *testing.B) {
		if setup == nil {
			var err error
			setup, err = echo.Open(echo.ServerOptions{Spec: spec, Buffer: echo.BufferFor(size)}, echo.Anywhere, conns)
			if err != nil {
				b.Fatal(err)
			}
		}
		f(b, setup)
	})
	if setup == nil { // not among those asked for
		return
	}
	if err := setup.Close(); err != nil {
		b.Error(err)
	}
}

// BenchmarkEcho is a message there and back on each of the connections, again
// and again. ns/op is the time by the clock for each message, cpu-ns/msg the
// server's CPU.
func BenchmarkEcho(b *testing.B) {
	eachProgram(b, echo.Programs, func(b *testing.B, spec echo.Spec) {
		for _, conns := range []int{1, 64, 1000} {
			for _, size := range []int{64, 4096} {
				name := fmt.Sprintf("conns=%d/size=%d", conns, size)
				run(b, name, spec, conns, size, func(b *testing.B, s *echo.Setup) {
					r := measure(b, s, echo.Work{Size: size})
					b.ReportMetric(microseconds(r.P50), "p50-us")
					b.ReportMetric(microseconds(r.P99), "p99-us")
				})
			}
		}
	})
}

// BenchmarkAccept is the life of a connection, with 64 alive at a time: the
// server accepts it, echoes one byte, and closes it when the client has.
func BenchmarkAccept(b *testing.B) {
	eachProgram(b, echo.Programs, func(b *testing.B, spec echo.Spec) {
		run(b, "conns=64", spec, 64, 1, func(b *testing.B, s *echo.Setup) {
			r := measure(b, s, echo.Work{Size: 1, Renew: true})
			b.ReportMetric(float64(b.N)/r.Elapsed.Seconds(), "conns/s")
		})
	})
}

// measure does b.N messages of that work after a warm-up.
func measure(b *testing.B, s *echo.Setup, w echo.Work) echo.Sample {
	b.Helper()
	if b.N == 1 { // the first run: no figure comes from it, unless asked for
		w.Messages = 5000
		if _, err := s.Load.Run(w); err != nil {
			b.Fatal(err)
		}
	}
	w.Messages = b.N
	r, err := s.Measure(w)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(r.PerMessage(r.Elapsed), "ns/op")
	b.ReportMetric(r.PerMessage(r.ServerCPU), "cpu-ns/msg")
	return r
}

func microseconds(d time.Duration) float64 { return float64(d) / 1e3 }

// BenchmarkSystemCalls counts the server's system calls for each message, by
// strace, so its times mean nothing and are not shown.
func BenchmarkSystemCalls(b *testing.B) {
	if err := echo.CanTrace(); err != nil {
		b.Skip("system calls are counted by strace: ", err)
	}
	eachProgram(b, echo.Programs, func(b *testing.B, spec echo.Spec) {
		for _, conns := range []int{1, 64} {
			b.Run(fmt.Sprintf("conns=%d", conns), func(b *testing.B) {
				calls, err := echo.CountCalls(spec, conns, 64, b.N)
				if err != nil {
					b.Fatal(err)
				}
				total := 0.0
				for _, name := range slices.Sorted(maps.Keys(calls)) {
					total += calls[name]
					if calls[name] >= 0.005 {
						b.ReportMetric(calls[name], name+"/msg")
					}
				}
				b.ReportMetric(total, "calls/msg")
				b.ReportMetric(0, "ns/op")
			})
		}
	})
}

// idleConns is as many as BenchmarkIdleConnection needs to make the pages of
// the process itself small beside them.
const idleConns = 10_000

// BenchmarkIdleConnection is what a connection costs that waits: what the
// server has more with 10,000 of them, each with its read pending, than with
// one. Each has echoed one byte before. It is measured once, however often it
// is to be repeated.
func BenchmarkIdleConnection(b *testing.B) {
	eachProgram(b, echo.Programs, func(b *testing.B, spec echo.Spec) {
		before, after := idle(b, spec)
		for b.Loop() {
		}
		b.ReportMetric(float64(after.Heap+after.Stack-before.Heap-before.Stack)/(idleConns-1), "B/conn")
		b.ReportMetric(float64(after.Resident-before.Resident)/(idleConns-1), "rss-B/conn")
		b.ReportMetric(0, "ns/op")
	})
}

// idle returns a server's memory with one connection and with many.
func idle(b *testing.B, spec echo.Spec) (one, many echo.Memory) {
	s, err := echo.Open(echo.ServerOptions{Spec: spec}, echo.Anywhere, 1)
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	if one, err = s.Server.Memory(); err != nil {
		b.Fatal(err)
	}
	if err := s.Load.Connect(idleConns - 1); err != nil {
		b.Fatal(err)
	}
	if many, err = s.Server.Memory(); err != nil {
		b.Fatal(err)
	}
	return one, many
}
