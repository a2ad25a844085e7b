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
	file, err := os.CreateTemp(t.TempDir(), "")
	must(t, err)
	defer file.Close()
	_, err = file.WriteString("hello")
	must(t, err)
	t.Run("Write", func(t *testing.T) {
		breakPipe(t, func(to *completion.Socket) completion.Operation {
			return &ops.Write{To: to, Buf: completion.Own([]byte("hello"))}
		})
	})
	t.Run("SendFile", func(t *testing.T) {
		breakPipe(t, func(to *completion.Socket) completion.Operation { return &ops.SendFile{To: to, File: file} })
	})
}

// breakPipe performs a write on a socket whose side is closed.
func breakPipe(t *testing.T, write func(*completion.Socket) completion.Operation) {
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
	err = port.Await(ctx, write(conn))
	if !errors.Is(err, syscall.EPIPE) {
		t.Errorf("write: %v", err)
	}
	must(t, syscall.Kill(os.Getpid(), syscall.SIGWINCH))
	if got := <-signals; got != syscall.SIGWINCH {
		t.Errorf("got %v", got)
	}
}
