package backendtest

import (
	"testing"
	"time"

	"github.com/completionport/completion/internal/backend"
)

// pollerTests are the tests of a Poller with any kernel.
var pollerTests = []test{
	{"LookDoesNotWait", testLook},
	{"TimeOutEndsWait", testTimeOut},
	{"TimeOutThatHasPassed", testTimeOutPassed},
	{"WakeEndsWaitUnderWay", testWakeUnderWay},
	{"WakeEndsNextWait", testWakeBefore},
	{"WakeAllocatesNothing", testWakeAllocates},
	{"WakeWhileThePollerCloses", testWakeAndClose},
	{"NextOwnerOfTheNumber", testNextOwner},
}

// ways are the ways in which a leader sleeps.
var ways = map[string]backend.Waiting{"park": backend.Park, "block": backend.Block}

func testLook(w *world) {
	if n, _ := w.wait(backend.Look); n != 0 {
		w.Errorf("%d events of nothing", n)
	}
}

// A wait without events ends at its time-out, and reports that. The next wait needs a
// time-out of its own.
func testTimeOut(w *world) {
	for name, how := range ways {
		for range 3 {
			begun := w.Kernel.Now()
			until := begun + int64(20*time.Millisecond)
			for w.Kernel.Now() < until { // a wait may be cut short by a signal
				w.Poller.SetTimeout(until)
				if n, timedOut := w.wait(how); n != 0 || !timedOut {
					w.Fatalf("%s: %d events, timed out is %v", name, n, timedOut)
				}
				if w.Kernel.Now() > begun+limit {
					w.Fatalf("%s: the wait was too long", name)
				}
			}
		}
	}
}

func testTimeOutPassed(w *world) {
	for name, how := range ways {
		w.Poller.SetTimeout(w.Kernel.Now() - 1)
		if n, timedOut := w.wait(how); n != 0 || !timedOut {
			w.Errorf("%s: %d events, timed out is %v", name, n, timedOut)
		}
	}
}

// A wake ends a wait without a limit, whether it comes before the poller sleeps or
// after.
func testWakeUnderWay(w *world) {
	for _, how := range ways {
		for range 50 {
			w.Poller.SetTimeout(backend.Never)
			ended := make(chan int)
			go func() {
				n, _ := w.wait(how)
				ended <- n
			}()
			w.Poller.Wake(how)
			if n := <-ended; n != 0 {
				w.Fatalf("%d events", n)
			}
		}
	}
}

// Wakes that come while nobody waits end the next wait. All of them together end one.
func testWakeBefore(w *world) {
	for name, how := range ways {
		w.Poller.SetTimeout(backend.Never)
		for range 10 {
			w.Poller.Wake(how)
		}
		if n, _ := w.wait(how); n != 0 {
			w.Errorf("%s: %d events", name, n)
		}
	}
}

func testWakeAllocates(w *world) {
	for name, how := range ways {
		w.Poller.SetTimeout(backend.Never)
		if n := testing.AllocsPerRun(20, func() { w.Poller.Wake(how) }); n != 0 {
			w.Errorf("%s: %v allocations", name, n)
		}
		w.wait(how)
	}
}

// A wake may come while the poller closes, and after it.
func testWakeAndClose(w *world) {
	p := w.Poller
	begun, stop, stopped := make(chan bool), make(chan bool), make(chan bool)
	go func() {
		defer close(stopped)
		for first := true; ; first = false {
			for _, how := range ways {
				p.Wake(how)
			}
			if first {
				close(begun)
			}
			select {
			case <-stop:
				return
			default:
			}
		}
	}()
	<-begun
	if err := p.Close(); err != nil {
		w.Error(err)
	}
	close(stop)
	<-stopped
	w.Poller = closed{p}
}

// closed is a poller that need not be closed any more.
type closed struct{ backend.Poller }

func (closed) Close() error { return nil }

// A closed descriptor has no events, and the next owner of its number gets only its own.
func testNextOwner(w *world) {
	for range 20 {
		one, other := w.pair()
		w.send(other, []byte("x"))
		w.closeFD(one)
		w.closeFD(other)
		w.wait(backend.Look) // checks that each event belongs to an open descriptor
	}
}
