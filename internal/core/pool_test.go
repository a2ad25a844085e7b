package core

import (
	"context"
	"math/rand/v2"
	"slices"
	"strconv"
	"syscall"
	"testing"

	"github.com/completionport/completion/internal/backend"
)

// silent is a kernel whose sockets never have anything to read.
type silent struct{ *script }

func (silent) Read(int, []byte) (int, syscall.Errno) { return 0, syscall.EAGAIN }

// lateRead is a read that takes its buffer from a pool.
type lateRead struct {
	Record
	handle *Handle
	pool   *Pool
	buffer *Buffer
}

func (o *lateRead) Describe(r *Request) { r.Kind, r.Handle, r.Pool = backend.Read, o.handle, o.pool }
func (o *lateRead) Deliver(r Result)    { o.buffer = r.Buffer }
func (o *lateRead) N() int              { return 0 }
func (o *lateRead) Err() error          { return nil }

// starve makes n pooled reads that wait for the one buffer of a pool, in the order of
// their numbers, and takes that buffer.
func starve(n int) (p *Port, pool *Pool, held *Buffer, reads []*lateRead) {
	k := &script{now: 1}
	p = NewPort(Options{Kernel: silent{k}, Poller: pollerOf{k}})
	pool = p.NewPool(1, 1)
	held = pool.Take()
	for fd := range n {
		h, _ := p.AddHandle(fd, true, nil)
		o := &lateRead{handle: h, pool: pool}
		reads = append(reads, o)
		o.ask()
	}
	return p, pool, held, reads
}

// ask submits the read and makes the port try it.
func (o *lateRead) ask() {
	p := o.handle.port
	p.Submit([]Operation{o}, false)
	edgeOf(p, backend.Event{FD: int(o.handle.fd), Generation: o.handle.generation, Ready: backend.Readable})
}

// queued returns the numbers of the reads that wait.
func (p *Pool) queued() (fds []int) {
	var before *place
	for at := p.guarded.first; at != nil; before, at = at, at.next {
		if at.prev != before || at.reserved || at.handle == nil {
			return nil
		}
		fds = append(fds, int(at.handle.fd))
	}
	if p.guarded.last != before {
		return nil
	}
	return fds
}

// When a read leaves the queue of a pool, from its front, its end or between, the others
// keep their order. A read that comes again is at the end.
func TestPoolQueue(t *testing.T) {
	for seed := range uint64(50) {
		const n = 20
		random := rand.New(rand.NewPCG(seed, 1))
		p, pool, _, reads := starve(n)
		var want []int
		for fd := range n {
			want = append(want, fd)
		}
		for range 200 {
			fd := random.IntN(n)
			if i := slices.Index(want, fd); i >= 0 {
				want = slices.Delete(want, i, i+1)
				if !p.Cancel(reads[fd]) || p.Next(context.Background()) != Operation(reads[fd]) {
					t.Fatalf("seed %d: read %d is not cancelled", seed, fd)
				}
			} else {
				want = append(want, fd)
				reads[fd].ask()
			}
			if got := pool.queued(); !slices.Equal(got, want) {
				t.Fatalf("seed %d: in the queue are %v, want %v", seed, got, want)
			}
		}
	}
}

// A buffer that comes back is reserved for the first, and to the next when that one
// leaves; nobody else gets it meanwhile.
func TestPoolReserves(t *testing.T) {
	p, pool, held, reads := starve(3)
	held.Release()
	if got := pool.queued(); !slices.Equal(got, []int{1, 2}) || pool.guarded.reserved != 1 || pool.Take() != nil {
		t.Fatalf("in the queue are %v, reserved %d", got, pool.guarded.reserved)
	}
	for fd, left := range [][]int{{2}, nil} {
		p.Cancel(reads[fd])
		if got := pool.queued(); !slices.Equal(got, left) || pool.guarded.reserved != 1 || pool.Take() != nil {
			t.Fatalf("in the queue are %v, reserved %d", got, pool.guarded.reserved)
		}
	}
	p.Cancel(reads[2])
	if b := pool.Take(); pool.guarded.first != nil || pool.guarded.last != nil || pool.guarded.reserved != 0 || b == nil {
		t.Fatalf("reserved %d, taken %v", pool.guarded.reserved, b)
	}
	for range reads {
		p.Next(context.Background())
	}
	for _, o := range reads {
		if o.buffer != nil || o.Record.buffer != nil {
			t.Error("a cancelled read has a buffer")
		}
	}
}

// Waiting for a buffer and leaving allocate nothing once as many have waited.
func TestPoolQueueAllocates(t *testing.T) {
	p, _, _, reads := starve(100)
	at := 0
	if n := testing.AllocsPerRun(1000, func() {
		o := reads[at*37%len(reads)]
		at++
		p.Cancel(o)
		p.Next(context.Background())
		o.ask()
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// BenchmarkLeavePool cancels the last of many reads that wait for one pool.
func BenchmarkLeavePool(b *testing.B) {
	for _, n := range []int{100, 10_000, 100_000} {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			p, _, _, reads := starve(n)
			o := reads[n-1]
			for b.Loop() {
				p.Cancel(o)
				p.Next(context.Background())
				o.ask()
			}
		})
	}
}
