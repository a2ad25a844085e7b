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

// backends are the backends of the measured ports. Those that don't exist on this
// system are left out.
var backends = []string{"epoll"}

// eachProgram runs f for the named programs, and for each backend if a program has one.
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

// run runs f as a benchmark with a server and a load. Both are used for all the runs with
// which the testing package determines the number of repetitions.
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
	if setup == nil { // not selected by -bench
		return
	}
	if err := setup.Close(); err != nil {
		b.Error(err)
	}
}

// BenchmarkEcho measures round trips of messages on all connections. ns/op is the time by
// the clock for each message, cpu-ns/msg the CPU time of the server.
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

// BenchmarkAccept measures the life of a connection, with 64 at a time: the server accepts
// it, echoes one byte, and closes it when the client has closed it.
func BenchmarkAccept(b *testing.B) {
	eachProgram(b, echo.Programs, func(b *testing.B, spec echo.Spec) {
		run(b, "conns=64", spec, 64, 1, func(b *testing.B, s *echo.Setup) {
			r := measure(b, s, echo.Work{Size: 1, Renew: true})
			b.ReportMetric(float64(b.N)/r.Elapsed.Seconds(), "conns/s")
		})
	})
}

// measure runs b.N messages of that work after a warm-up.
func measure(b *testing.B, s *echo.Setup, w echo.Work) echo.Sample {
	b.Helper()
	if b.N == 1 { // the first run, which gives no figure unless -benchtime asks for it
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

// BenchmarkSystemCalls counts the server's system calls for each message with strace. So
// its times mean nothing and are not shown.
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

// idleConns is so large that the memory of the connections is much more than that of the
// process itself.
const idleConns = 10_000

// BenchmarkIdleConnection measures the memory of a waiting connection: the memory of a
// server with 10,000 connections, each with its read pending, minus its memory with one.
// Each connection has echoed one byte before. It is measured once, whatever b.N is.
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
