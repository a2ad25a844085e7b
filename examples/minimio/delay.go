package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"sync"
	"time"

	"github.com/completionport/completion"
	"github.com/completionport/completion/ops"
)

const (
	delayUnit   = 100 * time.Millisecond
	mostDelay   = 100
	mostRequest = 1 << 10
	acceptPause = 100 * time.Millisecond

	// patience is how long a request may take to come, and its answer to be taken.
	patience = 10 * time.Second
)

// delayServer answers GET /delay/N after N times 100 ms.
type delayServer struct {
	port     *completion.Port
	listener *completion.Listener
}

func listen(port *completion.Port, address string) (*delayServer, error) {
	listener, err := port.Listen("tcp", address)
	return &delayServer{port, listener}, err
}

func (s *delayServer) addr() string { return s.listener.Addr().String() }

// serve serves each client on a goroutine of its own, until the port is closed.
func (s *delayServer) serve() {
	ctx := context.Background()
	var clients sync.WaitGroup
	defer clients.Wait()
	accept := &ops.Accept{On: s.listener}
	for {
		switch err := s.port.Await(ctx, accept); {
		case err == nil:
			socket := accept.Conn
			clients.Go(func() { s.answer(ctx, socket); socket.Close() })
		case errors.Is(err, net.ErrClosed):
			return
		default: // no descriptors are left
			s.port.Await(ctx, &ops.Timer{After: acceptPause})
		}
	}
}

// answer reads a request and answers it. If the client leaves, there is nobody to tell.
func (s *delayServer) answer(ctx context.Context, socket *completion.Socket) {
	request := completion.Own(make([]byte, mostRequest))
	request.Resize(0)
	read := &ops.Read{From: socket, Buf: request, Append: true, Op: completion.Op{Deadline: completion.After(patience)}}
	for !bytes.Contains(request.Bytes(), []byte("\r\n\r\n")) {
		if err := s.port.Await(ctx, read); err != nil {
			return
		}
	}
	status, text := "400 Bad Request", fmt.Sprintf("GET /delay/N with N from 0 to %d", mostDelay)
	if n, ok := delayOf(request.Bytes()); ok {
		if s.port.Await(ctx, &ops.Timer{After: time.Duration(n) * delayUnit}) != nil {
			return
		}
		status, text = "200 OK", fmt.Sprintf("response that took %v", time.Duration(n)*delayUnit)
	}
	answer := fmt.Appendf(nil, "HTTP/1.1 %s\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s", status, len(text), text)
	s.port.Await(ctx, &ops.Write{To: socket, Buf: completion.Own(answer), Op: completion.Op{Timeout: patience}})
}

// delayOf returns N of a request GET /delay/N.
func delayOf(request []byte) (n int, ok bool) {
	text, ok := bytes.CutPrefix(request, []byte("GET /delay/"))
	digits, _, _ := bytes.Cut(text, []byte(" "))
	n, err := strconv.Atoi(string(digits))
	return n, ok && err == nil && n >= 0 && n <= mostDelay
}
