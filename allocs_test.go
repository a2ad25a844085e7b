package completion_test

import (
	"context"
	"net"
	"net/netip"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/completionport/completion"
	"github.com/completionport/completion/internal/race"
	"github.com/completionport/completion/ops"
	"github.com/completionport/completion/porttest"
)

// notStrict turns off, until undo, what stands between the port and the system in
// strict mode and allocates.
var notStrict = func() (undo func()) { return func() {} }

// steadyStates are what is done again and again.
var steadyStates = []struct {
	name string
	make func(t *testing.T, p *completion.Port) func()
}{
	{"SubmitAndNext", submitAndNext},
	{"SubmitAndNextBatch", submitAndNextBatch},
	{"SubmitAndCompletions", submitAndCompletions},
	{"EchoThroughTheQueue", func(t *testing.T, p *completion.Port) func() { return queueEcho(t, p, nil) }},
	{"EchoThroughTheQueueLate", func(t *testing.T, p *completion.Port) func() { return queueEcho(t, p, p.NewPool(64, 2)) }},
	{"EchoWithDeadlines", echoWithDeadlines},
	{"Await", func(t *testing.T, p *completion.Port) func() { return awaitEcho(t, p, context.Background(), nil) }},
	{"AwaitLate", awaitEchoLate},
	{"AwaitSameContext", func(t *testing.T, p *completion.Port) func() { return awaitEcho(t, p, t.Context(), nil) }},
	{"NextSameContext", nextSameContext},
	{"CancelAndSetDeadline", cancelAndSetDeadline},
	{"Broadcast", broadcast},
	{"ReadUntil", readLines},
	{"BorrowLate", borrowAndRelease},
	{"FileLate", file},
	{"Datagrams", func(t *testing.T, p *completion.Port) func() { return datagrams(t, p, nil) }},
	{"Messages", func(t *testing.T, p *completion.Port) func() { return messages(t, p, nil) }},
	{"MessagesLate", func(t *testing.T, p *completion.Port) func() { return messages(t, p, p.NewPool(64, 2)) }},
	{"BatchWithControl", controlledBatches},
	{"Batch", func(t *testing.T, p *completion.Port) func() { return batches(t, p, nil) }},
	{"BatchLate", func(t *testing.T, p *completion.Port) func() { return batches(t, p, p.NewPool(64, 40)) }},
	{"DatagramsLate", func(t *testing.T, p *completion.Port) func() { return datagrams(t, p, p.NewPool(64, 2)) }},
}

// The steady state allocates nothing: the port keeps its records, and the
// operations, buffers and contexts are the program's. Under the race detector a pool
// makes a header for each lending.
func TestAllocations(t *testing.T) {
	defer notStrict()()
	porttest.EachBackend(t, func(t *testing.T, open porttest.Open) {
		for _, c := range steadyStates {
			t.Run(c.name, func(t *testing.T) {
				p, err := open(nil)
				if err != nil {
					t.Fatal(err)
				}
				defer p.Close()
				f := c.make(t, p)
				pooled := strings.HasSuffix(c.name, "Late") || c.name == "Broadcast"
				if n := testing.AllocsPerRun(500, f); n != 0 && !(pooled && race.Enabled) {
					t.Errorf("%v allocations per run", n)
				}
			})
		}
	})
}

