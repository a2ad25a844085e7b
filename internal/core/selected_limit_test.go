package core

import (
	"syscall"
	"testing"
)

// takeAll takes what the pool has.
func takeAll(pool *Pool) (taken []*Buffer) {
	for b := pool.Take(); b != nil; b = pool.Take() {
		taken = append(taken, b)
	}
	return taken
}

// releaseAll releases the buffers.
func releaseAll(taken []*Buffer) {
	for _, b := range taken {
		b.Release()
	}
}

// A buffer that is reserved for a read that waits counts, although the reads in the kernel go beyond
// the limit before it is taken: there are more buffers than the limit then, and no more than those
// that the kernel had besides.
func TestSelectedBesideAReservedOne(t *testing.T) {
	k, p, h := newSelect(t)
	pool := p.NewPool(8, 40)
	waits, early, late := pooledRead(h, pool), pooledRead(k.handle(p, 9), pool), pooledRead(k.handle(p, 10), pool)
	p.Submit([]Operation{waits, early, late}, false)
	taken := takeAll(pool)
	k.onRead = func(p []byte) (int, syscall.Errno) { return copy(p, "abc"), 0 }
	k.gives(early.handle, "abc")
	delivers(t, p, early, "abc")
	k.selected = -1
	k.end(h, in, 0, 0) // finds none, and waits for one of the pool
	look(p)
	releaseAll(taken[:5]) // one is reserved, and the last one goes to the kernel
	taken = append(taken[5:], takeAll(pool)...)
	if s := &pool.guarded; s.reserved != 1 || s.count != 0 || len(k.group) != firstProvided {
		t.Fatalf("%d reserved, %d in the pool, %d in the kernel", s.reserved, s.count, len(k.group))
	}
	k.selected = 0
	for number := range k.group {
		k.selected = number
	}
	delete(k.group, k.selected)
	got := pool.selected(k.selected) // as the end of a read does, before the leader comes to the one that waits
	delivers(t, p, waits, "abc")
	if pool.Lent() != 41 {
		t.Errorf("%d lent", pool.Lent())
	}
	got.owner.Store(ownedByCaller)
	releaseAll(append(taken, got, early.got, waits.got))
	if pool.Lent() != 0 || pool.guarded.made+len(k.group) > 44 {
		t.Errorf("%d lent, %d made, %d in the kernel", pool.Lent(), pool.guarded.made, len(k.group))
	}
	p.Cancel(late)
}
