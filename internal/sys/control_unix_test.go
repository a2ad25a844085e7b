//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package sys

import "testing"

// A control message whose header has a length beyond the room was cut. On macOS the descriptors
// that are there are good, and would leak if they were left out.
func TestControlMessageThatWasCut(t *testing.T) {
	for _, c := range []struct {
		length, room int
		keeps        bool
		want         int
	}{
		{20, 32, false, 20},
		{32, 32, false, 32},
		{76, 32, false, 0},
		{20, 32, true, 20},
		{76, 32, true, 32},
	} {
		if got := there(c.length, c.room, c.keeps); got != c.want {
			t.Errorf("%+v: %d", c, got)
		}
	}
}
