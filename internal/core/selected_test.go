package core

import (
	"syscall"
	"testing"

	"github.com/completionport/completion/internal/backend"
)

// selectKernel selects the buffers of pooled reads.
type selectKernel struct {
	*nativeKernel
	none     bool           // it has no groups
	group    map[int][]byte // what it was given, by number
	selected int            // what the next read has taken, -1 for nothing
	lacked   bool           // the next read finds no buffer
	started  int            // reads that select
	provided int            // how often it was given a buffer
}

func (k *selectKernel) OpenGroup(n int) (backend.BufferGroup, bool) {
	k.group = map[int][]byte{}
	return 5, !k.none
}

func (k *selectKernel) Provide(g backend.BufferGroup, number int, memory []byte) {
	if g != 5 || k.group[number] != nil || number >= mostProvided {
		k.t.Errorf("group %d is given a buffer %d", g, number)
	}
	k.provided++
	k.group[number] = memory
}

func (k *selectKernel) StartSelected(fd int, g backend.BufferGroup) {
	k.started++
	k.selected = -1
	k.Start(fd, backend.Read, nil, nil)
}

func (k *selectKernel) Selected(int) (int, bool) { return k.selected, k.lacked }

// gives ends the read of h with data in some buffer of the group.
func (k *selectKernel) gives(h *Handle, data string) {
	for number, memory := range k.group {
		delete(k.group, number)
		k.selected = number
		k.end(h, in, copy(memory, data), 0)
		return
	}
	k.t.Fatal("the kernel has no buffer")
}

func newSelect(t *testing.T) (*selectKernel, *Port, *Handle) {
	skipWithRace(t)
	native, _, _ := newNative(t)
	k := &selectKernel{nativeKernel: native, selected: -1}
	p := NewPort(Options{Kernel: k, Poller: nativePoller{native}})
	return k, p, native.handle(p, 8)
}

func pooledRead(h *Handle, pool *Pool) *lateOperation {
	return &lateOperation{operation: operation{kind: backend.Read, handle: h}, pool: pool}
}

// delivers checks that o is the next that ends, and has that data.
func delivers(t *testing.T, p *Port, o *lateOperation, want string) {
	t.Helper()
	if got := p.Next(t.Context()); got != Operation(o) {
		t.Fatalf("dequeued %v", got)
	}
	if n, f, _ := Outcome(&o.Record); n != int64(len(want)) || f != nil || string(o.got.Bytes()) != want {
		t.Fatalf("outcome %d, %v", n, f)
	}
}

// A read takes a buffer of those in the kernel, without a call, and the one that is released goes
// there. Those in the kernel are not lent.
func TestSelectedRead(t *testing.T) {
	k, p, h := newSelect(t)
	pool := p.NewPool(8, 40)
	for i := range 100 {
		o := pooledRead(h, pool)
		p.Submit([]Operation{o}, false)
		if k.started != i+1 || len(k.group) != firstProvided || pool.Lent() != 0 {
			t.Fatalf("%d reads, %d buffers in the kernel, %d lent", k.started, len(k.group), pool.Lent())
		}
		k.gives(h, "abc")
		delivers(t, p, o, "abc")
		if pool.Lent() != 1 {
			t.Fatalf("%d lent", pool.Lent())
		}
		o.got.Release()
	}
	if k.provided != 100+firstProvided || pool.guarded.count != 0 {
		t.Errorf("given %d buffers, and %d in the pool", k.provided, pool.guarded.count)
	}
	k.atRest(p)
}

// All of the limit can be lent while the kernel has buffers. A read may take one of these beyond
// the limit. The kernel gets another when enough have come back, and the pool has no more than
// its limit in the end.
func TestSelectedBeyondTheLimit(t *testing.T) {
	k, p, h := newSelect(t)
	pool := p.NewPool(8, 40)
	o := pooledRead(h, pool)
	p.Submit([]Operation{o}, false)
	taken := takeAll(pool)
	if len(taken) != 40 {
		t.Fatalf("took %d", len(taken))
	}
	k.gives(h, "abc")
	delivers(t, p, o, "abc")
	if pool.Lent() != 41 || len(k.group) != firstProvided-1 {
		t.Errorf("%d lent, %d in the kernel", pool.Lent(), len(k.group))
	}
	o.got.Release()
	releaseAll(taken)
	if s := &pool.guarded; pool.Lent() != 0 || len(k.group) != firstProvided || s.made+len(k.group) > 44 {
		t.Errorf("%d lent, %d made, %d in the kernel", pool.Lent(), s.made, len(k.group))
	}
	k.atRest(p)
}

