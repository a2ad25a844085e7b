package completion_test

import (
	"context"
	"errors"
	"io"
	"net"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/completionport/completion"
	"github.com/completionport/completion/ops"
	"github.com/completionport/completion/porttest"
)

// dumpOf returns what a port writes, without the numbers of lines.
func dumpOf(t *testing.T, p *completion.Port) string {
	t.Helper()
	var text strings.Builder
	if err := p.Dump(&text); err != nil {
		t.Fatal(err)
	}
	return regexp.MustCompile(`_test\.go:\d+`).ReplaceAllString(text.String(), "_test.go:N")
}

// checkDump compares what a port writes with lines.
func checkDump(t *testing.T, p *completion.Port, want ...string) {
	t.Helper()
	if got := dumpOf(t, p); got != strings.Join(want, "\n")+"\n" {
		t.Errorf("the port writes\n%s\nwant\n%s", got, strings.Join(want, "\n"))
	}
}

// pending is a bubble with operations that wait for all kinds of things.
type pending struct {
	port     *completion.Port
	socket   *completion.Socket
	peer     net.Conn
	accept   *ops.Accept
	reads    [2]*ops.Read
	borrowed *completion.Buffer
}

// makePending submits the operations, a second apart.
func makePending(t *testing.T, m *completion.Memory, p *completion.Port) *pending {
	s, peer := connection(t, m, p)
	w := &pending{port: p, socket: s, peer: peer}
	pool := p.NewPool(64, 1)
	w.borrowed = pool.Take()
	l, err := p.Listen("tcp", "10.0.0.1:7000")
	if err != nil {
		t.Fatal(err)
	}
	full := &ops.Write{To: s, Buf: completion.Own(make([]byte, 10<<20))}
	full.Timeout = time.Hour
	p.Submit(&ops.Timer{After: time.Minute})
	time.Sleep(time.Second)
	w.accept = &ops.Accept{On: l}
	p.Submit(w.accept)
	time.Sleep(time.Second)
	w.reads[0] = &ops.Read{From: s, Buf: completion.Own(make([]byte, 100)), Full: true}
	w.reads[1] = &ops.Read{From: s, Pool: pool}
	p.Submit(w.reads[0], w.reads[1])
	time.Sleep(time.Second)
	p.Submit(full, &ops.CloseWrite{On: s}, &ops.Borrow{Pool: pool})
	time.Sleep(time.Second)
	p.Submit(&ops.Post{})
	return w
}

func TestDumpInBubble(t *testing.T) {
	bubble(t, func(t *testing.T, m *completion.Memory, p *completion.Port) {
		checkDump(t, p,
			"port on memory: 0 operations in flight",
			"0 complete and not dequeued",
			"0 handles",
			"nobody polls: I/O and deadlines are late until a goroutine waits on the port; 0 goroutines asleep beside the leader")
		w := makePending(t, m, p)
		w.peer.Write(make([]byte, 10))
		p.Next(t.Context()) // the post
		checkDump(t, p,
			"port on memory: 7 operations in flight (1 timer, 1 accept, 2 read, 1 write, 1 closewrite, 1 borrow), by descriptor",
			"  timer, due in 56s: waits for its time",
			"  borrow, 64 bytes of a pool: waits for a buffer of its pool",
			"  accept on descriptor 3 (local 10.0.0.1:7000): waits for a connection",
			"  read on descriptor 4 (local 10.0.0.1:16384, remote 10.0.0.1:16385), 64 bytes of a pool: waits for the read before it",
			"  read on descriptor 4 (local 10.0.0.1:16384, remote 10.0.0.1:16385), room for 100 bytes: waits for data",
			"  write on descriptor 4 (local 10.0.0.1:16384, remote 10.0.0.1:16385), 10485760 bytes, 131072 done, deadline in 59m59s: waits for room to send",
			"  closewrite on descriptor 4 (local 10.0.0.1:16384, remote 10.0.0.1:16385): waits for the write before it",
			"0 complete and not dequeued",
			"pool of 1 buffers of 64 bytes: 1 lent, 1 operation waiting for one",
			"2 handles",
			"nobody polls: I/O and deadlines are late until a goroutine waits on the port; 0 goroutines asleep beside the leader")
		w.borrowed.Release()
	})
}

// pendingWithCallers are the lines about the operations of makePending. by is the line about
// their callers.
func pendingWithCallers(by string) []string {
	return []string{
		"port on memory: 7 operations in flight (2 timer, 2 read, 1 write, 1 closewrite, 1 borrow), oldest first",
		"  timer, submitted 4s ago, due in 56s: waits for its time",
		by,
		"  read on descriptor 4 (local 10.0.0.1:16384, remote 10.0.0.1:16385), room for 100 bytes, submitted 2s ago: waits for data",
		by,
		"  read on descriptor 4 (local 10.0.0.1:16384, remote 10.0.0.1:16385), 64 bytes of a pool, submitted 2s ago: waits for the read before it",
		by,
		"  write on descriptor 4 (local 10.0.0.1:16384, remote 10.0.0.1:16385), 10485760 bytes, 131072 done, submitted 1s ago, deadline in 59m59s: waits for room to send",
		by,
		"  closewrite on descriptor 4 (local 10.0.0.1:16384, remote 10.0.0.1:16385), submitted 1s ago: waits for the write before it",
		by,
		"  borrow, 64 bytes of a pool, submitted 1s ago: waits for a buffer of its pool",
		by,
		"  timer, submitted 0s ago, due in 1h0m0s: waits for its time; a Wait waits for it",
		"    by completion_test.TestDumpCallers.func1.1 (dump_test.go:N)",
		"2 complete and not dequeued, the first is a *ops.Post",
		"pool of 1 buffers of 64 bytes: 1 lent, 1 operation waiting for one",
		"1 handle",
		"the leader is asleep in the poller; 0 goroutines asleep beside the leader",
		"",
	}
}

