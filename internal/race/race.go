//go:build race

package race

import (
	"runtime"
	"unsafe"
)

// Enabled reports whether this build has the race detector.
const Enabled = true

// Loan represents memory that is lent to the port, at most once at a time. The zero Loan
// is ready to use. It allocates only for the first Lend.
type Loan struct {
	memory   []byte
	written  bool
	use      func()        // bound once
	declared chan struct{} // holds one
}

// Lend declares that the port owns memory from now on, and reads it or, with written,
// writes it. A report of a race shows the caller of Lend as the creator of the other
// goroutine.
func (l *Loan) Lend(memory []byte, written bool) {
	if len(memory) == 0 {
		return
	}
	if l.use == nil {
		l.use, l.declared = l.declare, make(chan struct{}, 1)
	}
	l.memory, l.written = memory, written
	go l.use()
	// This wait must not order the caller after the goroutine.
	runtime.RaceDisable()
	<-l.declared
	runtime.RaceEnable()
}

// declare makes the port's use of the lent memory.
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

// Return declares that the loan is over. What the calling goroutine does from now on is
// ordered after it, and so are goroutines that synchronize with the caller later.
func (l *Loan) Return() { runtime.RaceAcquire(unsafe.Pointer(l)) }
