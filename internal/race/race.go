//go:build race

package race

import (
	"runtime"
	"unsafe"
)

// Enabled tells whether the race detector watches.
const Enabled = true

// Loan stands for memory that is lent to the port, at most once at a time. The
// zero Loan is ready. It keeps what it needs: declaring allocates only once.
type Loan struct {
	memory   []byte
	written  bool
	use      func()        // bound once
	declared chan struct{} // holds one
}

// Lend declares that memory is the port's from now on, to be read, or also to
// be written. A report of a conflict shows the caller of Lend as the creator of
// the goroutine it conflicts with.
func (l *Loan) Lend(memory []byte, written bool) {
	if len(memory) == 0 {
		return
	}
	if l.use == nil {
		l.use, l.declared = l.declare, make(chan struct{}, 1)
	}
	l.memory, l.written = memory, written
	go l.use()
	// Waiting for it must not look like learning from it.
	runtime.RaceDisable()
	<-l.declared
	runtime.RaceEnable()
}

// declare is the port's use of lent memory.
func (l *Loan) declare() {
	declared, first := l.declared, unsafe.Pointer(unsafe.SliceData(l.memory))
	if l.written {
		runtime.RaceWriteRange(first, len(l.memory))
	} else {
		runtime.RaceReadRange(first, len(l.memory))
	}
	l.memory = nil
	runtime.RaceRelease(unsafe.Pointer(l))
	runtime.RaceDisable()
	declared <- struct{}{}
	runtime.RaceEnable()
}

// Return declares that the loan is over: what the calling goroutine does from
// now on, and whoever learns from it, comes after.
func (l *Loan) Return() { runtime.RaceAcquire(unsafe.Pointer(l)) }