// Without a buffer in the kernel, a read waits for data, and then for a buffer of the pool.
func TestSelectedLacks(t *testing.T) {
	k, p, h := newSelect(t)
	pool := p.NewPool(8, 40)
	o := pooledRead(h, pool)
	p.Submit([]Operation{o}, false)
	k.end(h, in, 0, syscall.EAGAIN)
	look(p)
	if k.started != 2 {
		t.Fatalf("started %d times", k.started)
	}
	k.onRead = func(p []byte) (int, syscall.Errno) { return copy(p, "abc"), 0 }
	k.end(h, in, 0, 0)
	delivers(t, p, o, "abc")
	o.got.Release()
	k.atRest(p)
}

// Each read that finds no buffer in the kernel adds one there, up to a quarter of the limit, and
// none while all of the limit is lent.
func TestSelectedGrows(t *testing.T) {
	k, p, h := newSelect(t)
	pool := p.NewPool(8, 40)
	k.onRead = func(p []byte) (int, syscall.Errno) { return copy(p, "abc"), 0 }
	lack := func() {
		t.Helper()
		k.lacked = true
		o := pooledRead(h, pool)
		p.Submit([]Operation{o}, false)
		k.end(h, in, 0, 0)
		delivers(t, p, o, "abc")
		o.got.Release()
	}
	for want := firstProvided + 1; want <= 12; want++ {
		if lack(); len(k.group) != min(want, 10) {
			t.Fatalf("%d buffers in the kernel, want %d", len(k.group), want)
		}
	}
	if k.provided != 10 {
		t.Errorf("given %d buffers", k.provided)
	}
	k.atRest(p)
}

// While all of the limit is lent, a read that finds no buffer adds none.
func TestSelectedGrowsWithinTheLimit(t *testing.T) {
	k, p, h := newSelect(t)
	pool := p.NewPool(8, 40)
	o := pooledRead(h, pool)
	p.Submit([]Operation{o}, false)
	taken := takeAll(pool)
	k.lacked = true
	k.end(h, in, 0, 0) // waits for a buffer
	look(p)
	if len(k.group) != firstProvided || k.provided != firstProvided {
		t.Errorf("%d buffers in the kernel", len(k.group))
	}
	k.onRead = func(p []byte) (int, syscall.Errno) { return copy(p, "abc"), 0 }
	releaseAll(taken)
	delivers(t, p, o, "abc")
	o.got.Release()
	k.atRest(p)
}

// A pool has a quarter of its limit in the kernel at most, and no more than so many bytes.
func TestLargestGroup(t *testing.T) {
	for _, c := range []struct{ size, align, limit, want int }{
		{4096, 1, 32, 8}, {4096, 1, 35, 8}, {4096, 1, 4096, 1024}, {4096, 1, 1 << 20, 1024},
		{65536, 1, 4096, 64}, {512, 1 << 20, 4096, firstProvided}, {8 << 20, 1, 4096, firstProvided}, {8 << 20, 1, 1 << 20, firstProvided},
	} {
		pool := &Pool{size: c.size, align: c.align, limit: c.limit}
		if got := pool.largestGroup(); got != c.want {
			t.Errorf("%d of %d bytes: %d, want %d", c.limit, c.size, got, c.want)
		}
	}
}

// A buffer that comes with an errno, or with nothing, goes back.
func TestSelectedForNothing(t *testing.T) {
	for _, errno := range []syscall.Errno{0, errAborted, errReset} {
		k, p, h := newSelect(t)
		pool := p.NewPool(8, 40)
		o := pooledRead(h, pool)
		p.Submit([]Operation{o}, false)
		k.selected = 3
		delete(k.group, 3)
		k.onRead = func([]byte) (int, syscall.Errno) { return 0, 0 } // the end of the stream
		k.end(h, in, 0, errno)
		look(p)
		if errno == errAborted {
			p.Cancel(o)
		}
		if got := p.Next(t.Context()); got != Operation(o) || o.got != nil || pool.Lent() != 0 {
			t.Errorf("%v: dequeued %v with %v, %d lent", errno, got, o.got, pool.Lent())
		}
		k.atRest(p)
	}
}

// A pool that is small, and a kernel without groups, have none: then a read waits for data.
func TestSelectedNowhere(t *testing.T) {
	for _, limit := range []int{leastSelected - 1, leastSelected} {
		k, p, h := newSelect(t)
		k.none = true
		o := pooledRead(h, p.NewPool(8, limit))
		p.Submit([]Operation{o}, false)
		if k.started != 0 || len(k.begun) != 1 {
			t.Errorf("%d started, %d begun", k.started, len(k.begun))
		}
		p.Cancel(o)
		p.Next(t.Context())
		k.atRest(p)
	}
}
