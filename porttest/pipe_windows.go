package porttest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"sync/atomic"
	"syscall"

	"github.com/completionport/completion"
	"github.com/completionport/completion/ops"
)

var pipeNumber atomic.Int64

// pipePair is pairOn over a named pipe. The socket of the port is the server's end, and the
// peer is a file of package os.
func (e *env) pipePair(p *completion.Port) (*completion.Socket, *peer) {
	e.Helper()
	name := fmt.Sprintf(`\\.\pipe\completion-porttest-%d-%d`, os.Getpid(), pipeNumber.Add(1))
	l, err := p.Listen("pipe", name)
	if err != nil {
		e.Fatalf("listen: %v", err)
	}
	defer l.Close()
	file, err := os.OpenFile(name, os.O_RDWR|syscall.FILE_FLAG_OVERLAPPED, 0)
	if err != nil {
		e.Fatalf("open: %v", err)
	}
	c := pipeConn{File: file, at: completion.PipeAddr(name)}
	e.closers = append(e.closers, c.Close)
	accept := &ops.Accept{On: l}
	e.connects[p]++
	if err := p.Await(context.Background(), accept); err != nil {
		e.Fatalf("accept: %v", err)
	}
	return accept.Conn, &peer{Conn: e.secured(p, accept.Conn, c), e: e}
}

// pipeConn is an end of a named pipe as a connection of package net. The race detector reports
// two cases that read and write at the same time: package os counts an offset without a lock,
// which means nothing for a pipe.
type pipeConn struct {
	*os.File
	at net.Addr
}

func (c pipeConn) LocalAddr() net.Addr     { return c.at }
func (c pipeConn) RemoteAddr() net.Addr    { return c.at }
func (c pipeConn) SetReadBuffer(int) error { return nil }

// Close succeeds also for a file that is closed, as that of a connection after its case.
func (c pipeConn) Close() error {
	if err := c.File.Close(); !errors.Is(err, os.ErrClosed) {
		return err
	}
	return net.ErrClosed
}

// CloseWrite closes the end: some peers only send, up to the end of the stream.
func (c pipeConn) CloseWrite() error { return c.Close() }
