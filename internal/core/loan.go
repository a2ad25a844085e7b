package core

import "github.com/completionport/completion/internal/race"

// The race detector is told who owns a buffer's memory, at the points where
// that changes. While a buffer is shared nobody may write it: that is one loan
// from Share to the last reference, whatever operations it is lent to.

// lendMemory declares that the memory is not the caller's any more. written
// tells that it may change meanwhile; without, the bytes that count are read.
func (b *Buffer) lendMemory(written bool) {
	switch {
	case !race.Enabled:
	case written:
		b.loan.Lend(b.data, true)
	default:
		b.loan.Lend(b.data[:b.n], false)
	}
}

// returnMemory declares that the calling goroutine may use the memory.
func (b *Buffer) returnMemory() { b.loan.Return() }
