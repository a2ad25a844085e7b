package bench

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/completionport/completion"
	"github.com/completionport/completion/ops"
)

// BenchmarkMemory measures the engine alone: messages between sockets of one port on a
// completion.Memory, so that no kernel takes part. With -cpu 1,2 it shows the effect of a
// second processor, and with -mutexprofile what the goroutines wait for. A message is a
// write and a read. In workers there are as many goroutines in Completions as processors;
// in await there is one goroutine for each socket.
func BenchmarkMemory(b *testing.B) {
	for _, pairs := range []int{64, 1000} {
		b.Run(fmt.Sprintf("workers/pairs=%d", pairs), func(b *testing.B) { inMemory(b, pairs, workers) })
		b.Run(fmt.Sprintf("await/pairs=%d", pairs), func(b *testing.B) { inMemory(b, pairs, awaiters) })
	}
}

// side is one socket of a pair. The two send one message back and forth.
type side struct {
	ops.Read
	ops.Write
}

// messages counts the messages that are still to be sent.
type messages struct{ left atomic.Int64 }

// another reports whether one more message is to be sent.
func (m *messages) another() bool { return m.left.Add(-1) >= 0 }

// inMemory makes pairs of sockets. run sends b.N messages between them.
func inMemory(b *testing.B, pairs int, run func(*testing.B, *completion.Port, []*side, *messages)) {
	var network completion.Memory
	port, err := completion.Open(&completion.Config{Memory: &network})
	if err != nil {
		b.Fatal(err)
	}
	defer port.Close()
	l, err := port.Listen("tcp", "10.0.0.1:7000")
	if err != nil {
		b.Fatal(err)
	}
	var sides []*side
	for range pairs {
		conn, err := port.Socket("tcp")
		if err != nil {
			b.Fatal(err)
		}
		accept := &ops.Accept{On: l}
		port.Start(accept)
		if err := port.Await(context.Background(), &ops.Connect{On: conn, To: l.Addr()}); err != nil {
			b.Fatal(err)
		}
		if err := port.Wait(context.Background(), accept); err != nil {
			b.Fatal(err)
		}
		sides = append(sides, newSide(conn), newSide(accept.Conn))
	}
	m := new(messages)
	m.left.Store(int64(b.N))
	b.ResetTimer()
	run(b, port, sides, m)
	b.StopTimer()
}

func newSide(s *completion.Socket) *side {
	one := &side{
		Read:  ops.Read{From: s, Buf: completion.Own(make([]byte, 64))},
		Write: ops.Write{To: s, Buf: completion.Own(make([]byte, 64))},
	}
	one.Read.Value, one.Write.Value = one, one
	return one
}

// workers serves all sockets from the queue. Every second socket sends first.
func workers(b *testing.B, port *completion.Port, sides []*side, m *messages) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var running atomic.Int64
	for i, s := range sides {
		if i%2 == 1 {
			port.Submit(&s.Read)
		} else if m.another() {
			running.Add(1)
			port.Submit(&s.Write)
		}
	}
	var all sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		all.Go(func() {
			for op := range port.Completions(ctx) {
				if op.Err() != nil {
					b.Error(op.Err())
				}
				switch op := op.(type) {
				case *ops.Write:
					port.Submit(&op.Value.(*side).Read)
				case *ops.Read:
					if m.another() {
						port.Submit(&op.Value.(*side).Write)
					} else if running.Add(-1) == 0 {
						cancel()
					}
				}
			}
		})
	}
	all.Wait()
}

// awaiters serves each socket with a goroutine of its own.
func awaiters(b *testing.B, port *completion.Port, sides []*side, m *messages) {
	ctx := context.Background()
	var all sync.WaitGroup
	for i, s := range sides {
		all.Go(func() {
			send := i%2 == 0
			for {
				if send && !m.another() {
					s.From.Close() // the other side reads the end of the stream, and closes, too
					return
				}
				if send && port.Await(ctx, &s.Write) != nil {
					return
				}
				send = true
				if port.Await(ctx, &s.Read) != nil {
					s.From.Close()
					return
				}
			}
		})
	}
	all.Wait()
}
