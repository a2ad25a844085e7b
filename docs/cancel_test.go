package docs_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/completionport/completion"
	"github.com/completionport/completion/ops"
)

func Example_cancel() {
	port, conn, peer := pair()
	defer port.Close()

	read := &ops.Read{From: conn, Buf: completion.Own(make([]byte, 64))}
	port.Submit(read)
	fmt.Println("requested:", port.Cancel(read))
	fmt.Println(next(port).Err())

	peer.Write([]byte("hello")) // the connection and its data are as before
	fmt.Println(port.Await(context.Background(), read), read.N())
	// Output:
	// requested: true
	// completion: operation canceled
	// <nil> 5
}

func Example_cancelTooLate() {
	port, _, _ := pair()
	defer port.Close()

	post := new(ops.Post)
	port.Submit(post)
	fmt.Println("requested:", port.Cancel(post)) // it is complete, and not delivered yet
	fmt.Println(next(port).Err())
	// Output:
	// requested: false
	// <nil>
}

func Example_deadlines() {
	port, conn, _ := pair()
	defer port.Close()

	read := &ops.Read{From: conn, Buf: completion.Own(make([]byte, 64))}
	read.Timeout = time.Hour // from each Submit
	port.Submit(read)
	port.SetDeadline(read, completion.After(time.Millisecond)) // replaces it for this use
	err := next(port).Err()
	fmt.Println(err, errors.Is(err, os.ErrDeadlineExceeded))
	// Output:
	// i/o timeout true
}

func Example_awaitContext() {
	port, conn, _ := pair()
	defer port.Close()

	ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
	defer cancel()
	read := &ops.Read{From: conn, Buf: completion.Own(make([]byte, 64))}
	err := port.Await(ctx, read)
	fmt.Println(errors.Is(err, completion.ErrCanceled), errors.Is(err, context.DeadlineExceeded))
	fmt.Println(read.Buf.Len()) // the program owns the buffer again
	// Output:
	// true true
	// 0
}

func Example_cutShort() {
	port, conn, peer := pair()
	defer port.Close()

	first := &ops.Write{To: conn, Buf: completion.Own(make([]byte, 1<<20))}
	second := &ops.Write{To: conn, Buf: completion.Own([]byte("second"))}
	port.Submit(first, second)
	port.Cancel(first) // the peer has not read: a part of the first message is sent

	next(port)
	next(port)
	fmt.Println(first.Err(), first.N() > 0 && first.N() < 1<<20)
	fmt.Println(second.Err(), second.N())
	conn.Close() // the peer can't know where the next message begins
	got, _ := io.ReadAll(peer)
	fmt.Println(len(got) == first.N())
	// Output:
	// completion: operation canceled true
	// completion: write aborted: an earlier write ended after some of its bytes 0
	// true
}

func Example_goOn() {
	port, conn, peer := pair()
	defer port.Close()
	message := make([]byte, 1<<20)

	write := &ops.Write{To: conn, Buf: completion.Own(message)}
	port.Submit(write)
	port.Cancel(write)
	next(port) // delivered: the direction is not broken any more

	sent := write.N() // exact here; on Windows a lower bound
	write.Buf.Set(message[sent:])
	port.Submit(write)
	got := make([]byte, len(message))
	done := make(chan error)
	go func() {
		_, err := io.ReadFull(peer, got)
		done <- err
	}()
	fmt.Println(next(port).Err(), sent+write.N() == len(message), <-done)
	// Output:
	// <nil> true <nil>
}
