//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package completion_test

import (
	"context"
	"fmt"
	"log"
	"os/exec"
	"syscall"

	"github.com/completionport/completion"
	"github.com/completionport/completion/ops"
)

// The exit of a child arrives in the loop of a port.
func Example_process() {
	port, err := completion.Open(nil)
	if err != nil {
		log.Fatal(err)
	}
	defer port.Close()
	child := exec.Command("sh", "-c", "exit 3")
	if err := child.Start(); err != nil {
		log.Fatal(err)
	}
	port.Submit(&ops.Process{Process: child.Process})
	for op := range port.Completions(context.Background()) {
		if process, ok := op.(*ops.Process); ok {
			fmt.Println(process.State, process.Err())
			break
		}
	}
	// Output: exit status 3 <nil>
}

// A server shuts down when a signal asks for it: no goroutine of the program waits for the
// signal.
func ExampleNotify() {
	port, err := completion.Open(nil)
	if err != nil {
		log.Fatal(err)
	}
	signals := completion.Notify(syscall.SIGUSR1)
	defer signals.Stop()
	port.Submit(&ops.Signal{From: signals})
	syscall.Kill(syscall.Getpid(), syscall.SIGUSR1) // as kill(1) does
	for op := range port.Completions(context.Background()) {
		if signal, ok := op.(*ops.Signal); ok && signal.Err() == nil {
			fmt.Println(signal.Signal)
			port.Shutdown(context.Background())
		}
	}
	// Output: user defined signal 1
}
