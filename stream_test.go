package completion_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"testing"

	"github.com/completionport/completion"
	"github.com/completionport/completion/internal/race"
	"github.com/completionport/completion/ops"
	"github.com/completionport/completion/porttest"
)

// streams returns both ends of a pipe as sockets of the port.
func streams(t *testing.T, p *completion.Port) (r, w *completion.Socket) {
	t.Helper()
	in, out, err := os.Pipe()
	must(t, err)
	if r, err = p.AdoptStream(in); errors.Is(err, errors.ErrUnsupported) {
		in.Close()
		out.Close()
		t.Skip(err)
	}
	must(t, err)
	w, err = p.AdoptStream(out)
	must(t, err)
	return r, w
}

// A round trip through a pipe allocates nothing, and no Poll does.
func TestAllocationsOfStreams(t *testing.T) {
	porttest.EachBackend(t, func(t *testing.T, open porttest.Open) {
		p, err := open(nil)
		must(t, err)
		defer p.Close()
		r, w := streams(t, p)
		write := &ops.Write{To: w, Buf: completion.Own(make([]byte, 16))}
		read := &ops.Read{From: r, Buf: completion.Own(make([]byte, 64))}
		pooled := &ops.Read{From: r, Pool: p.NewPool(64, 1)}
		in, out := &ops.Poll{On: r}, &ops.Poll{On: w, Write: true}
		trip := func() {
			must(t, p.Await(context.Background(), out))
			must(t, p.Submit(read))
			must(t, p.Await(context.Background(), write))
			_, err := p.Next(context.Background())
			must(t, err)
			must(t, p.Submit(in))
			must(t, p.Await(context.Background(), write))
			_, err = p.Next(context.Background())
			must(t, err)
			must(t, p.Await(context.Background(), pooled))
			pooled.Release()
		}
		if n := testing.AllocsPerRun(500, trip); n != 0 && !race.Enabled {
			t.Errorf("%v allocations per run", n)
		}
	})
}

const brokenVariable = "COMPLETION_TEST_BROKEN"

func init() {
	if os.Getenv(brokenVariable) != "" {
		os.Exit(writeBroken())
	}
}

// writeBroken writes to the standard output, which nobody reads, and returns the status of
// the child: 8 if that ends with EPIPE.
func writeBroken() int {
	os.Stdin.Read(make([]byte, 1)) // until the reader has gone
	p, err := completion.Open(nil)
	if err != nil {
		return 1
	}
	defer p.Close()
	s, err := p.AdoptStream(os.Stdout)
	if err != nil {
		return 2
	}
	if _, err := os.Stdout.Stat(); err != nil {
		return 3 // it was closed
	}
	for range 3 {
		err = p.Await(context.Background(), &ops.Write{To: s, Buf: completion.Own([]byte("hello"))})
		if !errors.Is(err, syscall.EPIPE) {
			return 4
		}
	}
	return 8
}

// A write to a standard output that nobody reads any more is an error, and does not end the
// process. The descriptor stays open.
func TestBrokenStandardOutput(t *testing.T) {
	if runtime.GOOS == "windows" || runtime.GOOS == "js" {
		t.Skip("no streams here")
	}
	r, w, err := os.Pipe()
	must(t, err)
	c := exec.Command(os.Args[0])
	c.Env = append(os.Environ(), brokenVariable+"=1")
	c.Stdout = w
	in, err := c.StdinPipe()
	must(t, err)
	must(t, c.Start())
	r.Close()
	w.Close()
	in.Close()
	c.Wait()
	if code := c.ProcessState.ExitCode(); code != 8 {
		t.Errorf("the child ended with %v", c.ProcessState)
	}
}
