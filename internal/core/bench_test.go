package core

import (
	"context"
	"math"
	"math/rand/v2"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/completionport/completion/internal/backend"
	"github.com/completionport/completion/internal/scheduler"
)

// willing is a kernel whose descriptors have as much data and room as calls ask for, so
// that a benchmark measures the engine.
type willing struct{ *script }

func (k willing) Read(_ int, p []byte) (int, syscall.Errno)  { return len(p), 0 }
func (k willing) Write(_ int, p []byte) (int, syscall.Errno) { return len(p), 0 }

func (k willing) WriteV(_ int, parts [][]byte) (n int, _ syscall.Errno) {
	for _, p := range parts {
		n += len(p)
	}
	return n, 0
}

func newWilling(b *testing.B, steps scheduler.Steps) (*Port, *Handle) {
	k := willing{&script{now: 1}}
	p := NewPort(Options{Kernel: k, Poller: pollerOf(k), Steps: steps})
	h, failure := p.AddHandle(7, true, nil)
	if failure != nil {
		b.Fatal(failure)
	}
	return p, h
}

// BenchmarkTransfer measures a write that is performed at once, from Submit until it is
// dequeued.
func BenchmarkTransfer(b *testing.B) {
	p, h := newWilling(b, nil)
	write := newOperation(backend.Write, h, 64)
	one := []Operation{write}
	for b.Loop() {
		p.Submit(one, false)
		p.Next(context.Background())
	}
}

const manyQueued = 100_000

// queueReads queues reads on a handle that has no data for them.
func queueReads(p *Port, h *Handle, reads []Operation) {
	for i := range reads {
		reads[i] = newOperation(backend.Read, h, 1)
	}
	p.Submit(reads, false)
}

// BenchmarkCancelAnyOf100000 cancels operations anywhere in the queue of a handle that has
// 100,000.
func BenchmarkCancelAnyOf100000(b *testing.B) {
	p, h := newWilling(b, nil)
	reads := make([]Operation, manyQueued)
	queueReads(p, h, reads)
	random := rand.New(rand.NewPCG(1, 2))
	for n := 0; n < b.N; {
		b.StopTimer()
		random.Shuffle(len(reads), func(i, j int) { reads[i], reads[j] = reads[j], reads[i] })
		some := reads[:min(b.N-n, manyQueued/100)]
		b.StartTimer()
		for _, read := range some {
			if !p.Cancel(read) {
				b.Fatal("not recorded")
			}
		}
		b.StopTimer()
		for range some {
			p.Next(context.Background())
		}
		p.Submit(some, false)
		n += len(some)
		b.StartTimer()
	}
}

// BenchmarkCloseOf100000 closes a handle that has 100,000 operations queued. It reports as
// longest the longest time between two locks that Close takes, which is more than it holds
// one of them. The time is that of the Close that the machine has disturbed least.
func BenchmarkCloseOf100000(b *testing.B) {
	steps := &holds{}
	p, h := newWilling(b, steps)
	reads := make([]Operation, manyQueued)
	var last time.Time
	longest, least := time.Duration(0), time.Duration(math.MaxInt64)
	for b.Loop() {
		b.StopTimer()
		steps.onLock = nil
		queueReads(p, h, reads)
		runtime.GC()
		longest, last = 0, time.Now()
		steps.onLock = func() {
			now := time.Now()
			longest, last = max(longest, now.Sub(last)), now
		}
		b.StartTimer()
		h.Close()
		b.StopTimer()
		steps.onLock()
		steps.onLock = nil
		least = min(least, longest)
		for range reads {
			p.Next(context.Background())
		}
		h, _ = p.AddHandle(7, true, nil)
		b.StartTimer()
	}
	b.ReportMetric(float64(least.Nanoseconds())/1000, "longest-µs")
}
