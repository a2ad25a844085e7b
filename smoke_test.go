package completion_test

import (
	"context"
	"net"
	"testing"

	"github.com/completionport/completion"
	"github.com/completionport/completion/ops"
)

func TestSmoke(t *testing.T) {
	port, err := completion.Open(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer port.Close()
	ln, err := port.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	pool := port.NewPool(4096, 2)
	port.Submit(&ops.Accept{On: ln})
	go func() {
		c, err := net.Dial("tcp", ln.Addr().String())
		if err != nil {
			t.Error(err)
			return
		}
		buf := make([]byte, 100)
		for i := 0; i < 1000; i++ {
			c.Write([]byte("hello"))
			n, err := c.Read(buf)
			if err != nil || string(buf[:n]) != "hello" {
				t.Error(n, err)
			}
		}
		c.Close()
	}()
	for op := range port.Completions(context.Background()) {
		switch op := op.(type) {
		case *ops.Accept:
			if op.Err() != nil {
				t.Fatal(op.Err())
			}
			port.Submit(&ops.Read{From: op.Conn, Pool: pool})
		case *ops.Read:
			if op.Err() != nil {
				t.Log(op.Err())
				return
			}
			port.Submit(&ops.Write{To: op.From, Buf: op.Buf})
			op.Buf = nil
			port.Submit(op)
		case *ops.Write:
			op.Buf.Release()
		}
	}
}

func TestSmokeAwait(t *testing.T) {
	port, err := completion.Open(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer port.Close()
	ctx := t.Context()
	ln, err := port.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		acc := &ops.Accept{On: ln}
		if err := port.Await(ctx, acc); err != nil {
			t.Error(err)
		}
		rd := &ops.Read{From: acc.Conn, Buf: completion.Own(make([]byte, 100))}
		for port.Await(ctx, rd) == nil {
			if err := port.Await(ctx, &ops.Write{To: acc.Conn, Buf: rd.Buf}); err != nil {
				t.Error(err)
			}
		}
		t.Log(rd.Err())
	}()
	s, err := port.Socket("tcp")
	if err != nil {
		t.Fatal(err)
	}
	if err := port.Await(ctx, &ops.Connect{On: s, To: ln.Addr()}); err != nil {
		t.Fatal(err)
	}
	for range 1000 {
		if err := port.Await(ctx, &ops.Write{To: s, Buf: completion.Own([]byte("hello"))}); err != nil {
			t.Fatal(err)
		}
		rd := &ops.Read{From: s, Buf: completion.Own(make([]byte, 5)), Full: true}
		if err := port.Await(ctx, rd); err != nil {
			t.Fatal(err)
		}
	}
	t.Log(port.Stats())
}
