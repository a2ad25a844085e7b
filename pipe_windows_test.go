package completion_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/completionport/completion"
	"github.com/completionport/completion/ops"
	"golang.org/x/sys/windows"
)

var pipes atomic.Int32

// pipeName returns a name that no other test uses.
func pipeName() string {
	return fmt.Sprintf(`\\.\pipe\completion-test-%d-%d`, os.Getpid(), pipes.Add(1))
}

func openPort(t *testing.T) *completion.Port {
	t.Helper()
	p, err := completion.Open(nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return p
}

// pipeEnds connects two sockets of a port by a pipe.
func pipeEnds(t *testing.T, p *completion.Port) (client, server *completion.Socket) {
	t.Helper()
	l, err := p.Listen("pipe", pipeName())
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	client, err = p.Dial(t.Context(), "pipe", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	accept := &ops.Accept{On: l}
	if err := p.Await(t.Context(), accept); err != nil {
		t.Fatal(err)
	}
	return client, accept.Conn
}

func send(t *testing.T, p *completion.Port, to *completion.Socket, s string) {
	t.Helper()
	if err := p.Await(t.Context(), &ops.Write{To: to, Buf: completion.Own([]byte(s))}); err != nil {
		t.Fatal(err)
	}
}

func TestPipeEcho(t *testing.T) {
	p := openPort(t)
	client, server := pipeEnds(t, p)
	pool := p.NewPool(100, 1)
	for _, ends := range [][2]*completion.Socket{{client, server}, {server, client}} {
		pooled := &ops.Read{From: ends[1], Pool: pool}
		if err := p.Start(pooled); err != nil {
			t.Fatal(err)
		}
		send(t, p, ends[0], "hello")
		if err := p.Wait(t.Context(), pooled); err != nil || string(pooled.Buf.Bytes()) != "hello" {
			t.Fatalf("%v, %q", err, pooled.Buf.Bytes())
		}
		pooled.Release()
		send(t, p, ends[0], "good")
		send(t, p, ends[0], "bye")
		full := &ops.Read{From: ends[1], Buf: completion.Own(make([]byte, 7)), Full: true}
		if err := p.Await(t.Context(), full); err != nil || string(full.Buf.Bytes()) != "goodbye" {
			t.Fatalf("%v, %q", err, full.Buf.Bytes())
		}
	}
	if client.LocalAddr() != client.RemoteAddr() || server.LocalAddr() != client.RemoteAddr() || client.LocalAddr().Network() != "pipe" {
		t.Errorf("addresses %v, %v", client.LocalAddr(), server.RemoteAddr())
	}
}

// What was written before a close is read before the end of the stream, and a write without a
// reader ends with EPIPE.
func TestPipeEnd(t *testing.T) {
	p := openPort(t)
	client, server := pipeEnds(t, p)
	waiting := &ops.Read{From: client, Buf: completion.Own(make([]byte, 8))}
	if err := p.Start(waiting); err != nil {
		t.Fatal(err)
	}
	send(t, p, server, "last")
	server.Close()
	if err := p.Wait(t.Context(), waiting); err != nil || string(waiting.Buf.Bytes()) != "last" {
		t.Fatalf("%v, %q", err, waiting.Buf.Bytes())
	}
	for _, pool := range []*completion.Pool{nil, p.NewPool(8, 1)} {
		read := &ops.Read{From: client, Pool: pool}
		if pool == nil {
			read.Buf = completion.Own(make([]byte, 8))
		}
		if err := p.Await(t.Context(), read); err != io.EOF {
			t.Errorf("%v", err)
		}
	}
	err := p.Await(t.Context(), &ops.Write{To: client, Buf: completion.Own([]byte("x"))})
	if !errors.Is(err, syscall.EPIPE) {
		t.Errorf("write: %v", err)
	}
}

func TestPipeUnsupported(t *testing.T) {
	p := openPort(t)
	client, _ := pipeEnds(t, p)
	for _, err := range []error{
		p.Await(t.Context(), &ops.CloseWrite{On: client}),
		client.SetNoDelay(true), client.SetKeepAlive(time.Second), client.SetReadBuffer(1), client.SetWriteBuffer(1),
		client.SetResetOnClose(true),
		func() error {
			_, err := completion.ListenConfig{ReusePort: true}.Listen(p, "pipe", pipeName())
			return err
		}(),
	} {
		if !errors.Is(err, errors.ErrUnsupported) {
			t.Errorf("%v", err)
		}
	}
	t.Log(p.Await(t.Context(), &ops.CloseWrite{On: client}))
}

func TestPipeNames(t *testing.T) {
	p := openPort(t)
	for _, name := range []string{"", `C:\x`, `\\.\pipe\`, `\\.\pip\x`, `\\pipe\x`, `\\.\pipe\a/b`, `pipe\x`, "\\\\.\\pipe\\a\x00",
		`\\.\pipe\.`, `\\.\pipe\..`, `\\.\pipe\a\.. `} {
		_, err := p.Listen("pipe", name)
		_, err2 := p.Dial(t.Context(), "pipe", name)
		var bad *net.AddrError
		if !errors.As(err, &bad) || !errors.As(err2, &bad) {
			t.Errorf("%q: %v, %v", name, err, err2)
		}
	}
	_, err := p.Dial(t.Context(), "pipe", pipeName())
	if !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no such pipe: %v", err)
	}
}

// The system drops dots from a path that begins as that of a pipe. A Dial opens no file.
func TestPipeNameOfAFile(t *testing.T) {
	p := openPort(t)
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{`\\.\pipe\..\` + path, `\\.\pipe\a\..\..\` + path} {
		if _, err := os.Stat(name); err != nil {
			t.Fatalf("it is not the path of a file: %v", err)
		}
		var bad *net.AddrError
		if _, err := p.Dial(t.Context(), "pipe", name); !errors.As(err, &bad) {
			t.Errorf("%q: %v", name, err)
		}
	}
}

// Nobody gets a pipe whose name is taken: clients would come to either.
func TestPipeNameTaken(t *testing.T) {
	if windows.NewLazySystemDLL("ntdll.dll").NewProc("wine_get_version").Find() == nil {
		t.Skip("Wine lets a second first instance be made")
	}
	p := openPort(t)
	l, err := p.Listen("pipe", pipeName())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Listen("pipe", l.Addr().String()); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("a second listener: %v", err)
	}
}

// If all instances of a pipe have clients, a Dial waits for the next one, and ends with its
// context.
func TestPipeBusy(t *testing.T) {
	p := openPort(t)
	l, err := completion.ListenConfig{Backlog: 2}.Listen(p, "pipe", pipeName())
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := p.Dial(t.Context(), "pipe", l.Addr().String()); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err = p.Dial(ctx, "pipe", l.Addr().String()); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("dial of a busy pipe: %v", err)
	}
	dialed := make(chan error)
	go func() {
		_, err := p.Dial(t.Context(), "pipe", l.Addr().String())
		dialed <- err
	}()
	for range 3 {
		if err := p.Await(t.Context(), &ops.Accept{On: l}); err != nil {
			t.Fatal(err)
		}
	}
	if err := <-dialed; err != nil {
		t.Error(err)
	}
}

// An accept that is cancelled takes no client with it.
func TestPipeCancelAccept(t *testing.T) {
	p := openPort(t)
	l, err := p.Listen("pipe", pipeName())
	if err != nil {
		t.Fatal(err)
	}
	for range 50 {
		first, second := &ops.Accept{On: l}, &ops.Accept{On: l}
		if err := errors.Join(p.Start(first), p.Start(second)); err != nil {
			t.Fatal(err)
		}
		dialed := make(chan error, 1)
		go func() { dialed <- dialAndClose(t.Context(), p, l) }()
		p.Cancel(first)
		if err := p.Wait(t.Context(), first); err == nil { // its client came first
			p.Cancel(second)
		} else if err != completion.ErrCanceled {
			t.Fatal(err)
		}
		err := p.Wait(t.Context(), second)
		if (err == nil) == (first.Err() == nil) || err != nil && err != completion.ErrCanceled {
			t.Fatalf("accepts ended with %v and %v", first.Err(), err)
		}
		conn := cmp.Or(first.Conn, second.Conn)
		if err := p.Await(t.Context(), &ops.Read{From: conn, Buf: completion.Own(make([]byte, 1))}); err != io.EOF {
			t.Errorf("read: %v", err)
		}
		if err := errors.Join(conn.Close(), <-dialed); err != nil {
			t.Fatal(err)
		}
	}
}

func dialAndClose(ctx context.Context, p *completion.Port, l *completion.Listener) error {
	s, err := p.Dial(ctx, "pipe", l.Addr().String())
	if err != nil {
		return err
	}
	return s.Close()
}

// When a listener is closed, its accepts end, and clients that nobody has accepted see the end.
func TestPipeListenerClosed(t *testing.T) {
	p := openPort(t)
	l, err := p.Listen("pipe", pipeName())
	if err != nil {
		t.Fatal(err)
	}
	name := l.Addr().String()
	client, err := p.Dial(t.Context(), "pipe", name)
	if err != nil {
		t.Fatal(err)
	}
	accepted, pending := &ops.Accept{On: l}, &ops.Accept{On: l}
	if err := errors.Join(p.Start(accepted), p.Start(pending), p.Wait(t.Context(), accepted)); err != nil {
		t.Fatal(err)
	}
	l.Close()
	if err := p.Wait(t.Context(), pending); err != net.ErrClosed {
		t.Errorf("accept: %v", err)
	}
	send(t, p, client, "the connection stays") // for the accept was delivered
	accepted.Conn.Close()
	if _, err := p.Dial(t.Context(), "pipe", name); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("dial: %v", err)
	}
	if l, err = p.Listen("pipe", name); err != nil {
		t.Fatal(err)
	}
	if client, err = p.Dial(t.Context(), "pipe", name); err != nil {
		t.Fatal(err)
	}
	l.Close()
	if err := p.Await(t.Context(), &ops.Read{From: client, Buf: completion.Own(make([]byte, 1))}); err != io.EOF {
		t.Errorf("read: %v", err)
	}
}

// A peer that does not read ends a write at its deadline, and reads can be cancelled.
func TestPipeCancel(t *testing.T) {
	p := openPort(t)
	client, server := pipeEnds(t, p)
	write := &ops.Write{To: client, Buf: completion.Own(make([]byte, 4<<20)), Op: completion.Op{Timeout: 50 * time.Millisecond}}
	if err := p.Await(t.Context(), write); err != os.ErrDeadlineExceeded {
		t.Errorf("write: %v", err)
	}
	pool := p.NewPool(8, 1)
	for _, read := range []*ops.Read{{From: client, Pool: pool}, {From: client, Buf: completion.Own(make([]byte, 8))}} {
		if err := p.Start(read); err != nil {
			t.Fatal(err)
		}
		p.Cancel(read)
		if err := p.Wait(t.Context(), read); err != completion.ErrCanceled {
			t.Errorf("read: %v", err)
		}
	}
	send(t, p, server, "there")
	read := &ops.Read{From: client, Pool: pool}
	if err := p.Await(t.Context(), read); err != nil || string(read.Buf.Bytes()) != "there" {
		t.Errorf("%v", err)
	}
}

// Bytes arrive in order, whatever their number.
func TestPipeBulk(t *testing.T) {
	p := openPort(t)
	client, server := pipeEnds(t, p)
	data := make([]byte, 3<<20)
	for i := range data {
		data[i] = byte(i * 7 >> 5)
	}
	go func() {
		for rest := data; len(rest) > 0; rest = rest[1<<18:] {
			if err := p.Await(t.Context(), &ops.Write{To: client, Buf: completion.Own(rest[: 1<<18 : 1<<18])}); err != nil {
				t.Errorf("write: %v", err)
			}
		}
		client.Close()
	}()
	pool, got := p.NewPool(10000, 1), 0
	for {
		read := &ops.Read{From: server, Pool: pool}
		if err := p.Await(t.Context(), read); err == io.EOF && got == len(data) {
			return
		} else if err != nil {
			t.Fatalf("after %d bytes: %v", got, err)
		}
		b := read.Buf.Bytes()
		if string(b) != string(data[got:got+len(b)]) {
			t.Fatalf("other bytes after %d", got)
		}
		got += len(b)
		read.Release()
	}
}

// A message to and fro over a pipe allocates nothing, also with a pooled read.
func TestPipeAllocations(t *testing.T) {
	defer notStrict()()
	p := openPort(t)
	client, server := pipeEnds(t, p)
	pool := p.NewPool(64, 1)
	write := &ops.Write{To: client, Buf: completion.Own(make([]byte, 8))}
	late, early := &ops.Read{From: server, Pool: pool}, &ops.Read{From: server, Buf: completion.Own(make([]byte, 8))}
	n := testing.AllocsPerRun(100, func() {
		for _, read := range []*ops.Read{late, early} {
			if err := errors.Join(p.Start(read), p.Await(t.Context(), write), p.Wait(t.Context(), read)); err != nil {
				t.Fatal(err)
			}
		}
		late.Release()
	})
	if n != 0 {
		t.Errorf("%.2f allocations", n)
	}
}
