package bench

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/completionport/completion"
	"github.com/completionport/completion/ops"
)

// BenchmarkLongestTurn makes very many operations due or ready at once, and a loop dequeues
// all of them. It reports the longest call of Next: for that time the port held its lock,
// or the loop the lead, apart from the bodies of the loop.
func BenchmarkLongestTurn(b *testing.B) {
	b.Run("TimersDue=1000000", func(b *testing.B) {
		port := open(b)
		timers := make([]ops.Timer, 1_000_000)
		for b.Loop() {
			wait := time.Duration(len(timers)) * 3 * time.Microsecond
			end := time.Now().Add(wait)
			for i := range timers {
				timers[i].After = time.Until(end)
				port.Submit(&timers[i])
			}
			if late := -time.Until(end); late > 0 {
				b.Logf("the first timers were due %v before the last was submitted", late)
			}
			time.Sleep(time.Until(end))
			longestNext(b, port, len(timers))
		}
	})
	b.Run("DeadlinesOfOneSocket=50000", func(b *testing.B) {
		var network completion.Memory
		port, conn := memoryConn(b, &network)
		reads := make([]ops.Read, 50_000)
		memory := make([]byte, 1)
		for b.Loop() {
			end := completion.After(time.Second)
			for i := range reads {
				reads[i] = ops.Read{From: conn, Buf: completion.Own(memory)}
				reads[i].Deadline = end
				port.Submit(&reads[i])
			}
			time.Sleep(time.Second)
			longestNext(b, port, len(reads))
		}
	})
}

// memoryConn returns a port on the network and a socket of it, whose peer sends nothing.
func memoryConn(b *testing.B, network *completion.Memory) (*completion.Port, *completion.Socket) {
	port, err := completion.Open(&completion.Config{Memory: network})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { port.Close() })
	ln, err := port.Listen("tcp", "10.0.0.1:1")
	if err != nil {
		b.Fatal(err)
	}
	peer, err := network.Dial("tcp", "10.0.0.1:1")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { peer.Close() })
	accept := &ops.Accept{On: ln}
	if err := port.Await(context.Background(), accept); err != nil {
		b.Fatal(err)
	}
	return port, accept.Conn
}

// longestNext dequeues n operations and reports the longest calls of Next.
func longestNext(b *testing.B, port *completion.Port, n int) {
	took := make([]time.Duration, n)
	for i := range took {
		begin := time.Now()
		if _, err := port.Next(context.Background()); err != nil {
			b.Fatal(err)
		}
		took[i] = time.Since(begin)
	}
	total := time.Duration(0)
	for _, d := range took {
		total += d
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[n-1].Microseconds()), "longest-µs")
	b.ReportMetric(float64(took[n-1-n/10_000].Microseconds()), "p99.99-µs")
	b.ReportMetric(float64(total.Nanoseconds())/float64(n), "ns/operation")
}
