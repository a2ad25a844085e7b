package completion_test

import (
	"context"
	"fmt"
	"log"

	"github.com/completionport/completion"
	"github.com/completionport/completion/ops"
)

// A server on a named pipe, and a client of it.
func ExamplePipeAddr() {
	ctx := context.Background()
	port, err := completion.Open(nil)
	if err != nil {
		log.Fatal(err)
	}
	defer port.Close()
	ln, err := port.Listen("pipe", `\\.\pipe\completion-example`)
	if err != nil {
		log.Fatal(err)
	}
	client, err := port.Dial(ctx, "pipe", ln.Addr().String())
	if err != nil {
		log.Fatal(err)
	}
	accept := &ops.Accept{On: ln}
	if err := port.Await(ctx, accept); err != nil {
		log.Fatal(err)
	}
	port.Submit(&ops.Write{To: accept.Conn, Buf: completion.Own([]byte("hello"))})
	read := &ops.Read{From: client, Pool: port.NewPool(64, 1)}
	if err := port.Await(ctx, read); err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s from %v\n", read.Buf.Bytes(), client.RemoteAddr())
	read.Release()
	// Output: hello from \\.\pipe\completion-example
}
