package porttest

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// watched runs f beside a watchdog, and returns for how long it let f be.
func watched(t *testing.T, look func() progress, f func()) (barked bool, after time.Duration) {
	t.Helper()
	begun := time.Now()
	stuck := make(chan bool)
	w := watch(look, func() { close(stuck) })
	done := make(chan bool)
	go func() { f(); close(done) }()
	select {
	case <-stuck:
		barked = true
	case <-done:
	}
	after = time.Since(begun)
	w.stop()
	<-done
	return barked, after
}

// A case that gets on is left alone, however long it takes; one in which nothing
// completes is ended.
func TestWatchdog(t *testing.T) {
	for _, c := range []struct {
		name   string
		each   time.Duration // between two completions
		barks  bool
		within bool // they are in a wait
	}{
		{"FastCase", time.Second, false, false},
		{"SlowCase", patience - patience/looks - time.Second, false, false},
		{"HungCase", patience + 2*patience/looks, true, false},
		{"HungInsideWait", time.Second, true, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var e env
				var completed atomic.Uint64
				end := func() {}
				if c.within {
					end = e.wait()
				}
				look := func() progress {
					if p := e.progress(); p.waits%2 != 0 {
						return p
					}
					return progress{completed: completed.Load()}
				}
				barked, after := watched(t, look, func() {
					for range 10 * patience / c.each {
						time.Sleep(c.each)
						completed.Add(1)
					}
				})
				end()
				if barked != c.barks {
					t.Fatalf("barked: %v, after %v", barked, after)
				}
				if most := patience + patience/looks; barked && (after < patience || after > most) {
					t.Errorf("barked after %v, want %v to %v", after, patience, most)
				}
			})
		})
	}
}

// The completions of all ports are progress, but not those within a wait.
func TestProgress(t *testing.T) {
	var e env
	before := e.progress()
	if e.progress() != before {
		t.Error("nothing happened, and it is progress")
	}
	end := e.wait()
	within := e.progress()
	if within == before {
		t.Error("the beginning of a wait is none")
	}
	end()
	if after := e.progress(); after == before || after == within {
		t.Error("the end of a wait is none")
	}
	again := e.wait()
	if e.progress() == within {
		t.Error("another wait is none")
	}
	again()
}
