package completion_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"

	"github.com/completionport/completion"
	"github.com/completionport/completion/ops"
)

// A server of a line protocol. Two lines may arrive together, and a line in pieces: each
// ReadUntil is one line, and keeps what is behind it for the next.
func ExamplePort_Await_lines() {
	var network completion.Memory
	port, err := completion.Open(&completion.Config{Memory: &network})
	if err != nil {
		log.Fatal(err)
	}
	defer port.Close()
	listener, err := port.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	accept := &ops.Accept{On: listener}
	if err := port.Start(accept); err != nil {
		log.Fatal(err)
	}
	client, err := network.Dial("tcp", listener.Addr().String())
	if err != nil {
		log.Fatal(err)
	}
	go sendParts(client, "HELO me\r\nMAIL fr", "om you\r", "\nQUIT\r\nleft over")
	if err := port.Wait(context.Background(), accept); err != nil {
		log.Fatal(err)
	}
	printLines(port, accept.Conn)
	// Output:
	// "HELO me\r\n"
	// "MAIL from you\r\n"
	// "QUIT\r\n"
	// "left over" true
}

// printLines prints the lines of a connection, and what is left at its end.
func printLines(port *completion.Port, conn *completion.Socket) {
	line := &ops.ReadUntil{From: conn, Buf: completion.Own(make([]byte, 512)), Delimiter: "\r\n"}
	for port.Await(context.Background(), line) == nil {
		fmt.Printf("%q\n", line.Buf.Bytes())
	}
	// io.EOF if nothing is left
	fmt.Printf("%q %v\n", line.Buf.Bytes(), errors.Is(line.Err(), io.ErrUnexpectedEOF))
}

// sendParts sends each part and closes the connection.
func sendParts(c net.Conn, parts ...string) {
	defer c.Close()
	for _, part := range parts {
		if _, err := io.WriteString(c, part); err != nil {
			log.Fatal(err)
		}
	}
}
