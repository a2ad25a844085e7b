package completion

import (
	"os"
	"os/signal"

	"github.com/completionport/completion/internal/sys"
)

// Signals collects signals for ops.Signal. It belongs to no port. Notify returns one.
type Signals struct{ c chan os.Signal }

// signalsKept is how many signals a Signals keeps that no ops.Signal has taken.
const signalsKept = 64

// Notify begins to collect the given signals, or all signals if none is given, as
// signal.Notify: from then on they have no other effect on the process. A Signals keeps up to
// 64 signals that no operation has taken, so a signal that arrives between two operations is
// not lost. Stop ends the collection.
//
// Without arguments, Notify does not collect SIGURG: Go's runtime sends it to its own threads
// all the time, and other signals would be lost among so many.
//
// Signals come from outside the process, so they do not work in a bubble of testing/synctest.
// A test of a loop can submit an ops.Post there, which the loop handles as it handles the signal.
func Notify(signals ...os.Signal) *Signals {
	s := &Signals{make(chan os.Signal, signalsKept)}
	if len(signals) == 0 {
		signals = sys.AllSignals()
	}
	signal.Notify(s.c, signals...)
	return s
}

// Stop ends the collection. Signals that were collected can still be taken. An ops.Signal in
// flight continues to wait until it is cancelled.
func (s *Signals) Stop() { signal.Stop(s.c) }

// C returns the channel of the signals. A signal that the program receives from it is not
// delivered by an ops.Signal.
func (s *Signals) C() <-chan os.Signal { return s.c }
