package docs_test

import (
	"context"
	"fmt"
	"io"
	"sync"

	"github.com/completionport/completion"
	"github.com/completionport/completion/ops"
)

// loop echoes on the connections of a port until the port is closed. It handles one
// operation at a time. Any number of goroutines may run it.
func loop(port *completion.Port, pool *completion.Pool) {
	for op := range port.Completions(context.Background()) {
		switch op := op.(type) {
		case *ops.Accept:
			if op.Err() == nil { // else see the server in the README
				port.Submit(&ops.Read{From: op.Conn, Pool: pool}, op)
			}
		case *ops.Read:
			if op.Err() != nil {
				op.Release()
				op.From.Close()
				continue
			}
			port.Submit(&ops.Write{To: op.From, Buf: op.Buf})
		case *ops.Write:
			op.Buf.Release()
			if op.Err() != nil {
				op.To.Close()
				continue
			}
			port.Submit(&ops.Read{From: op.To, Pool: pool})
		}
	}
}

func Example_workers() {
	port, ln, network := listen()
	pool := port.NewPool(4096, 16)
	port.Submit(&ops.Accept{On: ln})
	var workers sync.WaitGroup
	for range 4 {
		workers.Go(func() { loop(port, pool) })
	}

	talk(network)
	port.Close()
	workers.Wait()
	// Output:
	// hello
}

func Example_ports() {
	network := new(completion.Memory) // in a program: no Memory, and ports on the system
	var loops sync.WaitGroup
	var ports []*completion.Port
	for range 2 {
		port, err := completion.Open(&completion.Config{Memory: network})
		check(err)
		ln, err := completion.ListenConfig{ReusePort: true}.Listen(port, "tcp", "10.0.0.1:7000")
		check(err)
		port.Submit(&ops.Accept{On: ln})
		loops.Go(func() { loop(port, port.NewPool(4096, 16)) })
		ports = append(ports, port)
	}

	talk(network)
	for _, port := range ports {
		port.Close()
	}
	loops.Wait()
	// Output:
	// hello
}

// talk sends a message and prints the answer.
func talk(network *completion.Memory) {
	client, err := network.Dial("tcp", "10.0.0.1:7000")
	check(err)
	defer client.Close()
	fmt.Fprint(client, "hello")
	answer := make([]byte, 5)
	_, err = io.ReadFull(client, answer)
	check(err)
	fmt.Printf("%s\n", answer)
}

// serveOne echoes on one connection, as a sequence.
func serveOne(ctx context.Context, port *completion.Port, conn *completion.Socket) error {
	defer conn.Close()
	read := &ops.Read{From: conn, Buf: completion.Own(make([]byte, 4096))}
	for {
		if err := port.Await(ctx, read); err != nil {
			return err
		}
		if err := port.Await(ctx, &ops.Write{To: conn, Buf: read.Buf}); err != nil {
			return err
		}
	}
}

func Example_await() {
	port, conn, peer := pair()
	defer port.Close()
	done := make(chan error)
	go func() { done <- serveOne(context.Background(), port, conn) }()

	fmt.Fprint(peer, "hello")
	answer := make([]byte, 5)
	io.ReadFull(peer, answer)
	peer.(interface{ CloseWrite() error }).CloseWrite()
	fmt.Printf("%s, then %v\n", answer, <-done)
	// Output:
	// hello, then EOF
}
