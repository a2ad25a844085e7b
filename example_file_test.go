//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

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

// A file is written and read at any places at a time. A pooled ReadAt holds a buffer from the
// moment that it begins.
func ExamplePort_OpenFile() {
	port, err := completion.Open(nil)
	if err != nil {
		log.Fatal(err)
	}
	defer port.Close()
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)

	f, err := port.OpenFile(filepath.Join(dir, "file"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		log.Fatal(err)
	}
	hello, file := completion.Own([]byte("hello, ")), completion.Own([]byte("file"))
	port.Submit(&ops.WriteAt{To: f, Buf: hello, Offset: 0}, &ops.WriteAt{To: f, Buf: file, Offset: 7})
	for range 2 { // they end in any order
		if op, err := port.Next(context.Background()); err != nil || op.Err() != nil {
			log.Fatal(err, op)
		}
	}
	read := &ops.ReadAt{From: f, Pool: port.NewPool(4096, 8)}
	stat := &ops.Stat{On: f}
	for _, op := range []completion.Operation{read, stat, &ops.Sync{On: f}, &ops.CloseFile{On: f}} {
		if err := port.Await(context.Background(), op); err != nil {
			log.Fatal(err)
		}
	}
	fmt.Printf("%s: %d bytes\n", read.Buf.Bytes(), stat.Info.Size())
	read.Release()
	// Output:
	// hello, file: 11 bytes
}

// Lines of a log are in the order of their Submits.
func Example_append() {
	port, err := completion.Open(nil)
	if err != nil {
		log.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	open := &ops.OpenFile{Path: filepath.Join(dir, "log"), Flag: os.O_WRONLY | os.O_CREATE | os.O_APPEND, Perm: 0o600}
	if err := port.Await(context.Background(), open); err != nil {
		log.Fatal(err)
	}
	for _, line := range []string{"first\n", "second\n", "third\n"} {
		port.Submit(&ops.Append{To: open.File, Buf: completion.Own([]byte(line))})
	}
	port.Shutdown(context.Background()) // writes what is queued
	content, err := os.ReadFile(open.Path)
	fmt.Print(string(content), err)
	// Output:
	// first
	// second
	// third
	// <nil>
}

// A function that blocks runs beside the loop, and its end comes through the same queue.
func Example_work() {
	port, err := completion.Open(nil)
	if err != nil {
		log.Fatal(err)
	}
	defer port.Close()
	answer := 0
	port.Submit(&ops.Work{Func: func(ctx context.Context) error {
		answer = 42 // the result of something that takes long
		return ctx.Err()
	}})
	op, err := port.Next(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(answer, op.Err())
	// Output: 42 <nil>
}
