package sim

import (
	"strings"
	"testing"
)

// FuzzSchedule: the fuzzer's bytes are the choices of the plan and of the
// scheduler. Any bytes stand for a schedule, and none may fail.
func FuzzSchedule(f *testing.F) {
	f.Add([]byte{}, []byte{})
	f.Add([]byte{7}, []byte{}) // with kqueue
	e := &explorer{}
	f.Cleanup(e.close)
	f.Fuzz(func(t *testing.T, plan, schedule []byte) {
		r := e.replay(plan, schedule, false)
		if r.failure != nil {
			t.Errorf("%v\n%s", r.failure, strings.Join(e.replay(plan, schedule, true).lines, "\n"))
		}
	})
}
