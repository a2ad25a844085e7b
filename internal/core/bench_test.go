package core

import (
	"context"
	"math/rand/v2"
	"syscall"
	"testing"
)

// willing is a kernel whose descriptors have as much data and room as is asked
// for, so that what is measured is the engine.
type willing struct{ *script }

func (k willing) Read(_ int, p []byte) (int, syscall.Errno)  { return len(p), 0 }
func (k willing) Write(_ int, p []byte) (int, syscall.Errno) { return len(p), 0 }

func newWilling(b *testing.B) (*Port, *Handle) {
	k := willing{&script{now: 1}}
	p := NewPort(Options{Kernel: k, Poller: pollerOf{k.script}})
	h, failure := p.AddHandle(7, true, nil)
	if failure != nil {
		b.Fatal(failure)
	}
	return p, h
}

// BenchmarkTransfer is a write that is performed at once, from Submit to its
// being dequeued.
func BenchmarkTransfer(b *testing.B) {
	p, h := newWilling(b)
	write := newOperation(Write, h, 64)
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
		reads[i] = newOperation(Read, h, 1)
	}
	p.Submit(reads, false)
}

// BenchmarkCancelAnyOf100000 cancels operations of one handle that has 100,000
// queued, wherever they stand.
func BenchmarkCancelAnyOf100000(b *testing.B) {
	p, h := newWilling(b)
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
