package backend

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"unsafe"
)

// An entry is found at its descriptor and at no other, in the first chunk and in those
// behind it, with all low bits in use or not.
func TestTable(t *testing.T) {
	for _, shift := range []uint8{0, 2} {
		t.Run(fmt.Sprint("Shift", shift), func(t *testing.T) {
			table := Table[int]{Shift: shift}
			numbers := []int{1, 3, perChunk - 1, perChunk, 10 * perChunk, 10*perChunk + 7}
			for _, n := range numbers {
				fd := n << shift
				if got := table.Get(fd); got != nil {
					t.Errorf("%d is there: %d", fd, *got)
				}
				table.Set(fd, nil) // removes nothing
				table.Set(fd, &fd)
			}
			for _, n := range numbers {
				fd := n << shift
				if got := table.Get(fd); got == nil || *got != fd {
					t.Errorf("%d: %v", fd, got)
				}
				if got := table.Get(fd + 1<<shift); got != nil && *got != fd+1<<shift {
					t.Errorf("%d is at %d", *got, fd+1<<shift)
				}
			}
			if end := table.End(); end != 11*perChunk<<shift {
				t.Errorf("the end is %d", end)
			}
			if got := entries(&table); len(got) != len(numbers) {
				t.Errorf("%d entries: %v", len(got), got)
			}
			table.Set(3<<shift, nil)
			if got := table.Get(3 << shift); got != nil || len(entries(&table)) != len(numbers)-1 {
				t.Errorf("removed, and there: %v", got)
			}
		})
	}
}

// A number that is no descriptor has no entry.
func TestTableOfNoDescriptor(t *testing.T) {
	for _, shift := range []uint8{0, 2} {
		table := Table[int]{Shift: shift}
		table.Set(4, new(int))
		for _, fd := range []int{-1, -1 << shift, 1 << 28 << shift} {
			if got := table.Get(fd); got != nil {
				t.Errorf("%d is there: %d", fd, *got)
			}
		}
	}
}

// entries returns the entries of All, which must be in the order of descriptors.
func entries(t *Table[int]) (all []int) {
	for v := range t.All {
		all = append(all, *v)
	}
	return all
}

// All ends when it is told to, and an empty table has nothing.
func TestTableAll(t *testing.T) {
	var table Table[int]
	if got := entries(&table); got != nil {
		t.Errorf("an empty table has %v", got)
	}
	for fd := range 5 {
		table.Set(fd, &fd)
	}
	var got []int
	for v := range table.All {
		got = append(got, *v)
		table.Set(*v, nil) // others may be at work
		if len(got) == 3 {
			break
		}
	}
	if fmt.Sprint(got) != "[0 1 2]" || fmt.Sprint(entries(&table)) != "[3 4]" {
		t.Errorf("%v, and left are %v", got, entries(&table))
	}
}

// A chunk has the size of a page with the word that Go adds: an entry is one word.
func TestTableChunk(t *testing.T) {
	if size, want := unsafe.Sizeof(chunk[int]{}), (perChunk)*unsafe.Sizeof(uintptr(0)); size != want {
		t.Errorf("%d bytes, want %d", size, want)
	}
}

// Readers see each entry from when it is set, also while the table grows under them
// and chunks are added by several at once.
func TestTableWhileItGrows(t *testing.T) {
	const writers, each = 4, 6 * perChunk
	var table Table[int]
	var set [writers]atomic.Int64 // entries so far
	var done sync.WaitGroup
	for w := range writers {
		done.Go(func() {
			for i := range each {
				fd := i*writers + w
				table.Set(fd, &fd)
				set[w].Store(int64(i + 1))
			}
		})
		done.Go(func() {
			for n := int64(0); n < each; n = set[w].Load() {
				fd := int(n-1)*writers + w // the last that is set
				if v := table.Get(fd); n > 0 && (v == nil || *v != fd) {
					t.Errorf("descriptor %d has %v", fd, v)
					return
				}
				table.Get(fd + 20*perChunk)
			}
		})
	}
	done.Go(func() {
		for range 20 {
			entries(&table)
		}
	})
	done.Wait()
	if n := len(entries(&table)); n != writers*each {
		t.Errorf("%d entries, want %d", n, writers*each)
	}
}

func BenchmarkTableGet(b *testing.B) {
	var table Table[int]
	for fd := range 4 * perChunk {
		table.Set(fd, &fd)
	}
	for i := 0; b.Loop(); i++ {
		if table.Get(i%(4*perChunk)) == nil {
			b.Fatal("not there")
		}
	}
}
