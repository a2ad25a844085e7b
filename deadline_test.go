package completion_test

import (
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/completionport/completion"
)

func TestDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // with a clock that stands still
		now, soon := completion.Now(), completion.After(1500*time.Millisecond)
		if d := soon.Sub(now); d != 1500*time.Millisecond {
			t.Errorf("it is %v away", d)
		}
		if d := now.Sub(soon); d != -1500*time.Millisecond {
			t.Errorf("the other way it is %v away", d)
		}
		if !soon.Time().Equal(time.Now().Add(1500 * time.Millisecond)) {
			t.Errorf("it is at %v, and now is %v", soon.Time(), time.Now())
		}
		if got := completion.At(soon.Time()); got != soon {
			t.Errorf("there and back it is %d, not %d", got, soon)
		}
		if none := completion.Deadline(0); !none.Time().IsZero() || none.String() != "none" {
			t.Errorf("none is at %v and says %q", none.Time(), none)
		}
		if got := soon.String(); got != "in 1.5s" {
			t.Errorf("it says %q", got)
		}
		time.Sleep(2 * time.Second)
		if got := soon.String(); got != "500ms ago" {
			t.Errorf("later it says %q", got)
		}
		if far := completion.After(math.MaxInt64); far.Sub(completion.Now()) < 100*365*24*time.Hour {
			t.Errorf("what never comes is %v away", far.Sub(completion.Now()))
		}
	})
}
