package sys

import (
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("runtime.handleEvent")) // js/wasm's own
}

// The clock is above 0 and goes on, inside a bubble and outside, and Time is its
// inverse.
func TestClock(t *testing.T) {
	check := func(t *testing.T) {
		a := Now()
		time.Sleep(time.Millisecond)
		if b := Now(); a <= 0 || b < a+int64(time.Millisecond) {
			t.Errorf("%d, and a millisecond later %d", a, b)
		}
		if now := Now(); time.Since(Time(now)) < 0 || Time(now).Before(Time(a)) {
			t.Errorf("the moment of %d is %v", now, Time(now))
		}
	}
	check(t)
	synctest.Test(t, func(t *testing.T) {
		check(t)
		a := Now()
		time.Sleep(time.Hour)
		if b := Now(); b != a+int64(time.Hour) {
			t.Errorf("%d, and an hour later %d", a, b)
		}
	})
}

// A system whose clock has not been set begins in 1970.
func TestClockBefore(t *testing.T) {
	now, past := time.Now(), time.Unix(0, 0)
	if got := before(now, past); !got.Equal(past) {
		t.Errorf("%v", got)
	}
	if got := before(now, now.Add(time.Hour)); !got.Equal(now) {
		t.Errorf("%v", got)
	}
}
