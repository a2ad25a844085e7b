package docs_test

import (
	"context"
	"fmt"

	"github.com/completionport/completion"
	"github.com/completionport/completion/ops"
)

// datagrams returns a port on a network in memory with two UDP sockets.
func datagrams() (port *completion.Port, a, b *completion.PacketSocket) {
	port, err := completion.Open(&completion.Config{Memory: new(completion.Memory)})
	check(err)
	a, err = port.ListenPacket("udp", "10.0.0.1:53")
	check(err)
	b, err = port.ListenPacket("udp", "10.0.0.2:5000")
	check(err)
	return port, a, b
}

// send sends a datagram.
func send(port *completion.Port, from, to *completion.PacketSocket, what string) {
	write := &ops.WriteTo{To: from, Buf: completion.Own([]byte(what)), Addr: to.LocalAddrPort()}
	check(port.Await(context.Background(), write))
}

func Example_datagramBounds() {
	port, server, client := datagrams()
	defer port.Close()
	pool := port.NewPool(8, 16)
	read := &ops.ReadFrom{From: server, Pool: pool}
	port.Submit(read)
	fmt.Println("waiting, lent:", pool.Lent())
	for _, what := range []string{"hello", "", "much too long", "bye"} {
		send(port, client, server, what)
	}
	for range 4 {
		next(port)
		if read.Buf == nil { // a datagram of 0 bytes needs no buffer
			fmt.Println("nothing of", read.Addr, read.Err())
		} else {
			fmt.Printf("%q of %v %v\n", read.Buf.Bytes(), read.Addr, read.Err())
		}
		read.Release()
		port.Submit(read)
	}
	// Output:
	// waiting, lent: 0
	// "hello" of 10.0.0.2:5000 <nil>
	// nothing of 10.0.0.2:5000 <nil>
	// "much too" of 10.0.0.2:5000 short buffer
	// "bye" of 10.0.0.2:5000 <nil>
}

func Example_datagramBatch() {
	port, server, client := datagrams()
	defer port.Close()
	for i := range 5 {
		send(port, client, server, fmt.Sprint("query ", i))
	}
	pool := port.NewPool(512, 16)
	read := &ops.ReadBatch{From: server, Pool: pool, Messages: make([]ops.Message, 8)}
	check(port.Await(context.Background(), read))
	fmt.Println(read.Count, "datagrams, lent:", pool.Lent())
	answer := &ops.WriteBatch{To: server, Messages: read.Messages[:read.Count]} // buffers and addresses
	check(port.Await(context.Background(), answer))
	for i := range answer.Messages {
		answer.Messages[i].Buf.Release()
	}
	fmt.Println(answer.Count, "answers, lent:", pool.Lent())
	// Output:
	// 5 datagrams, lent: 5
	// 5 answers, lent: 0
}

func Example_refusedDatagram() {
	port, server, _ := datagrams()
	defer port.Close()
	client, err := port.DialPacketTo(server.LocalAddrPort())
	check(err)
	server.Close() // no socket has the address any more
	write := &ops.WriteTo{To: client, Buf: completion.Own([]byte("hello"))}
	fmt.Println(port.Await(context.Background(), write)) // it was sent
	read := &ops.ReadFrom{From: client, Buf: completion.Own(make([]byte, 512))}
	fmt.Println(port.Await(context.Background(), read) != nil) // the answer of the network
	port.Submit(read)                                          // the socket goes on
	fmt.Println("in flight:", port.Stats().InFlight)
	// Output:
	// <nil>
	// true
	// in flight: 1
}

func Example_emptyDatagram() {
	port, server, client := datagrams()
	defer port.Close()
	send(port, client, server, "")
	read := &ops.ReadFrom{From: server, Pool: port.NewPool(512, 16)}
	check(port.Await(context.Background(), read))
	fmt.Println(read.N(), read.Err(), "no buffer:", read.Buf == nil)
	mistake(func() { fmt.Println(read.Buf.Bytes()) })
	// Output:
	// 0 <nil> no buffer: true
	// panic: runtime error: invalid memory address or nil pointer dereference
}
