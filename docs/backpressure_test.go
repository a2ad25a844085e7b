package docs_test

import (
	"errors"
	"fmt"
	"time"

	"github.com/completionport/completion"
	"github.com/completionport/completion/ops"
)

// fill submits writes until one stays in flight, since the peer does not read.
func fill(port *completion.Port, conn *completion.Socket) (waiting *ops.Write) {
	for {
		write := &ops.Write{To: conn, Buf: completion.Own(make([]byte, 64<<10))}
		port.Submit(write)
		if port.Stats().InFlight > 0 {
			return write
		}
		next(port)
	}
}

func Example_readAfterWrite() {
	port, conn, peer := pair()
	defer port.Close()
	waiting := fill(port, conn)

	// A server that reads again only when its answer is sent has one buffer for each such
	// client. What the client sends stays in the system, and then in the client.
	peer.Write([]byte("more requests"))
	fmt.Println("in flight:", port.Stats().InFlight)

	port.SetDeadline(waiting, completion.After(time.Millisecond)) // no client waits for ever
	fmt.Println(next(port).Err())
	// Output:
	// in flight: 1
	// i/o timeout
}

func Example_limit() {
	var network completion.Memory
	port, err := completion.Open(&completion.Config{Memory: &network, MaxInFlight: 2})
	check(err)
	defer port.Close()

	timers := []*ops.Timer{{After: time.Hour}, {After: time.Hour}, {After: time.Hour}}
	port.Submit(timers[0], timers[1], timers[2]) // accepts all three
	op := next(port)
	fmt.Println(op == completion.Operation(timers[2]), errors.Is(op.Err(), completion.ErrLimit))
	// Output:
	// true true
}

func Example_borrow() {
	port, conn, _ := pair()
	defer port.Close()
	pool := port.NewPool(4096, 1)
	answer := pool.Take()
	fmt.Println("another one:", pool.Take() != nil)

	port.Submit(&ops.Borrow{Pool: pool, Op: completion.Op{Timeout: time.Minute}}) // waits for one
	answer.Resize(copy(answer.Memory(), "answer"))
	port.Submit(&ops.Write{To: conn, Buf: answer})
	for range 2 {
		switch op := next(port).(type) {
		case *ops.Write:
			op.Buf.Release() // the Borrow gets it
		case *ops.Borrow:
			fmt.Println("borrowed:", op.Err(), op.Buf.Len())
			op.Release()
		}
	}
	// Output:
	// another one: false
	// borrowed: <nil> 4096
}
