//go:build unix

package docs_test

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/completionport/completion"
	"github.com/completionport/completion/ops"
)

func Example_watchPipe() {
	port, err := completion.Open(nil)
	check(err)
	defer port.Close()
	r, w, err := os.Pipe() // as if a C library had made it
	check(err)
	defer r.Close()
	defer w.Close()

	watched, err := port.Watch(r.Fd())
	check(err)
	poll := &ops.Poll{On: watched}
	port.Submit(poll)
	fmt.Println("in flight:", port.Stats().InFlight)
	w.Write([]byte("hello"))
	next(port)
	got := make([]byte, 16)
	n, _ := r.Read(got) // the owner makes the call
	fmt.Printf("%s %v\n", got[:n], poll.Err())
	check(watched.Close()) // before the owner closes r
	// Output:
	// in flight: 1
	// hello <nil>
}

func Example_pollIsNoRead() {
	port, conn, peer := pair()
	defer port.Close()
	peer.Write([]byte("hello"))
	poll := &ops.Poll{On: conn}
	for range 2 { // it moves nothing, so it ends again
		check(port.Await(context.Background(), poll))
	}
	read := &ops.Read{From: conn, Buf: completion.Own(make([]byte, 16))}
	check(port.Await(context.Background(), read))
	fmt.Printf("%s\n", read.Buf.Bytes())
	// Output: hello
}

func Example_watchedTooLong() {
	port, err := completion.Open(nil)
	check(err)
	defer port.Close()
	r, w, err := os.Pipe()
	check(err)
	defer r.Close()
	watched, err := port.Watch(w.Fd())
	check(err)
	r.SetReadDeadline(time.Now().Add(time.Millisecond))
	w.Close() // the duplicate keeps the pipe open: its reader sees no end
	_, err = r.Read(make([]byte, 1))
	fmt.Println(err)
	r.SetReadDeadline(time.Time{})
	watched.Close()
	_, err = r.Read(make([]byte, 1))
	fmt.Println(err)
	// Output:
	// read |0: i/o timeout
	// EOF
}
