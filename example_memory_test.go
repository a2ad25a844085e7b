package completion_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"os"
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

// A client whose uploads are slow. In a bubble of testing/synctest the time-out could be a
// minute, and would take none.
func ExampleMemory_LinkTo() {
	var network completion.Memory
	port, err := completion.Open(&completion.Config{Memory: &network})
	if err != nil {
		log.Fatal(err)
	}
	defer port.Close()
	ln, _ := port.Listen("tcp", "10.0.0.1:7000")
	network.LinkTo("tcp", "10.0.0.1:7000", completion.Link{Rate: 10}) // bytes per second
	client, err := network.Dial("tcp", "10.0.0.1:7000")
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	accept := &ops.Accept{On: ln}
	if err := port.Await(context.Background(), accept); err != nil {
		log.Fatal(err)
	}

	fmt.Fprint(client, "a request that takes 2.7 s\n")
	request := &ops.Read{From: accept.Conn, Buf: completion.Own(make([]byte, 27)), Full: true}
	request.Deadline = completion.After(10 * time.Millisecond)
	err = port.Await(context.Background(), request)
	fmt.Println("timed out:", errors.Is(err, os.ErrDeadlineExceeded))
	answer := &ops.Write{To: accept.Conn, Buf: completion.Own([]byte("too slow\n"))}
	if err := port.Await(context.Background(), answer); err != nil {
		log.Fatal(err)
	}
	line, err := bufio.NewReader(client).ReadString('\n')
	fmt.Printf("%q %v\n", line, err)
	// Output:
	// timed out: true
	// "too slow\n" <nil>
}

// ask asks a server over UDP, again if no answer comes in time.
func ask(port *completion.Port, to *completion.PacketSocket, question string) string {
	ctx := context.Background()
	answer := &ops.ReadFrom{From: to, Buf: completion.Own(make([]byte, 512)), Op: completion.Op{Timeout: time.Second}}
	for {
		port.Await(ctx, &ops.WriteTo{To: to, Buf: completion.Own([]byte(question))})
		if err := port.Await(ctx, answer); err == nil {
			return string(answer.Buf.Bytes())
		}
		fmt.Println("no answer:", answer.Err())
	}
}

// A client of a protocol over UDP asks again if no answer comes. The test loses its first
// question.
func ExampleMemory_Lose() {
	var network completion.Memory
	port, err := completion.Open(&completion.Config{Memory: &network})
	if err != nil {
		log.Fatal(err)
	}
	defer port.Close()
	server, err := port.ListenPacket("udp", "10.0.0.1:53")
	if err != nil {
		log.Fatal(err)
	}
	client, err := port.DialPacket("udp", "10.0.0.1:53")
	if err != nil {
		log.Fatal(err)
	}
	go func() { // the server sends back what it gets
		request := &ops.ReadFrom{From: server, Buf: completion.Own(make([]byte, 512))}
		for port.Await(context.Background(), request) == nil {
			port.Await(context.Background(), &ops.WriteTo{To: server, Buf: request.Buf, Addr: request.Addr})
		}
	}()
	network.Lose("udp", "10.0.0.1:53", 1)
	fmt.Println("answer:", ask(port, client, "what?"))
	// Output:
	// no answer: i/o timeout
	// answer: what?
}