func TestDumpCallers(t *testing.T) {
	t.Setenv("COMPLETIONDEBUG", "dump=callers")
	bubble(t, func(t *testing.T, m *completion.Memory, p *completion.Port) {
		w := makePending(t, m, p)
		w.accept.On.Close() // its operation has ended, and waits to be dequeued
		ended := make(chan error)
		go func() { ended <- p.Await(context.Background(), &ops.Timer{After: time.Hour}) }()
		synctest.Wait()
		by := "    by completion_test.makePending (dump_test.go:N) from completion_test.TestDumpCallers.func1 (dump_test.go:N) " +
			"from completion_test.bubble.func1 (memory_bubble_test.go:N) from testing/synctest.testingSynctestTest.func1 (testing.go:N)"
		got := regexp.MustCompile(`from \S+ \(testing\.go:\d+\)`).ReplaceAllString(dumpOf(t, p), "from testing/synctest.testingSynctestTest.func1 (testing.go:N)")
		if want := strings.Join(pendingWithCallers(by), "\n"); got != want {
			t.Errorf("the port writes\n%s\nwant\n%s", got, want)
		}
		p.Close()
		if err := <-ended; !errors.Is(err, net.ErrClosed) {
			t.Errorf("error is %v", err)
		}
		w.borrowed.Release()
	})
}

// Every operation that is delivered, refused or submitted again by mistake leaves the
// right entry behind.
func TestDumpCallersForgets(t *testing.T) {
	t.Setenv("COMPLETIONDEBUG", "dump=callers")
	bubble(t, func(t *testing.T, m *completion.Memory, p *completion.Port) {
		timer := &ops.Timer{After: time.Hour}
		p.Submit(timer)
		time.Sleep(time.Second)
		func() {
			defer func() { recover() }()
			p.Submit(timer)
			t.Error("an operation in flight was accepted")
		}()
		if text := dumpOf(t, p); !strings.Contains(text, "submitted 1s ago") {
			t.Errorf("the mistake changed what the port knows of the operation:\n%s", text)
		}
		p.Cancel(timer)
		for i, f := range deliveries(t, p) {
			f()
			if n := completion.Origins(p); n != 0 {
				t.Errorf("%d: the port keeps the callers of %d operations that it does not own", i, n)
			}
		}
	})
}

// deliveries are all ways in which a port delivers an operation, the first of one that is
// complete, or refuses it.
func deliveries(t *testing.T, p *completion.Port) []func() {
	return []func(){
		func() { p.Next(t.Context()) },
		func() { p.Submit(&ops.Post{}); p.NextBatch(t.Context(), make([]completion.Operation, 4)) },
		func() {
			p.Submit(&ops.Post{})
			for range p.Completions(t.Context()) {
				break
			}
		},
		func() { p.Await(t.Context(), &ops.Post{}) },
		func() { post := &ops.Post{}; p.Start(post); p.Wait(t.Context(), post) },
		func() { p.Close(); p.Submit(&ops.Post{}) },
		func() { p.Start(&ops.Post{}) },
		func() { p.Await(t.Context(), &ops.Post{}) },
	}
}

func TestDumpOnEachBackend(t *testing.T) {
	porttest.EachBackend(t, func(t *testing.T, open porttest.Open) {
		t.Setenv("COMPLETIONDEBUG", "dump=callers")
		p, err := open(nil)
		must(t, err)
		l, err := p.Listen("tcp", "127.0.0.1:0")
		must(t, err)
		client, err := net.Dial("tcp", l.Addr().String())
		must(t, err)
		defer client.Close()
		accept := &ops.Accept{On: l}
		must(t, p.Await(t.Context(), accept))
		read := &ops.Read{From: accept.Conn, Buf: completion.Own(make([]byte, 77))}
		read.Timeout = time.Hour
		accept2 := &ops.Accept{On: l}
		must(t, p.Submit(read, accept2))
		text := dumpOf(t, p)
		for _, want := range []string{
			"^port on " + p.Backend() + `: 2 operations in flight \(1 accept, 1 read\), oldest first` + "\n",
			`  read on descriptor \d+ \(local ` + accept.Conn.LocalAddr().String() + ", remote " + client.LocalAddr().String() +
				`\), room for 77 bytes, submitted \S+ ago, deadline in (59m59|1h0m0)\S*s: (waits for data|the system performs it)` + "\n" +
				`    by completion_test\.TestDumpOnEachBackend\.func1 \(dump_test\.go:N\)`,
			`  accept on descriptor \d+ \(local ` + l.Addr().String() + `\), submitted \S+ ago: (waits for a connection|the system performs it)` + "\n",
			"2 handles\n",
		} {
			if !regexp.MustCompile(want).MatchString(text) {
				t.Errorf("the port writes\n%s\nwithout %s", text, want)
			}
		}
		must(t, p.Close())
		if text := dumpOf(t, p); !strings.Contains(text, "0 operations in flight\n2 complete and not dequeued, the first is a *ops.") {
			t.Errorf("after Close the port writes\n%s", text)
		}
	})
}

