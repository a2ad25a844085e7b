package completion_test

import (
	"context"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/completionport/completion"
	"github.com/completionport/completion/ops"
)

func init() {
	steadyStates = append(steadyStates, struct {
		name string
		make func(t *testing.T, p *completion.Port) func()
	}{"Rights", rights})
}

// rights sends a descriptor over a unix stream, and closes the one that arrives.
func rights(t *testing.T, p *completion.Port) func() {
	l, err := p.Listen("unix", filepath.Join(t.TempDir(), "s"))
	must(t, err)
	s, err := p.Socket("unix")
	must(t, err)
	accept, ctx := &ops.Accept{On: l}, context.Background()
	must(t, p.Start(accept))
	must(t, p.Await(ctx, &ops.Connect{On: s, To: l.Addr()}))
	must(t, p.Wait(ctx, accept))
	room := make([]int, 0, 4)
	write := &ops.WriteRights{To: s, Buf: completion.Own(make([]byte, 16)), Rights: completion.Rights{Descriptors: []int{int(os.Stderr.Fd())}}}
	if p.Backend() == "memory" {
		write.Rights = completion.Rights{}
	}
	read := &ops.ReadRights{From: accept.Conn, Buf: completion.Own(make([]byte, 64))}
	return func() {
		read.Rights.Descriptors = room
		must(t, p.Submit(read, write))
		for range 2 {
			_, err := p.Next(ctx)
			must(t, err)
		}
		must(t, read.Err())
		must(t, write.Err())
		if len(read.Rights.Descriptors) != len(write.Rights.Descriptors) {
			t.Fatal(read.Rights)
		}
		for _, fd := range read.Rights.Descriptors {
			syscall.Close(fd)
		}
	}
}
