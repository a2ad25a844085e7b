package core

import (
	"slices"
	"syscall"
	"testing"
)

// deaf refuses to watch anything.
type deaf struct{ pollerOf }

func (deaf) Arm(int, uint32) syscall.Errno { return errReset }

// A descriptor that can't be added is closed, or given back by the function of the caller
// if its socket is shared. Nothing of either stays.
func TestSharedIsDiscarded(t *testing.T) {
	for _, closed := range []bool{false, true} {
		k := &script{t: t, now: 1}
		p := NewPort(Options{Kernel: k, Poller: deaf{pollerOf{k}}})
		if closed {
			p.Close()
		}
		var discarded []int
		h, failure := p.AddShared(7, true, func() { t.Error("atClose was called") }, func(fd int) { discarded = append(discarded, fd) })
		if h != nil || failure == nil || !slices.Equal(discarded, []int{7}) || k.closed != nil {
			t.Errorf("%v: discarded %v, closed %v", failure, discarded, k.closed)
		}
		h, failure = p.AddHandle(8, true, func() { t.Error("atClose was called") })
		if h != nil || failure == nil || !slices.Equal(k.closed, []int{8}) || len(discarded) != 1 {
			t.Errorf("%v: discarded %v, closed %v", failure, discarded, k.closed)
		}
		if st := &p.guarded; st.handles.count != 0 || len(st.handles.atClose) != 0 || p.table.Get(7) != nil || p.table.Get(8) != nil {
			t.Errorf("%d handles are left, %d to be told", st.handles.count, len(st.handles.atClose))
		}
		p.Close()
	}
}
