package core

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// The queue must agree with a slice after any operations on it, across chunks.
func TestFifo(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 50 {
		var q fifo[int]
		var want []int
		next, bias := 0, random.IntN(100)
		for range 5000 {
			if random.IntN(400) == 0 {
				bias = random.IntN(100)
			}
			switch at := random.IntN(100); {
			case at < bias || len(want) == 0:
				q.push(next)
				want = append(want, next)
				next++
			case at%5 == 0:
				q.unpush()
				want = want[:len(want)-1]
			default:
				if *q.front() != want[0] {
					t.Fatalf("front is %d, want %d", *q.front(), want[0])
				}
				if got := q.pop(); got != want[0] {
					t.Fatalf("popped %d, want %d", got, want[0])
				}
				want = want[1:]
			}
			if q.count != len(want) {
				t.Fatalf("%d entries, want %d", q.count, len(want))
			}
		}
		var rest []int
		for q.count > 0 {
			rest = append(rest, q.pop())
		}
		if !slices.Equal(rest, want) {
			t.Fatal("the rest differs")
		}
	}
}

// The memory of a burst is given back.
func TestFifoGivesMemoryBack(t *testing.T) {
	var q fifo[finished]
	for range 100 * fifoChunkLen {
		q.push(finished{})
	}
	for q.count > 0 {
		q.pop()
	}
	chunks := 0
	for c := q.head; c != nil; c = c.next {
		chunks++
	}
	if chunks != 1 || q.spare == nil || q.spare.next != nil || q.spare.prev != nil {
		t.Errorf("%d chunks are left, and the spare one leads to others", chunks)
	}
}

// A queue that grows and shrinks across the end of a chunk allocates nothing.
func TestFifoAllocatesNothing(t *testing.T) {
	var q fifo[finished]
	for range fifoChunkLen - 1 {
		q.push(finished{})
	}
	if n := testing.AllocsPerRun(1000, func() {
		q.push(finished{})
		q.push(finished{})
		q.pop()
		q.pop()
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