// brokenWriter fails from the second write on.
type brokenWriter struct{ writes int }

func (w *brokenWriter) Write(b []byte) (int, error) {
	if w.writes++; w.writes > 1 {
		return 0, io.ErrClosedPipe
	}
	return len(b), nil
}

func TestDumpToABrokenWriter(t *testing.T) {
	bubble(t, func(t *testing.T, _ *completion.Memory, p *completion.Port) {
		for range 1000 {
			p.Submit(&ops.Timer{After: time.Hour})
		}
		w := new(brokenWriter)
		if err := p.Dump(w); err != io.ErrClosedPipe || w.writes != 2 {
			t.Errorf("error is %v after %d writes", err, w.writes)
		}
	})
}

// portWriter uses the port while it is written to: no lock is held then.
type portWriter struct {
	port   *completion.Port
	writes int
}

func (w *portWriter) Write(b []byte) (int, error) {
	w.writes++
	timer := &ops.Timer{After: time.Hour}
	w.port.Submit(timer)
	w.port.Cancel(timer)
	return len(b), nil
}

func TestDumpHoldsNoLock(t *testing.T) {
	bubble(t, func(t *testing.T, _ *completion.Memory, p *completion.Port) {
		for range 1000 { // several records, and more than one write
			p.Submit(&ops.Timer{After: time.Hour})
		}
		w := &portWriter{port: p}
		if err := p.Dump(w); err != nil || w.writes < 2 {
			t.Errorf("error is %v after %d writes", err, w.writes)
		}
	})
}

// Dump runs beside everything else that a port does, until the port is closed.
func TestDumpRaces(t *testing.T) {
	for _, debug := range []string{"", "dump=callers"} {
		t.Run(debug, func(t *testing.T) {
			t.Setenv("COMPLETIONDEBUG", debug)
			porttest.EachBackend(t, func(t *testing.T, open porttest.Open) { dumpRaces(t, open) })
			t.Run("memory", func(t *testing.T) {
				var m completion.Memory
				dumpRaces(t, func(*completion.Config) (*completion.Port, error) {
					return completion.Open(&completion.Config{Memory: &m})
				})
			})
		})
	}
}

func dumpRaces(t *testing.T, open porttest.Open) {
	p, err := open(nil)
	must(t, err)
	pool := p.NewPool(64, 1)
	var work sync.WaitGroup
	work.Go(func() { submitAgain(p) })
	l, err := p.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	for range 4 {
		exchange(t, p, l, pool)
		work.Go(func() { cancelAgain(p) })
	}
	for range 100 {
		must(t, p.Dump(io.Discard))
	}
	closed := make(chan bool)
	go func() {
		p.Close()
		close(closed)
	}()
	for open := true; open; {
		must(t, p.Dump(io.Discard))
		select {
		case <-closed:
			open = false
		default:
		}
	}
	work.Wait()
}

// exchange opens a connection, and submits operations that go on for ever.
func exchange(t *testing.T, p *completion.Port, l *completion.Listener, pool *completion.Pool) {
	to, err := p.Dial(t.Context(), "tcp", l.Addr().String())
	must(t, err)
	accept := &ops.Accept{On: l}
	must(t, p.Await(t.Context(), accept))
	p.Submit(&ops.Read{From: accept.Conn, Pool: pool}, &ops.Borrow{Pool: pool},
		&ops.Write{To: to, Buf: completion.Own(make([]byte, 1000))})
}

// cancelAgain starts and cancels an operation until the port is closed.
func cancelAgain(p *completion.Port) {
	timer := &ops.Timer{After: time.Hour}
	for p.Start(timer) == nil {
		p.Cancel(timer)
		p.Wait(context.Background(), timer)
	}
}

// submitAgain submits what a port delivers.
func submitAgain(p *completion.Port) {
	for op := range p.Completions(context.Background()) {
		switch op := op.(type) {
		case *ops.Read:
			op.Release()
		case *ops.Borrow:
			op.Release()
		}
		p.Submit(op)
	}
}

func TestDumpSetting(t *testing.T) {
	t.Setenv("COMPLETIONDEBUG", "dump=core")
	p, err := completion.Open(&completion.Config{Memory: new(completion.Memory)})
	if err == nil {
		p.Close()
		t.Fatal("opened")
	}
	if !strings.Contains(err.Error(), "dump=core") {
		t.Errorf("error is %v", err)
	}
}
