//go:build unix

package docs_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"

	"github.com/completionport/completion"
	"github.com/completionport/completion/ops"
)

// file returns a port with one worker, and a file with 10 bytes. done closes both.
func file() (port *completion.Port, f *completion.File, done func()) {
	port, err := completion.Open(&completion.Config{Memory: new(completion.Memory), Workers: 1})
	check(err)
	dir, err := os.MkdirTemp("", "guide")
	check(err)
	f, err = port.OpenFile(filepath.Join(dir, "file"), os.O_RDWR|os.O_CREATE, 0o600)
	check(err)
	check(port.Await(context.Background(), &ops.WriteAt{To: f, Buf: completion.Own([]byte("0123456789"))}))
	return port, f, func() { port.Close(); os.RemoveAll(dir) }
}

func Example_readAt() {
	port, f, done := file()
	defer done()
	read := &ops.ReadAt{From: f, Buf: completion.Own(make([]byte, 4))}
	for {
		if err := port.Await(context.Background(), read); err == io.EOF {
			break
		}
		fmt.Printf("%s at %d\n", read.Buf.Bytes(), read.Offset)
		read.Offset += int64(read.N())
	}
	check(port.Await(context.Background(), &ops.CloseFile{On: f}))
	err := port.Await(context.Background(), read)
	fmt.Println(errors.Is(err, os.ErrClosed), errors.Is(err, net.ErrClosed))
	// Output:
	// 0123 at 0
	// 4567 at 4
	// 89 at 8
	// true true
}

func Example_workPool() {
	port, f, done := file()
	defer done()
	goOn := make(chan bool)
	work := &ops.Work{Func: func(context.Context) error { <-goOn; return nil }}
	stat := &ops.Stat{On: f}
	port.Submit(work, stat) // the pool has one goroutine, and the function blocks it
	fmt.Println("in flight:", port.Stats().InFlight)
	fmt.Println("cancelled:", port.Cancel(stat)) // it has not begun
	fmt.Println(next(port).Err())
	port.Submit(stat)
	close(goOn)
	next(port)
	next(port)
	fmt.Println(work.Err(), stat.Info.Size())
	// Output:
	// in flight: 2
	// cancelled: true
	// completion: operation canceled
	// <nil> 10
}

func Example_writesInAnyOrder() {
	port, f, done := file()
	defer done()
	first := &ops.WriteAt{To: f, Buf: completion.Own([]byte("first"))}
	second := &ops.WriteAt{To: f, Buf: completion.Own([]byte("other"))}
	port.Submit(first)
	fmt.Println(next(port) == completion.Operation(first)) // only now the order is certain
	port.Submit(second)
	next(port)
	read := &ops.ReadAt{From: f, Buf: completion.Own(make([]byte, 5))}
	check(port.Await(context.Background(), read))
	fmt.Printf("%s\n", read.Buf.Bytes())
	// Output:
	// true
	// other
}
