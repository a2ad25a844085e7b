package completion_test

import (
	"context"
	"fmt"
	"log"
	"net"
	"net/netip"

	"github.com/completionport/completion"
	"github.com/completionport/completion/ops"
)

// answerOne sends one datagram back.
func answerOne(port *completion.Port, server *completion.PacketSocket) {
	question := &ops.RecvMsg{From: server, Pool: port.NewPool(1500, 1)}
	if err := port.Await(context.Background(), question); err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s was sent to %v\n", question.Buf.Bytes(), question.Control.Local)
	answer := &ops.SendMsg{To: server, Buf: question.Buf, Addr: question.Addr,
		Control: completion.Control{Local: question.Control.Local}}
	if err := port.Await(context.Background(), answer); err != nil {
		log.Fatal(err)
	}
	question.Release()
}

// A server on any address answers from the address that it was asked at: on a machine with
// several, a client may drop what comes from another one.
func ExampleControl() {
	port, err := completion.Open(nil)
	if err != nil {
		log.Fatal(err)
	}
	defer port.Close()
	server, err := completion.PacketConfig{Reports: completion.ReportLocal}.Listen(port, "udp4", "0.0.0.0:0")
	if err != nil {
		log.Fatal(err)
	}
	client, err := port.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	at := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), uint16(server.LocalAddr().(*net.UDPAddr).Port))
	ctx := context.Background()
	port.Await(ctx, &ops.WriteTo{To: client, Buf: completion.Own([]byte("hello")), Addr: at})
	answerOne(port, server)
	back := &ops.ReadFrom{From: client, Buf: completion.Own(make([]byte, 1500))}
	if err := port.Await(ctx, back); err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s came from %v\n", back.Buf.Bytes(), back.Addr.Addr())
	// Output:
	// hello was sent to 127.0.0.1
	// hello came from 127.0.0.1
}
