package docs_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"github.com/completionport/completion"
	"github.com/completionport/completion/ops"
)

func Example_takeWhatArrived() {
	port, server, client := datagrams()
	defer port.Close()
	for range 5 {
		send(port, client, server, "hits:1|c")
	}
	read := &ops.ReadBatch{From: server, Pool: port.NewPool(512, 16), Messages: make([]ops.Message, 2)}
	port.Submit(read)

	// The signal has come: from now on, each read waits for a moment only.
	port.SetDeadline(read, completion.After(time.Millisecond))
	got := 0
	for {
		next(port)
		got += read.Count
		err := read.Err()
		read.Release()
		if errors.Is(err, os.ErrDeadlineExceeded) {
			break // nothing more is there
		}
		read.Timeout = time.Millisecond // SetDeadline was for that use only
		port.Submit(read)
	}
	server.Close()
	fmt.Println("received:", got)
	// Output: received: 5
}

func Example_shutdownInBody() {
	port, conn, peer := pair()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	port.Submit(&ops.Read{From: conn, Buf: completion.Own(make([]byte, 64))}, &ops.Post{})
	for {
		op, err := port.Next(ctx)
		if errors.Is(err, net.ErrClosed) {
			break // everything was delivered
		}
		switch op := op.(type) {
		case *ops.Post: // as a signal
			port.Submit(&ops.Write{To: conn, Buf: completion.Own([]byte("bye"))})
			fmt.Println("shut down:", port.Shutdown(ctx))
		case *ops.Read:
			fmt.Println("read:", op.Err())
		case *ops.Write:
			fmt.Println("written:", op.N(), op.Err())
		}
	}
	got := make([]byte, 8)
	n, _ := peer.Read(got)
	fmt.Printf("%s\n", got[:n])
	// Output:
	// shut down: <nil>
	// written: 3 <nil>
	// read: use of closed network connection
	// bye
}
