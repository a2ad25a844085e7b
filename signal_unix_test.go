//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package completion_test

import (
	"context"
	"errors"
	"net"
	"os"
	"os/signal"
	"syscall"
	"testing"

	"github.com/completionport/completion"
	"github.com/completionport/completion/ops"
)

// A write that finds its side closed is an error, and no SIGPIPE, which a program that
// asks for this signal would get. A SIGPIPE would come before the second signal, which is
// sent after the write.
func TestBrokenPipeIsNoSignal(t *testing.T) {
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGPIPE, syscall.SIGWINCH)
	defer signal.Stop(signals)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer l.Close()
	port, err := completion.Open(nil)
	must(t, err)
	defer port.Close()
	ctx := context.Background()
	conn, err := port.Dial(ctx, "tcp", l.Addr().String())
	must(t, err)
	must(t, port.Await(ctx, &ops.CloseWrite{On: conn}))
	err = port.Await(ctx, &ops.Write{To: conn, Buf: completion.Own([]byte("hello"))})
	if !errors.Is(err, syscall.EPIPE) {
		t.Errorf("write: %v", err)
	}
	must(t, syscall.Kill(os.Getpid(), syscall.SIGWINCH))
	if got := <-signals; got != syscall.SIGWINCH {
		t.Errorf("got %v", got)
	}
}
