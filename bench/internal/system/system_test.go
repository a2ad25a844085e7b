package system

import (
	"errors"
	"os"
	"runtime"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func spent(t *testing.T) time.Duration {
	t.Helper()
	cpu, err := OwnCPU()
	if err != nil {
		t.Fatal(err)
	}
	return cpu
}

// The kernel counts in ticks. The ticks include a process that never stops.
func TestTicks(t *testing.T) {
	if runtime.GOOS != "linux" {
		if _, err := OwnCPU(); !errors.Is(err, errors.ErrUnsupported) {
			t.Error(err)
		}
		return
	}
	for name, clock := range map[string]func() (time.Duration, error){
		"machine": MachineCPU,
		"process": func() (time.Duration, error) { return CPUOf(os.Getpid()) },
	} {
		before, err := clock()
		if err != nil {
			t.Fatal(name, err)
		}
		begun, after := spent(t), before
		for after == before && spent(t) < begun+10*time.Second {
			if after, err = clock(); err != nil {
				t.Fatal(name, err)
			}
		}
		if after <= before {
			t.Errorf("%s: busy for %v, then %v, after %v of work", name, before, after, spent(t)-begun)
		}
	}
	if cpus, err := CPUs(); err != nil || len(cpus) == 0 {
		t.Error(cpus, err)
	}
	if n, err := ResidentOf(os.Getpid()); err != nil || n < 1<<20 {
		t.Error(n, err)
	}
	if _, err := CPUOf(-1); err == nil {
		t.Error("there is a CPU time of a process that does not exist")
	}
}
