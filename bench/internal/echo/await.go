package echo

import (
	"context"
	"sync"

	"github.com/completionport/completion"
	"github.com/completionport/completion/ops"
)

// await is the program with a goroutine for each connection, as with package
// net, but on a port.
type await struct {
	port     *completion.Port
	listener *completion.Listener
	buffer   int
	running  sync.WaitGroup
}

func serveAwait(s Spec, buffer int) (Serving, error) {
	port, listener, err := openPort(s)
	if err != nil {
		return nil, err
	}
	a := &await{port: port, listener: listener, buffer: buffer}
	a.running.Go(a.run)
	return a, nil
}

func (a *await) Addr() string { return a.listener.Addr().String() }

func (a *await) Close() {
	a.port.Close()
	a.running.Wait()
}

func (a *await) run() {
	accept := &ops.Accept{On: a.listener}
	for {
		if err := a.port.Await(context.Background(), accept); err != nil {
			acceptFailed(err)
			return
		}
		conn := accept.Conn
		a.running.Go(func() { a.serve(conn) })
	}
}

func (a *await) serve(conn *completion.Socket) {
	defer conn.Close()
	ctx, buffer := context.Background(), completion.Own(make([]byte, a.buffer))
	read, write := &ops.Read{From: conn, Buf: buffer}, &ops.Write{To: conn, Buf: buffer}
	for a.port.Await(ctx, read) == nil && a.port.Await(ctx, write) == nil {
	}
}
