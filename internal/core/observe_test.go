package core

import "testing"

// BenchmarkNilObserver measures what a step costs a port without an observer: the
// difference between the two loops, which is a read of one word.
func BenchmarkNilObserver(b *testing.B) {
	p := NewPort(Options{Kernel: willing{}})
	b.Run("without", func(b *testing.B) {
		for range b.N {
			p.guarded.completed++
		}
	})
	b.Run("with", func(b *testing.B) {
		for range b.N {
			p.guarded.completed++
			if p.observer != nil {
				p.observer.tell(Trace{})
			}
		}
	})
}
