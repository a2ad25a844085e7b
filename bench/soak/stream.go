package main

import (
	"encoding/binary"
	"fmt"
	"sync"
	"sync/atomic"
)

// record is the state of a connection that both ends share.
type record struct {
	seed uint64
	// sent is how many bytes the client has sent. It is set when the client sends no more.
	sent atomic.Int64
	// disturbed is set before any action that the other end may notice.
	disturbed atomic.Bool
}

func (r *record) String() string { return fmt.Sprintf("connection %x", r.seed) }

// registry has the records by seed.
type registry struct{ records sync.Map }

func (g *registry) add(seed uint64) *record {
	r := &record{seed: seed}
	g.records.Store(seed, r)
	return r
}

func (g *registry) remove(r *record) { g.records.Delete(r.seed) }

// find returns nil if the client has gone.
func (g *registry) find(seed uint64) *record {
	r, _ := g.records.Load(seed)
	found, _ := r.(*record)
	return found
}

// header is the number of bytes at the beginning of a stream that are its seed.
const header = 8

// mix returns a hash of a number.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// word returns the 8 bytes of a stream that begin at 8*i.
func word(seed uint64, i int64) uint64 {
	if i == 0 {
		return seed
	}
	return mix(seed ^ mix(uint64(i)))
}

// fill puts the bytes of a stream from offset on into p.
func fill(p []byte, seed uint64, offset int64) {
	var group [8]byte
	for n := 0; n < len(p); {
		at := offset + int64(n)
		binary.BigEndian.PutUint64(group[:], word(seed, at/8))
		n += copy(p[n:], group[at%8:])
	}
}

// check compares p with the bytes of a stream from offset on.
func check(p []byte, seed uint64, offset int64) error {
	var group [8]byte
	for n := 0; n < len(p); {
		at := offset + int64(n)
		binary.BigEndian.PutUint64(group[:], word(seed, at/8))
		for _, want := range group[at%8:] {
			if n == len(p) {
				break
			}
			if p[n] != want {
				return fmt.Errorf("byte %d is %#x, not %#x", offset+int64(n), p[n], want)
			}
			n++
		}
	}
	return nil
}
