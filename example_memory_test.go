package completion_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"time"

	"github.com/completionport/completion"
	"github.com/completionport/completion/ops"
)

// greet is what ExampleMemory tests: it reads a line, which may come in pieces,
// and answers it.
func greet(ctx context.Context, port *completion.Port, conn *completion.Socket) error {
	defer conn.Close()
	read := &ops.Read{From: conn, Buf: completion.Own(make([]byte, 64))}
	answer := []byte("hello, ")
	for !bytes.HasSuffix(answer, []byte("\n")) {
		read.Deadline = completion.After(time.Minute)
		if err := port.Await(ctx, read); err != nil {
			return err
		}
		answer = append(answer, read.Buf.Bytes()...)
	}
	return port.Await(ctx, &ops.Write{To: conn, Buf: completion.Own(answer)})
}

// Testing a protocol's handler: the test holds the peer of the connection,
// and injects faults that a network of the system has once in a while.
func ExampleMemory() {
	var network completion.Memory
	port, err := completion.Open(&completion.Config{Memory: &network})
	if err != nil {
		log.Fatal(err)
	}
	defer port.Close()
	ln, err := port.Listen("tcp", "10.0.0.1:7000")
	if err != nil {
		log.Fatal(err)
	}
	// serve handles the next connection and tells what became of it.
	serve := func() (client net.Conn, handled chan error) {
		handled = make(chan error, 1)
		go func() {
			accept := &ops.Accept{On: ln}
			if err := port.Await(context.Background(), accept); err != nil {
				handled <- err
				return
			}
			handled <- greet(context.Background(), port, accept.Conn)
		}()
		client, err := network.Dial("tcp", "10.0.0.1:7000")
		if err != nil {
			log.Fatal(err)
		}
		return client, handled
	}

	network.LimitTransfer(3) // every read is short, and every write takes several calls
	client, handled := serve()
	fmt.Fprintln(client, "gopher")
	answer, _ := io.ReadAll(client)
	fmt.Printf("%q, handled: %v\n", answer, <-handled)
	client.Close()

	client, handled = serve()
	fmt.Fprint(client, "goph")
	network.Reset(client) // in the middle of a line
	err = <-handled
	fmt.Println("failed:", err != nil, "taken for the end of the stream:", errors.Is(err, io.EOF))
	// Output:
	// "hello, gopher\n", handled: <nil>
	// failed: true taken for the end of the stream: false
}
