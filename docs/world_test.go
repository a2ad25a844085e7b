// Package docs_test contains the programs that the guide shows.
package docs_test

import (
	"context"
	"fmt"
	"log"
	"net"
	"testing"

	"github.com/completionport/completion"
	"github.com/completionport/completion/ops"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// pair returns a port on a network in memory, a connection of the port, and its peer.
func pair() (*completion.Port, *completion.Socket, net.Conn) {
	port, ln, network := listen()
	peer, err := network.Dial("tcp", "10.0.0.1:7000")
	check(err)
	accept := &ops.Accept{On: ln}
	check(port.Await(context.Background(), accept))
	return port, accept.Conn, peer
}

// listen returns a port on a network in memory, and a listener at 10.0.0.1:7000.
func listen() (*completion.Port, *completion.Listener, *completion.Memory) {
	network := new(completion.Memory)
	port, err := completion.Open(&completion.Config{Memory: network})
	check(err)
	ln, err := port.Listen("tcp", "10.0.0.1:7000")
	check(err)
	return port, ln, network
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

// next returns the next operation that is complete.
func next(port *completion.Port) completion.Operation {
	op, err := port.Next(context.Background())
	check(err)
	return op
}

// mistake calls f and prints its panic.
func mistake(f func()) {
	defer func() {
		if text := recover(); text != nil {
			fmt.Println("panic:", text)
		}
	}()
	f()
}
