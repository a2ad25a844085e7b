package core

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/completionport/completion/internal/assert"
)

// A list must stay consistent in whatever order its slots come and go.
func TestList(t *testing.T) {
	var l list
	var want []*Slot
	random := rand.New(rand.NewPCG(3, 4))
	for range 5000 {
		switch n := len(want); {
		case n == 0, random.IntN(5) < 2 && n < 6:
			s := new(Slot)
			l.push(s)
			want = append(want, s)
		case random.IntN(3) == 0:
			if s := l.pop(); s != want[0] {
				t.Fatal("pop does not return the head")
			}
			want = want[1:]
		default:
			i := random.IntN(n)
			l.remove(want[i])
			want = slices.Delete(want, i, i+1)
		}
		sameList(t, &l, want)
	}
}

// sameList checks that l holds these slots, in both directions.
func sameList(t *testing.T, l *list, want []*Slot) {
	t.Helper()
	n := len(want)
	if n == 0 {
		if l.tail != nil || l.head() != nil || l.pop() != nil || l.atMost(3) != 0 {
			t.Fatal("the list is not empty")
		}
		return
	}
	if l.head() != want[0] || l.tail != want[n-1] || l.atMost(n+1) != n || l.atMost(n-1) != n-1 {
		t.Fatal("the list has another head, tail or length")
	}
	for i, s := range want {
		if s.next != want[(i+1)%n] || s.prev != want[(i+n-1)%n] {
			t.Fatalf("slot %d of %d has other neighbours", i, n)
		}
	}
}

// Removing a slot looks at its neighbours only, however long the list is.
func TestRemoveDoesNotWalk(t *testing.T) {
	if assert.Enabled {
		t.Skip("assertions walk")
	}
	var l list
	slots := make([]Slot, 6)
	for i := range slots {
		l.push(&slots[i])
	}
	slots[1].next = nil // whoever walks falls here
	l.remove(&slots[4])
	if slots[3].next != &slots[5] || l.tail != &slots[5] {
		t.Error("the neighbours are not linked")
	}
}
