package docs_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"

	"github.com/completionport/completion"
	"github.com/completionport/completion/ops"
)

func Example_ownBuffer() {
	port, conn, peer := pair()
	defer port.Close()
	peer.Write([]byte("hello"))

	buffer := completion.Own(make([]byte, 4096)) // the program owns it
	read := &ops.Read{From: conn, Buf: buffer}
	port.Submit(read)                                           // the port owns the read and the buffer
	fmt.Println(next(port) == completion.Operation(read))       // delivered: the program owns both
	fmt.Printf("%s %d\n", buffer.Bytes(), len(buffer.Memory())) // the length is N, the memory stays
	// Output:
	// true
	// hello 4096
}

func Example_pooledRead() {
	port, conn, peer := pair()
	defer port.Close()
	pool := port.NewPool(4096, 16)

	read := &ops.Read{From: conn, Pool: pool}
	port.Submit(read)
	fmt.Println("waiting, lent:", pool.Lent())
	peer.Write([]byte("hello"))
	next(port)
	fmt.Printf("%s, lent: %d\n", read.Buf.Bytes(), pool.Lent())
	read.Release() // the read can be submitted again
	fmt.Println("released, lent:", pool.Lent())
	// Output:
	// waiting, lent: 0
	// hello, lent: 1
	// released, lent: 0
}

func Example_passedOn() {
	port, conn, peer := pair()
	defer port.Close()
	pool := port.NewPool(4096, 16)
	peer.Write([]byte("hello"))

	read := &ops.Read{From: conn, Pool: pool}
	check(port.Await(context.Background(), read))
	write := &ops.Write{To: conn, Buf: read.Buf} // the write has the buffer now
	read.Buf = nil                               // so the read may be submitted before the write ends
	check(port.Await(context.Background(), write))
	write.Buf.Release() // once, by the last owner
	fmt.Println("lent:", pool.Lent())
	// Output:
	// lent: 0
}

func Example_sharedBuffer() {
	port, conn, peer := pair()
	defer port.Close()
	pool := port.NewPool(4096, 16)

	news := pool.Take()
	news.Resize(copy(news.Memory(), "news"))
	news.Share() // from now on it can't be changed
	for range 2 {
		port.Submit(&ops.Write{To: conn, Buf: news})
	}
	news.Release() // all writes were submitted, so this may come before they end
	fmt.Println("released, lent:", pool.Lent())
	next(port)
	next(port)
	fmt.Println("delivered, lent:", pool.Lent())

	got := make([]byte, 8)
	io.ReadFull(peer, got)
	fmt.Printf("%s\n", got)
	// Output:
	// released, lent: 1
	// delivered, lent: 0
	// newsnews
}

func Example_bufferAfterError() {
	port, conn, _ := pair()
	defer port.Close()
	pool := port.NewPool(4096, 16)

	read := &ops.Read{From: conn, Pool: pool}
	port.Submit(read)
	conn.Close()
	next(port)
	fmt.Println(errors.Is(read.Err(), net.ErrClosed), read.Buf == nil)
	read.Release() // does nothing: no buffer was delivered
	// Output:
	// true true
}