func awaitEchoLate(t *testing.T, p *completion.Port) func() {
	return awaitEcho(t, p, context.Background(), p.NewPool(64, 2))
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func submitAndNext(t *testing.T, p *completion.Port) func() {
	post, ctx := &ops.Post{}, context.Background()
	return func() {
		must(t, p.Submit(post))
		_, err := p.Next(ctx)
		must(t, err)
	}
}

func submitAndNextBatch(t *testing.T, p *completion.Port) func() {
	batch, into := make([]completion.Operation, 64), make([]completion.Operation, 64)
	for i := range batch {
		batch[i] = &ops.Post{}
	}
	return func() {
		must(t, p.Submit(batch...))
		if n, err := p.NextBatch(context.Background(), into); n != 64 {
			t.Fatal(n, err)
		}
	}
}

func submitAndCompletions(t *testing.T, p *completion.Port) func() {
	post := &ops.Post{}
	return func() {
		must(t, p.Submit(post))
		for range p.Completions(context.Background()) {
			break
		}
	}
}

// loop is a socket of the port and a peer that echoes 16 bytes at a time
// without allocating.
func loop(t *testing.T, p *completion.Port) *completion.Socket {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	must(t, err)
	defer l.Close()
	s, err := p.Socket("tcp4")
	must(t, err)
	must(t, p.Await(context.Background(), &ops.Connect{On: s, To: l.Addr()}))
	peer, err := l.Accept()
	must(t, err)
	done := make(chan struct{})
	go func() {
		defer close(done)
		b := make([]byte, 64)
		for {
			n, err := peer.Read(b)
			if err != nil {
				return
			}
			peer.Write(b[:n])
		}
	}()
	t.Cleanup(func() { peer.Close(); <-done })
	return s
}

// queueEcho makes a round trip by operations that come through the queue; the
// read has to wait for the peer each time.
func queueEcho(t *testing.T, p *completion.Port, pool *completion.Pool) func() {
	s := loop(t, p)
	write := &ops.Write{To: s, Buf: completion.Own(make([]byte, 16))}
	read := &ops.Read{From: s, Pool: pool}
	if pool == nil {
		read.Buf = completion.Own(make([]byte, 64))
	}
	return func() {
		must(t, p.Submit(write))
		must(t, p.Submit(read))
		for range 2 {
			_, err := p.Next(context.Background())
			must(t, err)
		}
		must(t, write.Err())
		must(t, read.Err())
		read.Release()
	}
}

func echoWithDeadlines(t *testing.T, p *completion.Port) func() {
	s := loop(t, p)
	write := &ops.Write{To: s, Buf: completion.Own(make([]byte, 16))}
	read := &ops.Read{From: s, Buf: completion.Own(make([]byte, 64))}
	return func() {
		write.Deadline = completion.After(time.Hour)
		read.Deadline = completion.After(time.Hour)
		must(t, p.Await(context.Background(), write))
		must(t, p.Await(context.Background(), read))
	}
}

func awaitEcho(t *testing.T, p *completion.Port, ctx context.Context, pool *completion.Pool) func() {
	s := loop(t, p)
	write := &ops.Write{To: s, Buf: completion.Own(make([]byte, 16))}
	read := &ops.Read{From: s, Pool: pool}
	if pool == nil {
		read.Buf = completion.Own(make([]byte, 64))
	}
	return func() {
		must(t, p.Await(ctx, write))
		must(t, p.Await(ctx, read))
		read.Release()
	}
}

// nextSameContext has Next really wait, with a context that could end.
func nextSameContext(t *testing.T, p *completion.Port) func() {
	s := loop(t, p)
	write := &ops.Write{To: s, Buf: completion.Own(make([]byte, 16))}
	read := &ops.Read{From: s, Buf: completion.Own(make([]byte, 64))}
	ctx := t.Context()
	return func() {
		must(t, p.Submit(write, read))
		for range 2 {
			_, err := p.Next(ctx)
			must(t, err)
		}
	}
}

func cancelAndSetDeadline(t *testing.T, p *completion.Port) func() {
	s := loop(t, p)
	read := &ops.Read{From: s, Buf: completion.Own(make([]byte, 64))}
	return func() {
		must(t, p.Submit(read))
		p.SetDeadline(read, completion.After(time.Hour))
		ticket := read.Ticket()
		if !p.CancelTicket(ticket) {
			t.Fatal("not in flight")
		}
		_, err := p.Next(context.Background())
		must(t, err)
	}
}

func broadcast(t *testing.T, p *completion.Port) func() {
	pool := p.NewPool(16, 1)
	var writes [4]*ops.Write
	var reads [4]*ops.Read
	for i := range writes {
		s := loop(t, p)
		writes[i] = &ops.Write{To: s}
		reads[i] = &ops.Read{From: s, Buf: completion.Own(make([]byte, 16)), Full: true}
	}
	return func() {
		b := pool.Take()
		b.Share()
		for i, w := range writes {
			w.Buf = b
			must(t, p.Submit(w, reads[i]))
		}
		b.Release()
		for range 2 * len(writes) {
			_, err := p.Next(context.Background())
			must(t, err)
		}
	}
}

// readLines reads one message from the system, and finds another in what it has.
func readLines(t *testing.T, p *completion.Port) func() {
	s := loop(t, p)
	write := &ops.Write{To: s, Buf: completion.Own([]byte("....\r\n........\r\n"))}
	read := &ops.ReadUntil{From: s, Buf: completion.Own(make([]byte, 64)), Delimiter: "\r\n"}
	return func() {
		must(t, p.Submit(write))
		must(t, p.Await(context.Background(), read))
		must(t, p.Await(context.Background(), read))
		_, err := p.Next(context.Background())
		must(t, err)
	}
}

func borrowAndRelease(t *testing.T, p *completion.Port) func() {
	b, ctx := &ops.Borrow{Pool: p.NewPool(64, 1)}, context.Background()
	return func() {
		must(t, p.Await(ctx, b))
		b.Release()
	}
}

// openFile opens a new file, which the port closes.
func openFile(t *testing.T, p *completion.Port) *completion.File {
	temp, err := os.CreateTemp("", "completion")
	must(t, err)
	f, err := p.AdoptFile(temp)
	must(t, err)
	t.Cleanup(func() { os.Remove(f.Name()) }) // the port has closed it
	must(t, p.Await(context.Background(), &ops.WriteAt{To: f, Buf: completion.Own(make([]byte, 200<<10))}))
	return f
}

// file reads what Submit can read, reads what a goroutine of the work pool must read, also
// into a buffer of a pool, and writes.
func file(t *testing.T, p *completion.Port) func() {
	f := openFile(t, p)
	all := []completion.Operation{
		&ops.ReadAt{From: f, Buf: completion.Own(make([]byte, 4<<10))},
		&ops.ReadAt{From: f, Buf: completion.Own(make([]byte, 100<<10))},
		&ops.WriteAt{To: f, Buf: completion.Own(make([]byte, 4<<10)), Offset: 8 << 10},
		&ops.Append{To: f, Buf: completion.Own(make([]byte, 1))},
	}
	pooled := &ops.ReadAt{From: f, Pool: p.NewPool(512, 1)}
	return func() {
		for _, op := range all {
			must(t, p.Submit(op))
		}
		for range all {
			op, err := p.Next(context.Background())
			must(t, err)
			must(t, op.Err())
		}
		must(t, p.Await(context.Background(), pooled))
		pooled.Release()
	}
}

// What a port keeps after a burst is its records, 64 bytes for each operation that was in
// flight, and 16 bytes for each deadline that has not passed, cancelled or not. Those of
// the next burst are the same.
func TestKeptAfterBurst(t *testing.T) {
	const n = 50_000
	p, err := completion.Open(nil)
	must(t, err)
	defer p.Close()
	before := heapInUse()
	for range 2 {
		burst(t, p, n)
		if kept := heapInUse() - before; kept < n*60 || kept > n*90 {
			t.Errorf("%d bytes are kept for each of %d timers", kept/n, n)
		}
	}
	runtime.KeepAlive(p)
}

// burst has n timers in flight, cancels them, and takes them out.
func burst(t *testing.T, p *completion.Port, n int) {
	timers := make([]ops.Timer, n)
	for i := range timers {
		timers[i].After = time.Hour
		must(t, p.Submit(&timers[i]))
	}
	for i := range timers {
		p.Cancel(&timers[i])
	}
	for range timers {
		_, err := p.Next(context.Background())
		must(t, err)
	}
}

func heapInUse() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// datagrams makes a round trip between two sockets: each ReadFrom has to wait.
func datagrams(t *testing.T, p *completion.Port, pool *completion.Pool) func() {
	if !allocatesNothingForDatagrams {
		t.Skip("package unix makes an address for each datagram")
	}
	a, err := p.ListenPacket("udp4", "127.0.0.1:0")
	must(t, err)
	b, err := p.ListenPacket("udp", "[::]:0")
	must(t, err)
	port := b.LocalAddr().(*net.UDPAddr).AddrPort().Port()
	write := &ops.WriteTo{To: a, Buf: completion.Own(make([]byte, 16)), Addr: netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), port)}
	read := &ops.ReadFrom{From: b, Pool: pool}
	if pool == nil {
		read.Buf = completion.Own(make([]byte, 64))
	}
	back := &ops.WriteTo{To: b, Buf: completion.Own(make([]byte, 16))}
	answer := &ops.ReadFrom{From: a, Buf: completion.Own(make([]byte, 64))}
	ctx := context.Background()
	return func() {
		must(t, p.Submit(read, write))
		for range 2 {
			_, err := p.Next(ctx)
			must(t, err)
		}
		must(t, read.Err())
		back.Addr = read.Addr
		read.Release()
		must(t, p.Await(ctx, back))
		must(t, p.Await(ctx, answer))
	}
}

