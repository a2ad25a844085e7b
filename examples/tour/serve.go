package main

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"os"
	"runtime"

	"github.com/completionport/completion"
	"github.com/completionport/completion/ops"
)

// The server runs in a process of its own, so that the system counts its CPU time
// separately. It prints its address, answers each line of its input with the number of
// bytes of heap and stacks in use, and ends at the end of its input.

const (
	serverVariable = "COMPLETION_TOUR_SERVER"
	stylePort      = "port"
	styleNet       = "net"
	bufferSize     = 4096
)

func serve(style string) {
	listen := serveNet
	if style == stylePort {
		listen = servePort
	}
	addr, err := listen()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(addr)
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		fmt.Println(inUse())
	}
}

func inUse() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc + m.StackInuse
}

// connection is the only object of the program for each client.
type connection struct {
	ops.Read  // waits for a message, without a buffer
	ops.Write // sends it back
}

// servePort echoes on one goroutine, with one buffer for each message in progress.
func servePort() (net.Addr, error) {
	port, err := completion.Open(nil)
	if err != nil {
		return nil, err
	}
	l, err := port.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	pool := port.NewPool(bufferSize, 256)
	if err := port.Submit(&ops.Accept{On: l}); err != nil {
		return nil, err
	}
	go func() {
		for op := range port.Completions(context.Background()) {
			handle(port, pool, op)
		}
	}()
	return l.Addr(), nil
}

func handle(port *completion.Port, pool *completion.Pool, op completion.Operation) {
	switch op := op.(type) {
	case *ops.Accept:
		if op.Err() == nil {
			c := new(connection)
			c.Read = ops.Read{Op: completion.Op{Value: c}, From: op.Conn, Pool: pool}
			c.Write = ops.Write{Op: completion.Op{Value: c}, To: op.Conn}
			port.Submit(&c.Read)
		}
		port.Submit(op)
	case *ops.Read:
		c := op.Value.(*connection)
		if op.Err() != nil {
			op.From.Close()
			return
		}
		c.Write.Buf, c.Read.Buf = c.Read.Buf, nil
		port.Submit(&c.Write)
	case *ops.Write:
		c := op.Value.(*connection)
		op.Buf.Release()
		if op.Err() != nil {
			op.To.Close()
			return
		}
		port.Submit(&c.Read)
	}
}

// serveNet echoes with a goroutine and a buffer per connection.
func serveNet() (net.Addr, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go echo(c)
		}
	}()
	return l.Addr(), nil
}

func echo(c net.Conn) {
	defer c.Close()
	b := make([]byte, bufferSize)
	for {
		n, err := c.Read(b)
		if err != nil {
			return
		}
		if _, err := c.Write(b[:n]); err != nil {
			return
		}
	}
}
