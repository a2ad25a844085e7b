//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package completion_test

// The examples run where a backend is.

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"time"

	"github.com/completionport/completion"
	"github.com/completionport/completion/ops"
)

// serve echoes on every connection, all of them on one goroutine. It returns
// when the port is closed. The README shows the same function.
func serve(port *completion.Port, ln *completion.Listener) {
	pool := port.NewPool(16<<10, 256)
	port.Submit(&ops.Accept{On: ln})
	for op := range port.Completions(context.Background()) {
		switch op := op.(type) {
		case *ops.Accept:
			var failure *net.OpError
			switch err := op.Err(); {
			case err == nil:
				port.Submit(&ops.Read{From: op.Conn, Pool: pool}, op)
			case errors.As(err, &failure) && failure.Temporary(): // no descriptor or memory left
				port.Submit(&ops.Timer{After: time.Second / 10, Op: completion.Op{Value: op}})
			default:
				return
			}
		case *ops.Timer:
			port.Submit(op.Value.(*ops.Accept))
		case *ops.Read:
			if op.Err() != nil {
				op.From.Close()
				continue
			}
			port.Submit(&ops.Write{To: op.From, Buf: op.Buf, Op: completion.Op{Deadline: completion.After(time.Minute)}})
		case *ops.Write:
			op.Buf.Release()
			if op.Err() != nil {
				op.To.Close() // the next Read ends with net.ErrClosed
			}
			port.Submit(&ops.Read{From: op.To, Pool: pool})
		}
	}
}

// An echo server in queue style: one goroutine takes whatever is finished and
// submits what comes next.
func Example() {
	port, err := completion.Open(nil)
	if err != nil {
		log.Fatal(err)
	}
	ln, err := port.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	addr := ln.Addr().String()
	served := make(chan struct{})
	go func() { serve(port, ln); close(served) }()

	client, err := net.Dial("tcp", addr)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Fprint(client, "hello, port")
	client.(*net.TCPConn).CloseWrite()
	answer, err := io.ReadAll(client)
	client.Close()
	fmt.Printf("%s %v\n", answer, err)

	port.Close()
	<-served
	// Output: hello, port <nil>
}

// Await style: a goroutine for each connection, straight from top to bottom.
// The port is the client here and connects to a server of package net.
func ExamplePort_Await() {
	server, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	defer server.Close()
	go func() { // echoes
		if c, err := server.Accept(); err == nil {
			io.Copy(c, c)
			c.Close()
		}
	}()

	port, err := completion.Open(nil)
	if err != nil {
		log.Fatal(err)
	}
	defer port.Close()
	ctx := context.Background()
	conn, err := port.Socket("tcp")
	if err != nil {
		log.Fatal(err)
	}
	if err := port.Await(ctx, &ops.Connect{On: conn, To: server.Addr()}); err != nil {
		log.Fatal(err)
	}
	if err := port.Await(ctx, &ops.Write{To: conn, Buf: completion.Own([]byte("ping"))}); err != nil {
		log.Fatal(err)
	}
	read := &ops.Read{From: conn, Buf: completion.Own(make([]byte, 4)), Full: true}
	if err := port.Await(ctx, read); err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s\n", read.Buf.Bytes())
	port.Await(ctx, &ops.CloseWrite{On: conn})
	read.Full = false
	fmt.Println(port.Await(ctx, read))
	// Output:
	// ping
	// EOF
}

// An operation that was started is its own future.
func ExamplePort_Start() {
	port, err := completion.Open(nil)
	if err != nil {
		log.Fatal(err)
	}
	defer port.Close()
	timer := &ops.Timer{After: time.Millisecond}
	if err := port.Start(timer); err != nil {
		log.Fatal(err)
	}
	fmt.Println("something else meanwhile")
	fmt.Println(port.Wait(context.Background(), timer))
	// Output:
	// something else meanwhile
	// <nil>
}

// Timers come out of the queue in the order of their time, and Post brings a
// message to whoever dequeues it.
func ExamplePort_Completions() {
	port, err := completion.Open(nil)
	if err != nil {
		log.Fatal(err)
	}
	later := &ops.Timer{After: 20 * time.Millisecond}
	later.Value = "later"
	soon := &ops.Timer{After: time.Millisecond}
	soon.Value = "soon"
	now := new(ops.Post)
	now.Value = "now"
	port.Submit(later, soon, now)

	for op := range port.Completions(context.Background()) {
		switch op := op.(type) {
		case *ops.Post:
			fmt.Println(op.Value)
		case *ops.Timer:
			fmt.Println(op.Value)
			if op == later {
				port.Close() // ends the loop
			}
		}
	}
	// Output:
	// now
	// soon
	// later
}

