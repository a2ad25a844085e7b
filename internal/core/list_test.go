package core

import "testing"

// A direction is on the ready list once, however many events arrive before its turn.
func TestListedOnce(t *testing.T) {
	_, p, h := newScript(t)
	for range 3 {
		l := h.lock()
		l.list(in)
		l.list(out)
		l.mu.Unlock()
	}
	st := p.lock()
	defer st.unlockQuietly()
	if st.ready.count != 2 {
		t.Errorf("%d directions are on the ready list, want 2", st.ready.count)
	}
}
