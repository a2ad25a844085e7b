//go:build unix

package completion_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/completionport/completion"
	"github.com/completionport/completion/ops"
)

// connectedPair returns two ends of a unix stream.
func connectedPair(port *completion.Port, path string) (a, b *completion.Socket) {
	l, err := port.Listen("unix", path)
	if err != nil {
		log.Fatal(err)
	}
	defer l.Close()
	accept, ctx := &ops.Accept{On: l}, context.Background()
	port.Start(accept)
	if a, err = port.Socket("unix"); err != nil {
		log.Fatal(err)
	}
	if err := port.Await(ctx, &ops.Connect{On: a, To: l.Addr()}); err != nil {
		log.Fatal(err)
	}
	if err := port.Wait(ctx, accept); err != nil {
		log.Fatal(err)
	}
	return a, accept.Conn
}

// A process passes an open file to another one.
func ExampleRights() {
	port, err := completion.Open(nil)
	if err != nil {
		log.Fatal(err)
	}
	defer port.Close()
	dir, err := os.MkdirTemp("", "rights")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	a, b := connectedPair(port, filepath.Join(dir, "socket"))
	file, err := os.Create(filepath.Join(dir, "file"))
	if err != nil {
		log.Fatal(err)
	}
	ctx := context.Background()
	port.Await(ctx, &ops.WriteRights{To: a, Buf: completion.Own([]byte("log")), Rights: completion.Rights{Files: []*os.File{file}}})

	read := &ops.ReadRights{From: b, Buf: completion.Own(make([]byte, 100)), Rights: completion.Rights{Descriptors: make([]int, 0, 1)}}
	if err := port.Await(ctx, read); err != nil {
		log.Fatal(err)
	}
	received := os.NewFile(uintptr(read.Rights.Descriptors[0]), string(read.Buf.Bytes()))
	fmt.Fprintf(received, "through the file %q", received.Name())
	received.Close()
	text, _ := os.ReadFile(file.Name())
	fmt.Printf("%s\n", text)
	// Output:
	// through the file "log"
}
