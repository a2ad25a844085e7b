//go:build darwin || dragonfly || freebsd || netbsd || openbsd || windows

package sys

import (
	"math"
	"testing"
)

func TestOneCall(t *testing.T) {
	for n, want := range map[int]int{
		0: 0, 1: 1, 1<<30 - 1: 1<<30 - 1, 1 << 30: 1 << 30,
		1<<30 + 1: 1 << 30, math.MaxInt32 - 1: 1 << 30, math.MaxInt: 1 << 30,
	} {
		if got := oneCall(n); got != want {
			t.Errorf("%d of %d bytes, want %d", got, n, want)
		}
	}
}
