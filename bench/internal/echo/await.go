package echo

import (
	"context"
	"sync"

	"github.com/completionport/completion"
	"github.com/completionport/completion/ops"
)

// await is the program with a goroutine for each connection, as with package net, on a
// port.
type await struct {
	spec      Spec
	ports     []*completion.Port
	listeners []*completion.Listener
	buffer    int
	store     *Store // nil for an echo
	running   sync.WaitGroup
}

func serveAwait(s Spec, buffer int) (Serving, error) {
	ports, listeners, err := openPorts(s)
	if err != nil {
		return nil, err
	}
	a := &await{spec: s, ports: ports, listeners: listeners, buffer: buffer, store: s.NewStore()}
	for i := range ports {
		a.running.Go(func() { a.run(ports[i], listeners[i]) })
	}
	return a, nil
}

func (a *await) Addr() string { return a.listeners[0].Addr().String() }

func (a *await) Close() {
	for _, p := range a.ports {
		p.Close()
	}
	a.running.Wait()
}

func (a *await) run(port *completion.Port, listener *completion.Listener) {
	accept := &ops.Accept{On: listener}
	for {
		if err := port.Await(context.Background(), accept); err != nil {
			acceptFailed(err)
			return
		}
		conn := accept.Conn
		serve := a.serve
		if a.store != nil {
			serve = a.serveStore
		}
		a.running.Go(func() { serve(port, conn) })
	}
}

func (a *await) serve(port *completion.Port, conn *completion.Socket) {
	defer conn.Close()
	ctx, buffer := context.Background(), completion.Own(make([]byte, a.buffer))
	read, write := &ops.Read{From: conn, Buf: buffer}, &ops.Write{To: conn, Buf: buffer}
	for work := a.spec.newWork(); port.Await(ctx, read) == nil; {
		work.do()
		if port.Await(ctx, write) != nil {
			return
		}
	}
}
