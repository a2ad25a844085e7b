package completion_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"log"
	"os"

	"github.com/completionport/completion"
	"github.com/completionport/completion/ops"
)

// A message that consists of a header, a body that many connections share, and an end goes
// out in one system call, and is copied nowhere.
func Example_writeV() {
	var network completion.Memory
	port, a, b := examplePair(&network)
	defer port.Close()

	body := completion.Own([]byte("the same for all"))
	body.Share() // it can be in other operations, too
	header := completion.Own(binary.BigEndian.AppendUint32(nil, uint32(body.Len())))
	message := &ops.WriteV{To: a, Bufs: []*completion.Buffer{header, body, completion.Own([]byte("\n"))}}
	port.Await(context.Background(), message)
	fmt.Println("sent", message.N())

	// The receiver knows the size of the header.
	header, rest := completion.Own(make([]byte, 4)), completion.Own(make([]byte, 64))
	received := &ops.ReadV{From: b, Bufs: []*completion.Buffer{header, rest}}
	port.Await(context.Background(), received)
	fmt.Printf("%d %q\n", binary.BigEndian.Uint32(header.Bytes()), rest.Bytes())
	// Output:
	// sent 21
	// 16 "the same for all\n"
}

// Writes that are submitted together leave together, and each completes by itself.
func Example_gather() {
	var network completion.Memory
	port, a, b := examplePair(&network)
	defer port.Close()
	var lines []completion.Operation
	for i := range 50 {
		lines = append(lines, &ops.Write{To: a, Buf: completion.Own(fmt.Appendf(nil, "line %d\n", i))})
	}
	before := port.Stats().Calls
	port.Submit(lines...)
	for range lines {
		port.Next(context.Background())
	}
	fmt.Println(len(lines), "writes,", port.Stats().Calls-before, "call")
	read := &ops.Read{From: b, Buf: completion.Own(make([]byte, 13))}
	port.Await(context.Background(), read)
	fmt.Printf("%q\n", read.Buf.Bytes())
	// Output:
	// 50 writes, 1 call
	// "line 0\nline 1"
}

// A header, a part of a file, and the end of the stream: three operations, in this order.
func Example_sendFile() {
	var network completion.Memory // on a socket of the system, the file is not copied
	port, a, b := examplePair(&network)
	defer port.Close()
	f, err := os.Open("LICENSE")
	if err != nil {
		log.Fatal(err)
	}
	defer f.Close()
	send := &ops.SendFile{To: a, File: f, Count: 20}
	port.Submit(
		&ops.Write{To: a, Buf: completion.Own([]byte("the file: "))},
		send,
		&ops.CloseWrite{On: a})
	for range 3 {
		port.Next(context.Background())
	}
	fmt.Println(send.N(), send.Err())
	read := &ops.Read{From: b, Buf: completion.Own(make([]byte, 64)), Full: true}
	fmt.Println(port.Await(context.Background(), read))
	fmt.Printf("%s\n", read.Buf.Bytes())
	// Output:
	// 20 <nil>
	// unexpected EOF
	// the file: BSD 3-Clause License
}

// A proxy copies each direction: bytes of one connection to another, until the end of the
// stream, which it passes on.
func Example_copy() {
	var network completion.Memory // on sockets of Linux, the bytes stay in the kernel
	port, client, a := examplePair(&network)
	defer port.Close()
	ln, err := port.Listen("tcp", "10.0.0.2:7000")
	if err != nil {
		log.Fatal(err)
	}
	dial := &ops.Dial{Network: "tcp", Address: "10.0.0.2:7000"}
	accept := &ops.Accept{On: ln}
	port.Submit(dial, accept)
	for range 2 {
		port.Next(context.Background())
	}
	b, server := dial.Conn, accept.Conn

	over := &ops.Copy{From: a, To: b}
	port.Submit(
		over, &ops.CloseWrite{On: b},
		&ops.Write{To: client, Buf: completion.Own([]byte("from end to end"))}, &ops.CloseWrite{On: client})
	for range 4 {
		port.Next(context.Background())
	}
	fmt.Println(over.N(), over.Err())
	read := &ops.Read{From: server, Buf: completion.Own(make([]byte, 64)), Full: true}
	fmt.Println(port.Await(context.Background(), read))
	fmt.Printf("%s\n", read.Buf.Bytes())
	// Output:
	// 15 <nil>
	// unexpected EOF
	// from end to end
}

// examplePair returns a port with both ends of a connection.
func examplePair(network *completion.Memory) (port *completion.Port, a, b *completion.Socket) {
	port, err := completion.Open(&completion.Config{Memory: network})
	if err != nil {
		log.Fatal(err)
	}
	ln, err := port.Listen("tcp", "10.0.0.1:7000")
	if err != nil {
		log.Fatal(err)
	}
	a, err = port.Socket("tcp")
	if err != nil {
		log.Fatal(err)
	}
	accept := &ops.Accept{On: ln}
	port.Submit(accept, &ops.Connect{On: a, To: ln.Addr()})
	for range 2 {
		port.Next(context.Background())
	}
	return port, a, accept.Conn
}
