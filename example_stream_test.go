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
