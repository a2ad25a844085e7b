package completion_test

import (
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"

	"github.com/completionport/completion"
	"github.com/completionport/completion/ops"
	"github.com/completionport/completion/porttest"
)

// childVariable makes a test binary a child, which reads a byte of its input, or its end, prints
// that byte and exits with this status.
const childVariable = "COMPLETION_TEST_CHILD"

func init() {
	if os.Getenv(childVariable) != "" {
		b := make([]byte, 1)
		n, _ := os.Stdin.Read(b)
		os.Stdout.Write(b[:n])
		os.Exit(7)
	}
}

// child starts a child. It exits when exit is called.
func child(t *testing.T) (p *os.Process, exit func()) {
	c := exec.Command(os.Args[0])
	c.Env = append(os.Environ(), childVariable+"=1")
	in, err := c.StdinPipe()
	must(t, err)
	if err := c.Start(); err != nil {
		t.Skipf("no child processes here: %v", err)
	}
	return c.Process, func() { in.Close() }
}

// A Process ends when the child exits, with its status. Many wait at a time.
func TestProcess(t *testing.T) {
	porttest.EachBackend(t, func(t *testing.T, open porttest.Open) {
		p, err := open(nil)
		must(t, err)
		defer p.Close()
		const n = 5
		var exits [n]func()
		var all [n]ops.Process
		for i := range all {
			all[i].Process, exits[i] = child(t)
			must(t, p.Submit(&all[i]))
		}
		for i := range all {
			exits[i]()
			op, err := p.Next(context.Background())
			must(t, err)
			if op != completion.Operation(&all[i]) || op.Err() != nil || all[i].State.ExitCode() != 7 {
				t.Fatalf("%v: %v, %v", op, op.Err(), all[i].State)
			}
		}
		again := p.Await(context.Background(), &all[0])
		if again == nil || all[0].State != nil {
			t.Errorf("a second wait has no error, or a state: %v", all[0].State)
		}
	})
}

// A Process that is cancelled can be submitted again, and a port is closed while a child
// lives.
func TestProcessCancelled(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("a Process ends early on Linux only")
	}
	p, err := completion.Open(nil)
	must(t, err)
	defer p.Close()
	process, exit := child(t)
	w := &ops.Process{Process: process}
	for range 20 {
		must(t, p.Submit(w))
		if !p.Cancel(w) {
			t.Fatal("it can't be cancelled")
		}
		p.Next(context.Background())
		if !errors.Is(w.Err(), completion.ErrCanceled) || w.State != nil {
			t.Fatalf("%v, %v", w.Err(), w.State)
		}
	}
	must(t, p.Submit(w))
	must(t, p.Close())
	p.Next(context.Background())
	if !errors.Is(w.Err(), net.ErrClosed) {
		t.Errorf("the error is %v", w.Err())
	}
	exit()
	p, err = completion.Open(nil)
	must(t, err)
	defer p.Close()
	must(t, p.Await(context.Background(), w))
	if w.State.ExitCode() != 7 {
		t.Errorf("the state is %v", w.State)
	}
}

// A Cmd whose child a Process has reaped still ends by its Wait: its goroutines and pipes do.
func TestProcessBeforeWaitOfItsCmd(t *testing.T) {
	porttest.EachBackend(t, func(t *testing.T, open porttest.Open) {
		p, err := open(nil)
		must(t, err)
		defer p.Close()
		var out strings.Builder // which a goroutine of the Cmd writes
		c := exec.Command(os.Args[0])
		c.Env = append(os.Environ(), childVariable+"=1")
		c.Stdin, c.Stdout = strings.NewReader("x"), &out
		if err := c.Start(); err != nil {
			t.Skipf("no child processes here: %v", err)
		}
		process := &ops.Process{Process: c.Process}
		must(t, p.Await(t.Context(), process))
		err = c.Wait()
		if out.String() != "x" || process.State.ExitCode() != 7 || errors.As(err, new(*exec.ExitError)) || err == nil {
			t.Errorf("output %q, %v, then %v", out.String(), process.State, err)
		}
	})
}
