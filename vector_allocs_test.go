package completion_test

import (
	"context"
	"os"
	"runtime"
	"testing"

	"github.com/completionport/completion"
	"github.com/completionport/completion/internal/race"
	"github.com/completionport/completion/ops"
	"github.com/completionport/completion/porttest"
)

// Calls with several parts allocate nothing, either: what describes them to the system is in
// the stack frame of the call, and in a sync.Pool, which the race detector empties at random.
// On macOS and OpenBSD it is on the heap.
func TestAllocationsOfVectors(t *testing.T) {
	if race.Enabled || runtime.GOOS == "darwin" || runtime.GOOS == "openbsd" {
		t.Skip("something is allocated")
	}
	defer notStrict()()
	porttest.EachBackend(t, func(t *testing.T, open porttest.Open) {
		for name, make := range map[string]func(*testing.T, *completion.Port) func(){
			"Gathered":          gatheredEcho,
			"Vectors":           vectorEcho,
			"SendFile":          fileEcho,
			"SendFileOfThePort": portFileEcho,
		} {
			t.Run(name, func(t *testing.T) {
				p, err := open(nil)
				must(t, err)
				defer p.Close()
				if n := testing.AllocsPerRun(500, make(t, p)); n != 0 {
					t.Errorf("%v allocations per run", n)
				}
			})
		}
	})
}

// gatheredEcho makes a round trip of writes that are queued together.
func gatheredEcho(t *testing.T, p *completion.Port) func() {
	s := loop(t, p)
	var all []completion.Operation
	for range 7 {
		all = append(all, &ops.Write{To: s, Buf: completion.Own(make([]byte, 4))})
	}
	all = append(all, &ops.Read{From: s, Buf: completion.Own(make([]byte, 28)), Full: true})
	return func() {
		must(t, p.Submit(all...))
		for range all {
			_, err := p.Next(context.Background())
			must(t, err)
		}
	}
}

// vectorEcho makes a round trip of operations with several buffers.
func vectorEcho(t *testing.T, p *completion.Port) func() {
	s := loop(t, p)
	var out, in []*completion.Buffer
	for range 16 {
		out = append(out, completion.Own(make([]byte, 1)))
		in = append(in, completion.Own(make([]byte, 1)))
	}
	write, read := &ops.WriteV{To: s, Bufs: out}, &ops.ReadV{From: s, Bufs: in, Full: true}
	return func() {
		must(t, p.Await(context.Background(), write))
		must(t, p.Await(context.Background(), read))
	}
}

// fileEcho makes a round trip of a part of a file.
func fileEcho(t *testing.T, p *completion.Port) func() {
	f := fileOfBytes(t)
	return sendAndReceive(t, p, &ops.SendFile{File: f, Offset: 2, Count: 16})
}

// portFileEcho is fileEcho with a file of the port.
func portFileEcho(t *testing.T, p *completion.Port) func() {
	f, err := p.OpenFile(fileOfBytes(t).Name(), os.O_RDONLY, 0)
	must(t, err)
	t.Cleanup(func() { f.Close() })
	return sendAndReceive(t, p, &ops.SendFile{From: f, Offset: 2, Count: 16})
}

// fileOfBytes is not in a folder of t: under Wine, that is not removed.
func fileOfBytes(t *testing.T) *os.File {
	f, err := os.CreateTemp("", "completion")
	must(t, err)
	t.Cleanup(func() { f.Close(); os.Remove(f.Name()) })
	_, err = f.WriteString("a file with some bytes")
	must(t, err)
	return f
}

func sendAndReceive(t *testing.T, p *completion.Port, write *ops.SendFile) func() {
	s := loop(t, p)
	write.To = s
	read := &ops.Read{From: s, Buf: completion.Own(make([]byte, 16)), Full: true}
	return func() {
		must(t, p.Await(context.Background(), write))
		must(t, p.Await(context.Background(), read))
	}
}
