package main

import (
	"context"
	"errors"
	"net"
	"sync"

	"github.com/completionport/completion"
	"github.com/completionport/completion/ops"
)

// serveAwait serves every client of a shard on a goroutine of its own, until the
// port is closed.
func serveAwait(s *shard) {
	ctx := context.Background()
	accept := &ops.Accept{On: s.listener}
	var clients sync.WaitGroup
	for {
		err := s.port.Await(ctx, accept)
		switch {
		case err == nil:
			s.accepted.Add(1)
			socket := accept.Conn
			clients.Go(func() { s.hangUp(socket, s.echo(ctx, socket)) })
		case errors.Is(err, net.ErrClosed):
			clients.Wait()
			return
		default:
			s.warn(err)
			s.port.Await(ctx, &ops.Timer{After: acceptPause})
		}
	}
}

// echo serves one client. It returns the error that ended it: io.EOF for a regular end.
func (s *shard) echo(ctx context.Context, socket *completion.Socket) error {
	read := &ops.Read{From: socket, Pool: s.pool}
	write := &ops.Write{To: socket}
	for {
		if err := s.port.Await(ctx, read); err != nil {
			return err
		}
		write.Buf = read.Buf
		write.Deadline = completion.After(s.timeout)
		err := s.port.Await(ctx, write)
		read.Release() // the program owns the buffer again, however the write ended
		if err != nil {
			return err
		}
		s.echoed.Add(int64(write.N()))
	}
}