// batches sends and receives datagrams, on Linux more than one system call moves.
func batches(t *testing.T, p *completion.Port, pool *completion.Pool) func() {
	if !allocatesNothingForDatagrams {
		t.Skip("package unix makes an address for each datagram")
	}
	s, err := p.ListenPacket("udp4", "127.0.0.1:0")
	must(t, err)
	n := 4 // a call for each
	if runtime.GOOS == "linux" {
		n = 40
	}
	write := &ops.WriteBatch{To: s, Messages: make([]ops.Message, n)}
	read := &ops.ReadBatch{From: s, Messages: make([]ops.Message, n), Pool: pool}
	for i := range write.Messages {
		write.Messages[i] = ops.Message{Buf: completion.Own(make([]byte, 16)), Addr: s.LocalAddr().(*net.UDPAddr).AddrPort()}
		if pool == nil {
			read.Messages[i].Buf = completion.Own(make([]byte, 64))
		}
	}
	ctx := context.Background()
	return func() {
		must(t, p.Await(ctx, write))
		for got := 0; got < n; got += read.Count {
			must(t, p.Await(ctx, read))
			read.Release()
		}
	}
}

// allocatesNothingForDatagrams is false on the BSDs.
var allocatesNothingForDatagrams = runtime.GOOS == "linux" || runtime.GOOS == "windows"
