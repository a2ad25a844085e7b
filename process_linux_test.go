package completion_test

import (
	"context"
	"errors"
	"os"
	"testing"
	"time"

	"github.com/completionport/completion"
	"github.com/completionport/completion/ops"
	"golang.org/x/sys/unix"
)

// Without a descriptor, a Process could not be cancelled: it ends with an error, and the child
// can still be waited for.
func TestProcessWithoutDescriptors(t *testing.T) {
	p, err := completion.Open(nil)
	must(t, err)
	defer p.Close()
	process, exit := child(t)
	if process.WithHandle(func(uintptr) {}) != nil {
		t.Skip("no descriptors of processes here")
	}
	var limit unix.Rlimit
	must(t, unix.Getrlimit(unix.RLIMIT_NOFILE, &limit))
	none := limit
	none.Cur = 0
	must(t, unix.Setrlimit(unix.RLIMIT_NOFILE, &none))
	exit()
	w := &ops.Process{Process: process}
	err = p.Await(context.Background(), w)
	must(t, unix.Setrlimit(unix.RLIMIT_NOFILE, &limit))
	if !errors.Is(err, unix.EMFILE) || w.State != nil {
		t.Errorf("%v, %v", err, w.State)
	}
	must(t, p.Await(context.Background(), w))
	if w.State.ExitCode() != 7 {
		t.Errorf("the state is %v", w.State)
	}
}

// A process that is no child ends its Process at once, as Process.Wait of package os.
func TestProcessIsNoChild(t *testing.T) {
	parent, err := os.FindProcess(os.Getppid())
	if err != nil || parent.Pid == 0 {
		t.Skipf("no other process here: %v", err)
	}
	defer parent.Release() // or the collector closes a descriptor while others are counted
	p, err := completion.Open(nil)
	must(t, err)
	defer p.Close()
	w := &ops.Process{Process: parent, Op: completion.Op{Timeout: 10 * time.Second}}
	if err := p.Await(context.Background(), w); !errors.Is(err, unix.ECHILD) {
		t.Errorf("the error is %v", err)
	}
}
