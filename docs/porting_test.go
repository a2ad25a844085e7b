package docs_test

import (
	"fmt"

	"github.com/completionport/completion"
	"github.com/completionport/completion/ops"
)

// client is the state of a connection.
type client struct {
	name        string
	read, write int // bytes
}

func Example_state() {
	port, conn, peer := pair()
	defer port.Close()

	ann := &client{name: "ann"}
	port.Submit(&ops.Read{From: conn, Buf: completion.Own(make([]byte, 64)), Op: completion.Op{Value: ann}})
	peer.Write([]byte("hello"))
	for range 2 {
		switch op := next(port).(type) {
		case *ops.Read:
			c := op.Value.(*client)
			c.read += op.N()
			port.Submit(&ops.Write{To: op.From, Buf: op.Buf, Op: completion.Op{Value: c}})
		case *ops.Write:
			c := op.Value.(*client)
			c.write += op.N()
			fmt.Printf("%+v\n", *c)
		}
	}
	// Output:
	// {name:ann read:5 write:5}
}
