package docs_test

import (
	"context"
	"fmt"
	"time"

	"github.com/completionport/completion"
	"github.com/completionport/completion/ops"
)

// request is a read that knows what it is for.
type request struct {
	ops.Read
	user string
}

func Example_embeddedRead() {
	port, conn, peer := pair()
	defer port.Close()
	peer.Write([]byte("hello"))

	r := &request{user: "ann"}
	r.From, r.Buf = conn, completion.Own(make([]byte, 64))
	port.Submit(r)
	switch op := next(port).(type) {
	case *ops.Read:
		fmt.Println("a read")
	default:
		fmt.Printf("no case for a %T\n", op)
	}
	// Output:
	// no case for a *docs_test.request
}

func Example_embeddedReadMatched() {
	port, conn, peer := pair()
	defer port.Close()
	peer.Write([]byte("hello"))

	r := &request{user: "ann"}
	r.From, r.Buf = conn, completion.Own(make([]byte, 64))
	port.Submit(r)
	switch op := next(port).(type) {
	case *request:
		fmt.Printf("%s says %s\n", op.user, op.Buf.Bytes())
	}
	// Output:
	// ann says hello
}

func Example_oldDeadline() {
	port, conn, peer := pair()
	defer port.Close()
	ctx := context.Background()

	read := &ops.Read{From: conn, Buf: completion.Own(make([]byte, 64))}
	read.Deadline = completion.After(time.Millisecond)
	fmt.Println(port.Await(ctx, read)) // nothing has come

	peer.Write([]byte("hello"))
	fmt.Println(port.Await(ctx, read)) // the same deadline: it is in the past

	read.Deadline = completion.After(time.Minute)
	fmt.Println(port.Await(ctx, read), read.N())
	// Output:
	// i/o timeout
	// i/o timeout
	// <nil> 5
}

func Example_durationAsDeadline() {
	port, conn, peer := pair()
	defer port.Close()
	peer.Write([]byte("hello"))

	read := &ops.Read{From: conn, Buf: completion.Own(make([]byte, 64))}
	read.Deadline = completion.Deadline(time.Second) // one second after the zero of the clock
	fmt.Println(port.Await(context.Background(), read))
	// Output:
	// i/o timeout
}

func Example_releasedTwice() {
	port, _, _ := pair()
	defer port.Close()

	buffer := port.NewPool(4096, 16).Take()
	buffer.Release()
	mistake(buffer.Release)
	mistake(func() { buffer.Bytes() })
	// Output:
	// panic: completion: the buffer belongs to its pool: it has been released
	// panic: completion: the buffer belongs to its pool: it has been released
}

func Example_neverReleased() {
	port, conn, peer := pair()
	defer port.Close()
	ctx := context.Background()
	pool := port.NewPool(5, 1) // one buffer of 5 bytes

	peer.Write([]byte("helloworld"))
	first := &ops.Read{From: conn, Pool: pool}
	fmt.Println(port.Await(ctx, first), first.N()) // and no Release

	second := &ops.Read{From: conn, Pool: pool, Op: completion.Op{Timeout: 10 * time.Millisecond}}
	fmt.Println(port.Await(ctx, second), second.N())
	fmt.Println("lent:", pool.Lent(), "waits:", port.Stats().PoolWaits)
	// Output:
	// <nil> 5
	// i/o timeout 0
	// lent: 1 waits: 1
}

func Example_bufferInFlight() {
	port, conn, _ := pair()
	defer port.Close()

	read := &ops.Read{From: conn, Buf: completion.Own(make([]byte, 64))}
	port.Submit(read)
	mistake(func() { read.Buf.Set(append(read.Buf.Bytes(), "more"...)) })
	mistake(func() { read.N() })
	mistake(func() { port.Submit(read) })
	// Output:
	// panic: completion: the buffer belongs to the port until its operation is delivered
	// panic: completion: the operation belongs to the port until it is delivered
	// panic: completion: the operation belongs to the port until it is delivered
}

func Example_keptBytes() {
	port, conn, peer := pair()
	defer port.Close()
	ctx := context.Background()
	read := &ops.Read{From: conn, Buf: completion.Own(make([]byte, 64))}

	peer.Write([]byte("alice"))
	check(port.Await(ctx, read))
	name := read.Buf.Bytes() // a part of the buffer, not a copy

	peer.Write([]byte("bob"))
	check(port.Await(ctx, read))
	fmt.Printf("%s\n", name)
	// Output:
	// bobce
}

func Example_appendedBytes() {
	port, conn, peer := pair()
	defer port.Close()

	message := append(make([]byte, 0, 64), "hello"...)
	port.Submit(&ops.Write{To: conn, Buf: completion.Own(message)})
	message = append(message, ", world"...) // the buffer still has 5 bytes
	next(port)
	conn.Close()

	got := make([]byte, 64)
	n, _ := peer.Read(got)
	fmt.Printf("%s, not %s\n", got[:n], message)
	// Output:
	// hello, not hello, world
}

func Example_waitForSubmitted() {
	port, _, _ := pair()
	defer port.Close()

	timer := &ops.Timer{After: time.Hour}
	port.Submit(timer)
	mistake(func() { port.Wait(context.Background(), timer) })
	// Output:
	// panic: completion: Wait for an operation that was submitted to the queue
}

func Example_bodyThatBlocks() {
	port, _, _ := pair()
	defer port.Close()

	answer := make(chan string, 1)
	port.Submit(&ops.Post{Op: completion.Op{Value: "ask"}}, &ops.Post{Op: completion.Op{Value: "answer"}})
	for range 2 {
		switch next(port).(*ops.Post).Value {
		case "ask":
			select {
			case text := <-answer: // which another body of this loop would send
				fmt.Println(text)
			case <-time.After(10 * time.Millisecond):
				fmt.Println("no answer")
			}
		case "answer":
			answer <- "too late"
		}
	}
	// Output:
	// no answer
}

func Example_acceptOnce() {
	port, ln, network := listen()
	defer port.Close()
	port.Submit(&ops.Accept{On: ln})
	for range 2 {
		client, err := network.Dial("tcp", "10.0.0.1:7000")
		check(err)
		defer client.Close()
	}

	accept := next(port).(*ops.Accept)
	fmt.Println(accept.Err(), "in flight:", port.Stats().InFlight) // nothing accepts the second client

	port.Submit(accept) // the same operation, again
	fmt.Println(next(port).Err())
	// Output:
	// <nil> in flight: 0
	// <nil>
}

func Example_lateCancel() {
	port, _, _ := pair()
	defer port.Close()
	timer := &ops.Timer{After: time.Millisecond}
	port.Submit(timer)
	ticket := timer.Ticket()
	next(port)

	timer.After = time.Hour
	port.Submit(timer) // the next use
	fmt.Println(port.CancelTicket(ticket))
	fmt.Println(port.Cancel(timer)) // was meant for the first use
	fmt.Println(next(port).Err())
	// Output:
	// false
	// true
	// completion: operation canceled
}

func Example_lostFuture() {
	port, conn, peer := pair()
	defer port.Close()
	pool := port.NewPool(64, 1)

	peer.Write([]byte("hello"))
	port.Start(&ops.Read{From: conn, Pool: pool}) // no Wait: nobody gets the buffer back
	for pool.Lent() == 0 {
		check(port.Await(context.Background(), &ops.Timer{After: time.Millisecond}))
	}
	fmt.Println("lent:", pool.Lent(), "in flight:", port.Stats().InFlight, "queued:", port.Stats().Queued)
	// Output:
	// lent: 1 in flight: 0 queued: 0
}
