package completion

import (
	"os"
	"os/signal"

	"github.com/completionport/completion/internal/sys"
)

// Signals collects signals for ops.Signal. It is of no port.
type Signals struct{ c chan os.Signal }

// signalsKept is how many signals a Signals keeps that no ops.Signal has taken.
const signalsKept = 64

// Notify begins to collect the signals given, or all signals if none is given, as
// signal.Notify: from now on they have no other effect on the process. A Signals keeps 64
// signals, so one that arrives between two operations is not lost. Stop ends it.
//
// All signals do not include SIGURG: Go's runtime sends it to its own threads all the time, and
// other signals would be lost among so many.
//
// A Signals does not work in a bubble of testing/synctest, since signals come from outside.
func Notify(signals ...os.Signal) *Signals {
	s := &Signals{make(chan os.Signal, signalsKept)}
	if len(signals) == 0 {
		signals = sys.AllSignals()
	}
	signal.Notify(s.c, signals...)
	return s
}

// Stop ends the collection. Signals that were collected can still be taken. An ops.Signal in
// flight waits on, until it is cancelled.
func (s *Signals) Stop() { signal.Stop(s.c) }

// C returns the channel of the signals. A signal that is received from it is not delivered to
// an operation.
func (s *Signals) C() <-chan os.Signal { return s.c }
