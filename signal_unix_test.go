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
		breakPipe(t, func(to, _ *completion.Socket) completion.Operation {
			return &ops.Write{To: to, Buf: completion.Own([]byte("hello"))}
		})
	})
	t.Run("SendFile", func(t *testing.T) {
		breakPipe(t, func(to, _ *completion.Socket) completion.Operation { return &ops.SendFile{To: to, File: file} })
	})
	t.Run("Copy", func(t *testing.T) {
		breakPipe(t, func(to, from *completion.Socket) completion.Operation { return &ops.Copy{From: from, To: to} })
	})
}

// breakPipe performs a write on a socket whose side is closed. There is another socket that has
// received something.
func breakPipe(t *testing.T, write func(to, from *completion.Socket) completion.Operation) {
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
	from, err := port.Dial(ctx, "tcp", l.Addr().String())
	must(t, err)
	for range 2 {
		sender, err := l.Accept()
		must(t, err)
		defer sender.Close()
		_, err = sender.Write([]byte("hello"))
		must(t, err)
	}
	err = port.Await(ctx, write(conn, from))
	if !errors.Is(err, syscall.EPIPE) {
		t.Errorf("write: %v", err)
	}
	must(t, syscall.Kill(os.Getpid(), syscall.SIGWINCH))
	if got := <-signals; got != syscall.SIGWINCH {
		t.Errorf("got %v", got)
	}
}
