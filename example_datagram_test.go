package completion_test

import (
	"context"
	"fmt"
	"log"
	"net"
	"net/netip"
	"time"

	"github.com/completionport/completion"
	"github.com/completionport/completion/ops"
)

// echoDatagrams sends back what it receives. Each datagram has a buffer of the pool until
// its answer is sent, and a ReadFrom that waits has none.
func echoDatagrams(port *completion.Port, socket *completion.PacketSocket) {
	port.Submit(&ops.ReadFrom{From: socket, Pool: port.NewPool(1500, 64)})
	for op := range port.Completions(context.Background()) {
		switch op := op.(type) {
		case *ops.ReadFrom:
			if op.Buf != nil { // a datagram of 0 bytes has no buffer
				port.Submit(&ops.WriteTo{To: op.From, Buf: op.Buf, Addr: op.Addr})
				op.Buf = nil // it is the WriteTo's
			}
			if port.Submit(op) != nil {
				return
			}
		case *ops.WriteTo:
			op.Buf.Release() // whether it was sent or not: UDP loses datagrams anyway
		}
	}
}

// A server and a client of UDP.
func ExamplePort_ListenPacket() {
	port, err := completion.Open(nil)
	if err != nil {
		log.Fatal(err)
	}
	socket, err := port.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	served := make(chan struct{})
	go func() { echoDatagrams(port, socket); close(served) }()

	client, err := completion.Open(nil)
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	conn, err := client.DialPacket("udp", socket.LocalAddr().String())
	if err != nil {
		log.Fatal(err)
	}
	ctx := context.Background()
	client.Await(ctx, &ops.WriteTo{To: conn, Buf: completion.Own([]byte("hello"))})
	answer := &ops.ReadFrom{From: conn, Buf: completion.Own(make([]byte, 1500)), Op: completion.Op{Timeout: time.Minute}}
	if err := client.Await(ctx, answer); err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s\n", answer.Buf.Bytes())
	port.Close()
	<-served
	// Output:
	// hello
}

// A batch moves several datagrams, on Linux in one system call.
func Example_batch() {
	port, err := completion.Open(nil)
	if err != nil {
		log.Fatal(err)
	}
	defer port.Close()
	socket, err := port.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	itself := socket.LocalAddr().(*net.UDPAddr).AddrPort()
	write := &ops.WriteBatch{To: socket}
	for _, s := range []string{"one", "two", "three"} {
		write.Messages = append(write.Messages, ops.Message{Buf: completion.Own([]byte(s)), Addr: itself})
	}
	ctx := context.Background()
	port.Await(ctx, write)
	fmt.Println(write.Count, "sent,", write.N(), "bytes")

	read := &ops.ReadBatch{From: socket, Messages: make([]ops.Message, 8), Pool: port.NewPool(1500, 8)}
	for left := write.Count; left > 0; left -= read.Count {
		if err := port.Await(ctx, read); err != nil {
			log.Fatal(err)
		}
		for _, m := range read.Messages[:read.Count] {
			fmt.Printf("%s\n", m.Buf.Bytes())
		}
		read.Release()
	}
	// Output:
	// 3 sent, 11 bytes
	// one
	// two
	// three
}

// A socket of package net, whose name and options the program has chosen there, serves
// operations for a while, and goes back.
func ExamplePort_AdoptPacketConn() {
	var network completion.Memory // the same with net.ListenPacket and completion.Open(nil)
	port, err := completion.Open(&completion.Config{Memory: &network})
	if err != nil {
		log.Fatal(err)
	}
	defer port.Close()
	conn, err := network.ListenPacket("udp", "10.0.0.1:53")
	if err != nil {
		log.Fatal(err)
	}
	client, _ := network.ListenPacket("udp", "10.0.0.2:5000")
	client.WriteTo([]byte("first"), conn.LocalAddr())
	client.WriteTo([]byte("second"), conn.LocalAddr())

	socket, err := port.AdoptPacketConn(conn) // and closes conn
	if err != nil {
		log.Fatal(err)
	}
	read := &ops.ReadFrom{From: socket, Buf: completion.Own(make([]byte, 100))}
	port.Await(context.Background(), read)
	fmt.Printf("the port: %s of %v, %v\n", read.Buf.Bytes(), read.Addr, read.Err())

	back, err := socket.Detach() // it is idle: no operation is in flight
	if err != nil {
		log.Fatal(err)
	}
	defer back.Close()
	buf := make([]byte, 100)
	n, from, err := back.ReadFrom(buf)
	fmt.Printf("package net: %s of %v, %v\n", buf[:n], from, err)
	// Output:
	// the port: first of 10.0.0.2:5000, <nil>
	// package net: second of 10.0.0.2:5000, <nil>
}

// A client of two servers with one socket, whose peer it changes.
func ExamplePacketSocket_ConnectTo() {
	var network completion.Memory
	port, err := completion.Open(&completion.Config{Memory: &network})
	if err != nil {
		log.Fatal(err)
	}
	defer port.Close()
	for _, address := range []string{"10.0.0.1:53", "10.0.0.2:53"} {
		server, err := port.ListenPacket("udp", address)
		if err != nil {
			log.Fatal(err)
		}
		go echoDatagrams(port, server)
	}
	conn, err := port.DialPacketTo(netip.MustParseAddrPort("10.0.0.1:53"))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(ask(port, conn, "first"), conn.RemoteAddrPort())
	if err := conn.ConnectTo(netip.MustParseAddrPort("10.0.0.2:53")); err != nil {
		log.Fatal(err)
	}
	fmt.Println(ask(port, conn, "second"), conn.RemoteAddrPort())
	// Output:
	// first 10.0.0.1:53
	// second 10.0.0.2:53
}
