// Misuse uses buffers that belong to the port, one way for each argument, for
// a test that looks at what the race detector says. Each way is a function of
// its own name; "clean" does all of it right.
package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"sync"

	"github.com/completionport/completion"
	"github.com/completionport/completion/ops"
)

var ways = map[string]func(*pair){
	"clean":              clean,
	"writePendingRead":   writePendingRead,
	"readPendingRead":    readPendingRead,
	"changePendingWrite": changePendingWrite,
	"keepReleased":       keepReleased,
	"changeShared":       changeShared,
	"useElsewhere":       useElsewhere,
	"usePerformed":       usePerformed,
	"useAfterManyCalls":  useAfterManyCalls,
}

func main() {
	way := ways[os.Args[1]]
	p := connect()
	defer p.close()
	way(p)
	fmt.Println("done")
}

// pair is a socket of a port and its peer.
type pair struct {
	port   *completion.Port
	socket *completion.Socket
	peer   net.Conn
}

func connect() *pair {
	l := must(net.Listen("tcp4", "127.0.0.1:0"))
	defer l.Close()
	ours := must(net.Dial("tcp4", l.Addr().String()))
	p := &pair{port: must(completion.Open(nil)), peer: must(l.Accept())}
	p.socket = must(p.port.AdoptConn(ours))
	return p
}

func (p *pair) close() {
	p.port.Close()
	p.peer.Close()
}

// receive has the peer send, and dequeues.
func (p *pair) receive(s string) completion.Operation {
	must(p.peer.Write([]byte(s)))
	return p.next()
}

func (p *pair) next() completion.Operation { return must(p.port.Next(context.Background())) }

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func (p *pair) submit(operations ...completion.Operation) {
	if err := p.port.Submit(operations...); err != nil {
		panic(err)
	}
}

// One goroutine does everything: it is the one that makes the call.

func writePendingRead(p *pair) {
	memory := make([]byte, 100)
	p.submit(&ops.Read{From: p.socket, Buf: completion.Own(memory)})
	memory[7] = 'x'
	p.receive("hello")
}

var sink byte

func readPendingRead(p *pair) {
	memory := make([]byte, 100)
	p.submit(&ops.Read{From: p.socket, Buf: completion.Own(memory)})
	sink = memory[99]
	p.receive("hello")
}

func changePendingWrite(p *pair) {
	memory := []byte("hello")
	p.submit(&ops.Write{To: p.socket, Buf: completion.Own(memory)})
	memory[0] = 'j'
	p.next()
}

func keepReleased(p *pair) {
	pool := p.port.NewPool(64, 1)
	rd := &ops.Read{From: p.socket, Pool: pool}
	p.submit(rd)
	p.receive("hello")
	kept := rd.Buf.Bytes()
	rd.Buf.Release()
	sink = kept[0]
}

// The first of two writes is over, and the second is not handed out.
func changeShared(p *pair) {
	memory := []byte("hello")
	b := completion.Own(memory)
	b.Share()
	p.submit(&ops.Write{To: p.socket, Buf: b}, &ops.Write{To: p.socket, Buf: b})
	b.Release()
	p.next()
	memory[0] = 'j'
	p.next()
}

// Another goroutine than that which submits and dequeues.
func useElsewhere(p *pair) {
	memory := make([]byte, 100)
	rd := &ops.Read{From: p.socket, Buf: completion.Own(memory)}
	submitted, used := make(chan struct{}), make(chan struct{})
	go func() {
		<-submitted
		memory[0] = 'x'
		close(used)
	}()
	p.submit(rd)
	close(submitted)
	<-used
	p.receive("hello")
}

// The call is over, made by Submit itself, but nothing was handed out.
func usePerformed(p *pair) {
	memory := make([]byte, len("hello"))
	rd := &ops.Read{From: p.socket, Buf: completion.Own(memory)}
	p.submit(rd)
	p.receive("hello") // all there is room for: the next read tries at once
	p.submit(rd)
	sink = memory[0]
	p.receive("again")
}

// More operations than the detector has slots for goroutines.
func useAfterManyCalls(p *pair) {
	memory := make([]byte, 100)
	rd := &ops.Read{From: p.socket, Buf: completion.Own(memory)}
	for range 1000 {
		p.submit(rd)
		p.receive("hello")
		memory[0]++
	}
	p.submit(rd)
	memory[0]++
	p.receive("hello")
}

// clean hands buffers from one owner to the next in every way there is, with
// two goroutines that dequeue.
func clean(p *pair) {
	pool := p.port.NewPool(64, 2)
	memory := make([]byte, 64)
	own, shared := completion.Own(memory), completion.Own([]byte("shared"))
	for round := range 200 {
		memory[0] = byte(round)
		early := &ops.Read{From: p.socket, Buf: own, Full: true}
		p.submit(early)
		for range 4 {
			must(p.peer.Write(make([]byte, 16)))
			p.submit(&ops.Post{})
			p.next()
		}
		for got := p.next(); got != completion.Operation(early); got = p.next() {
		}
		memory[63]++

		late := &ops.Read{From: p.socket, Pool: pool}
		p.submit(late)
		p.receive("hello")
		late.Buf.Bytes()[0]++
		p.submit(&ops.Write{To: p.socket, Buf: late.Buf})
		p.next()
		late.Buf.Release()

		lent := pool.Take()
		lent.Memory()[0]++
		lent.Release()

		shared.Memory()[0]++
		shared.Share()
		p.submit(&ops.Write{To: p.socket, Buf: shared}, &ops.Write{To: p.socket, Buf: shared})
		shared.Release()
		var both sync.WaitGroup
		both.Go(func() { p.next() })
		both.Go(func() { p.next() })
		both.Wait()
	}
	p.cancelled(memory)
	p.elsewhere(memory)
}

// cancelled uses memory of a read that brought nothing.
func (p *pair) cancelled(memory []byte) {
	rd := &ops.Read{From: p.socket, Buf: completion.Own(memory)}
	p.submit(rd)
	p.port.Cancel(rd)
	p.next()
	memory[0]++
}

// elsewhere lets one goroutine start a read and another end it.
func (p *pair) elsewhere(memory []byte) {
	rd := &ops.Read{From: p.socket, Buf: completion.Own(memory)}
	if err := p.port.Start(rd); err != nil {
		panic(err)
	}
	var waiter sync.WaitGroup
	waiter.Go(func() {
		p.port.Wait(context.Background(), rd)
		memory[0]++
	})
	must(p.peer.Write([]byte("hello")))
	waiter.Wait()
	memory[0]++
}
