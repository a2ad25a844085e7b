package iotls_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"time"

	"github.com/completionport/completion"
	"github.com/completionport/completion/iotls"
	"github.com/completionport/completion/ops"
)

// A server that greets each client, and the client, which is one of crypto/tls. With
// completion.Open(nil), both are on the system's network.
func Example() {
	var network completion.Memory
	port, err := completion.Open(&completion.Config{Memory: &network})
	if err != nil {
		log.Fatal(err)
	}
	l, err := port.Listen("tcp", "10.0.0.1:443")
	if err != nil {
		log.Fatal(err)
	}
	done := make(chan bool)
	go func() { greet(port, l, serverConfig); close(done) }()

	conn, err := network.Dial("tcp", "10.0.0.1:443")
	if err != nil {
		log.Fatal(err)
	}
	client := tls.Client(conn, clientConfig)
	greeting, err := io.ReadAll(client)
	fmt.Printf("%s %v\n", greeting, err)
	client.Close()
	port.Close()
	<-done
	// Output: hello, client of server.test <nil>
}

// greet is the loop of the server.
func greet(port *completion.Port, l *completion.Listener, config *tls.Config) {
	port.Submit(&ops.Accept{On: l})
	for op := range port.Completions(context.Background()) {
		switch op := op.(type) {
		case *ops.Accept:
			if op.Err() != nil {
				return
			}
			// The handshakes of slow clients wait beside the Accept, and for 10 s only.
			port.Submit(&iotls.Handshake{On: op.Conn, Config: config, Op: completion.Op{Timeout: 10 * time.Second}})
			port.Submit(op)
		case *iotls.Handshake:
			if op.Err() != nil {
				op.On.Close()
				continue
			}
			state, _ := iotls.ConnectionState(op.On)
			greeting := completion.Own([]byte("hello, client of " + state.ServerName))
			port.Submit(&ops.Write{To: op.On, Buf: greeting}, &ops.CloseWrite{On: op.On})
		case *ops.CloseWrite:
			op.On.Close()
		}
	}
}