// A canceller that may come late holds a ticket: it names one use of the
// operation and never hits the next.
func ExamplePort_CancelTicket() {
	port, err := completion.Open(nil)
	if err != nil {
		log.Fatal(err)
	}
	defer port.Close()
	ctx := context.Background()

	timer := &ops.Timer{After: time.Hour}
	port.Start(timer)
	first := timer.Ticket()
	fmt.Println("cancelled:", port.CancelTicket(first))
	err = port.Wait(ctx, timer)
	fmt.Println(errors.Is(err, completion.ErrCanceled), errors.Is(err, context.Canceled))

	timer.After = 0
	port.Start(timer)
	fmt.Println("cancelled:", port.CancelTicket(first)) // that use is over
	fmt.Println(port.Wait(ctx, timer))
	// Output:
	// cancelled: true
	// true true
	// cancelled: false
	// <nil>
}

// A deadline belongs to the operation. It ends it without any goroutine or
// context, and can be moved while the operation is in flight.
func ExamplePort_SetDeadline() {
	port, err := completion.Open(nil)
	if err != nil {
		log.Fatal(err)
	}
	defer port.Close()
	timer := &ops.Timer{After: time.Hour}
	timer.Deadline = completion.After(time.Minute)
	port.Start(timer)
	fmt.Println("moved:", port.SetDeadline(timer, completion.After(time.Millisecond)))
	fmt.Println(port.Wait(context.Background(), timer))
	// Output:
	// moved: true
	// i/o timeout
}

// A broadcast: a shared buffer is frozen, and any number of writes send its
// bytes. It is the caller's again when the last of them was delivered.
func ExampleBuffer_Share() {
	port, err := completion.Open(nil)
	if err != nil {
		log.Fatal(err)
	}
	defer port.Close()
	ln, err := port.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	news := completion.Own([]byte("news"))
	news.Share()
	var clients [3]net.Conn
	for i := range clients {
		if clients[i], err = net.Dial("tcp", ln.Addr().String()); err != nil {
			log.Fatal(err)
		}
		accept := &ops.Accept{On: ln}
		if err := port.Await(context.Background(), accept); err != nil {
			log.Fatal(err)
		}
		port.Submit(&ops.Write{To: accept.Conn, Buf: news})
	}
	for range clients {
		op, err := port.Next(context.Background())
		if err != nil {
			log.Fatal(err)
		}
		op.(*ops.Write).To.Close()
	}
	news.Release()
	for _, c := range clients {
		got, err := io.ReadAll(c)
		fmt.Printf("%s %v\n", got, err)
		c.Close()
	}
	// Output:
	// news <nil>
	// news <nil>
	// news <nil>
}

// Shutdown ends a server: no new operations, the writes that are queued are sent, and
// the loop over the completions ends.
func ExamplePort_Shutdown() {
	port, err := completion.Open(nil)
	if err != nil {
		log.Fatal(err)
	}
	ln, err := port.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	served := make(chan struct{})
	go func() { serve(port, ln); close(served) }()
	client, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		log.Fatal(err)
	}
	fmt.Fprint(client, "last words")
	answer := make([]byte, 10)
	io.ReadFull(client, answer)
	fmt.Printf("%s\n", answer)

	// In a program: <-ctx.Done() of a signal.NotifyContext.
	patience, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	fmt.Println("all writes sent:", port.Shutdown(patience) == nil)
	<-served
	rest, _ := io.ReadAll(client) // the end of the stream
	fmt.Println(len(rest), "bytes more")
	client.Close()
	// Output:
	// last words
	// all writes sent: true
	// 0 bytes more
}

// A program that answers from buffers of a pool waits for one with a Borrow where Take
// has none to spare.
func Example_borrow() {
	port, err := completion.Open(nil)
	if err != nil {
		log.Fatal(err)
	}
	defer port.Close()
	pool := port.NewPool(16, 1)
	answer := pool.Take()
	fmt.Println(pool.Take() == nil)

	next := &ops.Borrow{Pool: pool, Op: completion.Op{Timeout: time.Minute}}
	port.Submit(next)
	answer.Release()
	port.Next(context.Background())
	fmt.Println(next.Buf.Len(), next.Err())
	next.Release()
	// Output:
	// true
	// 16 <nil>
}
