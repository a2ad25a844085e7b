package core

import "testing"

// BenchmarkNilObserver is what a step costs a port that has no observer: the
// difference between the two loops, which is a look at one word.
func BenchmarkNilObserver(b *testing.B) {
	p := NewPort(Options{})
	b.Run("without", func(b *testing.B) {
		for range b.N {
			p.pace.taken++
		}
	})
	b.Run("with", func(b *testing.B) {
		for range b.N {
			p.pace.taken++
			if p.observe != nil {
				p.observe(Trace{})
			}
		}
	})
}
