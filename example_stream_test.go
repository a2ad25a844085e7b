//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package completion_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"os/exec"

	"github.com/completionport/completion"
	"github.com/completionport/completion/ops"
)

// The output of a child arrives in a loop of the port, as the bytes of a connection do.
func ExamplePort_AdoptStream() {
	port, err := completion.Open(nil)
	if err != nil {
		log.Fatal(err)
	}
	defer port.Close()
	child := exec.Command("echo", "hello")
	output, err := child.StdoutPipe()
	if err != nil {
		log.Fatal(err)
	}
	stream, err := port.AdoptStream(output.(*os.File))
	if err != nil {
		log.Fatal(err)
	}
	if err := child.Start(); err != nil {
		log.Fatal(err)
	}
	read := &ops.Read{From: stream, Pool: port.NewPool(4096, 1)}
	for port.Await(context.Background(), read) == nil {
		fmt.Printf("%s", read.Buf.Bytes())
		read.Release()
	}
	fmt.Println(read.Err(), child.Wait())
	// Output:
	// hello
	// EOF <nil>
}

// A library keeps a descriptor and makes the calls. The port reports when a call would not
// wait. Here the library is package os, and the descriptor is a pipe.
func ExamplePort_Watch() {
	port, err := completion.Open(nil)
	if err != nil {
		log.Fatal(err)
	}
	defer port.Close()
	r, w, err := os.Pipe()
	if err != nil {
		log.Fatal(err)
	}
	defer r.Close()
	raw, err := r.SyscallConn()
	if err != nil {
		log.Fatal(err)
	}
	var watched *completion.Socket
	raw.Control(func(fd uintptr) { watched, err = port.Watch(fd) })
	if err != nil {
		log.Fatal(err)
	}
	poll := &ops.Poll{On: watched}
	port.Submit(poll)
	fmt.Fprint(w, "hello")
	w.Close()
	if _, err := port.Next(context.Background()); err != nil || poll.Err() != nil {
		log.Fatal(err, poll.Err())
	}
	bytes := make([]byte, 8)
	n, err := r.Read(bytes) // does not wait
	fmt.Println(string(bytes[:n]), err)
	watched.Close()
	// Output: hello <nil>
}
