package core

import (
	"math/bits"

	"github.com/completionport/completion/internal/backend"
)

// A Selector performs a pooled read as a whole: it gets a few buffers of the pool beforehand, and
// the read takes one of them when there is data. So an idle read holds no buffer, as with any
// kernel, and no call is made between its data and its end.
//
// The buffers in the kernel are beyond the pool's limit, since nobody can take one back: all of
// the limit can be lent while they are there. In return a read may take one of them when all is
// lent. It is not replaced before buffers have come back. So a pool has up to a quarter more
// buffers than its limit. If none is left in the kernel, reads wait for data alone, and then for
// a buffer, as with any Native kernel.

// What arrives between two looks of a leader needs one buffer each, and who finds none needs calls.
// So each read that finds none adds one to those in the kernel, within these limits. The kernel uses
// its buffers in turn: those that are not needed would only be more memory that is not in the cache.
const (
	firstProvided = 4       // so many buffers of a pool are in the kernel at first
	mostProvided  = 1024    // and so many at most
	mostMemory    = 4 << 20 // which have so many bytes, if there are more than at first
)

// leastSelected is the smallest limit of a pool with buffers in the kernel.
const leastSelected = 32

const (
	unasked int32 = iota // no read has asked for a group yet
	asking               // the first one is in the call
	refused              // the kernel has none for this pool
	selects              // there is a group
)

// selects reports whether reads of the pool are started with a group, and asks for one if nobody
// has. No lock is held: the kernel is called.
func (p *Pool) selects() bool {
	state := p.selection.state.Load()
	if state != unasked {
		return state == selects
	}
	if !p.selection.state.CompareAndSwap(unasked, asking) { // another read is faster
		return false
	}
	state = refused
	if p.port.selector != nil && p.limit >= leastSelected && p.size > 0 {
		n := p.largestGroup()
		if g, ok := p.port.selector.OpenGroup(1 << bits.Len(uint(n-1))); ok {
			p.open(g, n)
			state = selects
		}
	}
	p.selection.state.Store(state)
	return state == selects
}

// largestGroup is the largest number of buffers of the pool in the kernel.
func (p *Pool) largestGroup() int {
	return min(p.limit/4, mostProvided, max(mostMemory/(p.size+p.align-1), firstProvided))
}

// open gives the first buffers to the kernel, which will have n at most.
func (p *Pool) open(g backend.BufferGroup, n int) {
	k := p.lock()
	defer k.unlock()
	p.selection.group = g
	p.selection.buffers = make([]*Buffer, n)
	k.widen(firstProvided)
	k.provideMore()
}

// widen lets the kernel have so many buffers more.
func (k *stock) widen(n int) {
	s := &k.pool.selection
	for range n {
		s.unused = append(s.unused, uint16(s.width))
		s.width++
	}
}

// lacked is called after a read has found no buffer in the kernel. If all of the limit is lent, more
// of them would not help.
func (p *Pool) lacked() {
	k := p.lock()
	defer k.unlock()
	if s := &p.selection; s.width < len(s.buffers) && k.first == nil && k.available() > 0 {
		k.widen(1)
		k.provideMore()
	}
}

// selected returns the buffer that a read has taken, which the port owns from here on.
func (p *Pool) selected(number int) *Buffer {
	k := p.lock()
	defer k.unlock()
	s := &p.selection
	b := s.buffers[number]
	s.buffers[number] = nil
	s.unused = append(s.unused, uint16(number))
	k.made++
	if len(s.unused) > s.width/2 {
		k.provideMore()
	}
	b.n = 0
	b.owner.Store(ownedByPort)
	return b
}

// startSelected begins a pooled read that has no buffer.
func (h *Handle) startSelected(p *Pool) callResult {
	h.port.selector.StartSelected(int(h.fd), p.selection.group)
	return callResult{verdict: begunInKernel}
}
