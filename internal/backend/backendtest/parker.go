package backendtest

import "github.com/completionport/completion/internal/backend"

// parkerTests are the tests of a Parker.
var parkerTests = []test{
	{"ServedParksAgain", testParkAgain},
	{"ParkTimesOut", testParkTimesOut},
	{"WakeEndsPark", testWakeEndsPark},
}

// A leader that has served others parks again, until it is to return.
func testParkAgain(w *world) {
	p := w.Poller.(backend.Parker)
	one, other := w.pair()
	w.takeAll()
	served, got := 0, 0
	w.cause(one, other)
	for until := w.Kernel.Now() + limit; served < 3; w.spin(until) {
		p.SetTimeout(until)
		got, _ = p.Park(make([]backend.Event, 8), func(n int) (int, bool) {
			if served++; served == 3 {
				return n, false
			}
			w.cause(one, other)
			return 0, true
		})
	}
	if got == 0 || served != 3 {
		w.Errorf("%d events, served %d times", got, served)
	}
	w.closeFD(one)
	w.closeFD(other)
}

// cause makes the poller report an event of one. On a Native kernel, it starts a write whose end
// is not awaited.
func (w *world) cause(one, other int) {
	w.Helper()
	if w.direct() != nil {
		w.send(other, []byte("x"))
	} else if o := w.start(one, backend.Write, []byte("x"), nil); !o.pending {
		w.Skip("a write of a byte needs no event here")
	}
}

// causeAny makes the poller report an event.
func (w *world) causeAny() {
	one, other := w.pair()
	if w.direct() == nil { // else arming has caused some
		w.cause(one, other)
	}
}

// park parks once, and leaves all events to the caller.
func (w *world) park() (n int, timedOut bool) {
	return w.Poller.(backend.Parker).Park(make([]backend.Event, 8), func(n int) (int, bool) { return n, false })
}

// Events that are there when the time has passed are left to the leader.
func testParkTimesOut(w *world) {
	w.Poller.SetTimeout(w.Kernel.Now() - 1)
	if n, timedOut := w.park(); n != 0 || !timedOut {
		w.Errorf("%d events, timed out is %v", n, timedOut)
	}
	w.causeAny()
	w.Poller.SetTimeout(w.Kernel.Now() - 1)
	if n, timedOut := w.park(); n == 0 || !timedOut {
		w.Errorf("%d events of a pair, timed out is %v", n, timedOut)
	}
}

// A wake ends the Park of a leader that waits again after it has served.
func testWakeEndsPark(w *world) {
	p := w.Poller.(backend.Parker)
	w.causeAny()
	p.SetTimeout(backend.Never)
	n, timedOut := p.Park(make([]backend.Event, 8), func(int) (int, bool) {
		p.Wake(backend.Park)
		return 0, true
	})
	if n != 0 || !timedOut {
		w.Errorf("%d events, timed out is %v", n, timedOut)
	}
}
