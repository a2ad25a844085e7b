package peers

import (
	"context"
	"io"

	"github.com/cloudwego/netpoll"
	"github.com/completionport/completion/bench/internal/echo"
)

// serveNetpoll is the server of netpoll's guide, with the calls that copy nothing: Next gives
// the bytes where they were received, WriteBinary sends more than 4 KiB from there, and
// Release comes when Flush has sent them. One poller is what netpoll has up to 20 processors.
// Handlers run in its pool of goroutines. TCP_NODELAY is its default.
func serveNetpoll(s echo.Spec, buffer, workers int) (string, error) {
	err := netpoll.Configure(netpoll.Config{PollerNum: workers, BufferSize: buffer, LoggerOutput: io.Discard})
	if err != nil {
		return "", err
	}
	l, err := netpoll.CreateListener("tcp", anyPort)
	if err != nil {
		return "", err
	}
	var options []netpoll.Option
	if store := s.NewStore(); store != nil {
		options = append(options, netpoll.WithOnPrepare(func(netpoll.Connection) context.Context {
			return context.WithValue(context.Background(), dialogueKey{}, newDialogue(store))
		}))
	}
	loop, err := netpoll.NewEventLoop(onNetpoll, options...)
	if err != nil {
		return "", err
	}
	go loop.Serve(l)
	return l.Addr().String(), nil
}

type dialogueKey struct{}

func onNetpoll(ctx context.Context, c netpoll.Connection) error {
	d, _ := ctx.Value(dialogueKey{}).(*dialogue)
	in, err := c.Reader().Next(c.Reader().Len())
	if err != nil {
		return err
	}
	defer c.Reader().Release()
	out, err := d.answer(in)
	if err != nil {
		return c.Close()
	}
	if len(out) == 0 {
		return nil
	}
	if _, err := c.Writer().WriteBinary(out); err != nil {
		return err
	}
	return c.Writer().Flush()
}
