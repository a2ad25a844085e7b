//go:build linux || darwin || openbsd

package sys

import (
	"bytes"
	"testing"
)

// Parts are cut at the limit, and stay as they are for the caller.
func TestWithin(t *testing.T) {
	all := [][]byte{[]byte("abc"), []byte("de"), nil, []byte("fghi")}
	whole := bytes.Join(all, nil)
	for limit := range len(whole) + 2 {
		if limit == 0 {
			continue
		}
		got := within(all, limit)
		if joined := bytes.Join(got, nil); !bytes.Equal(joined, whole[:min(limit, len(whole))]) {
			t.Errorf("at most %d: %q", limit, got)
		}
		if joined := bytes.Join(all, nil); !bytes.Equal(joined, whole) {
			t.Errorf("%d: the parts have become %q", limit, all)
		}
		for i := range got {
			if len(got[i]) > 0 && &got[i][0] != &all[i][0] {
				t.Errorf("%d: part %d is a copy", limit, i)
			}
		}
	}
}
