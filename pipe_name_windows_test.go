package completion_test

import (
	"cmp"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/completionport/completion"
	"github.com/completionport/completion/internal/sys"
	"github.com/completionport/completion/ops"
	"golang.org/x/sys/windows"
)

// failPipes makes calls of that name fail while none is set, until undo.
func failPipes(call string, none *atomic.Bool) (undo func()) {
	return beforeCalls(func(name string) syscall.Errno {
		if name == call && none.Load() {
			return windows.ERROR_NO_SYSTEM_RESOURCES
		}
		return 0
	})
}

// beforeCalls calls meet before each call into the system, until undo.
func beforeCalls(meet func(name string) syscall.Errno) (undo func()) {
	before := sys.OnCall
	sys.OnCall = func(name string) syscall.Errno {
		if errno := meet(name); errno != 0 {
			return errno
		}
		if before != nil {
			return before(name)
		}
		return 0
	}
	return func() { sys.OnCall = before }
}

// dialFor dials a pipe for a short time.
func dialFor(t *testing.T, p *completion.Port, l *completion.Listener) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	s, err := p.Dial(ctx, "pipe", l.Addr().String())
	if err == nil {
		s.Close()
	}
	return err
}

// If the system makes no more instances, those with clients are accepted, and the next accept
// ends with the error. The name stays, also when the program has closed all connections: a Dial
// waits.
func TestPipeWithoutInstances(t *testing.T) {
	var none atomic.Bool
	defer failPipes("CreateNamedPipe", &none)()
	p := openPort(t)
	defer p.Close()
	l, err := completion.ListenConfig{Backlog: 2}.Listen(p, "pipe", pipeName())
	if err != nil {
		t.Fatal(err)
	}
	none.Store(true)
	for range 2 {
		client, err := p.Dial(t.Context(), "pipe", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		accept := &ops.Accept{On: l}
		if err := p.Await(t.Context(), accept); err != nil {
			t.Fatal(err)
		}
		client.Close()
		accept.Conn.Close()
	}
	accept := &ops.Accept{On: l}
	for range 2 {
		if err := p.Await(t.Context(), accept); !errors.Is(err, windows.ERROR_NO_SYSTEM_RESOURCES) {
			t.Fatalf("an accept without an instance: %v", err)
		}
		if err := dialFor(t, p, l); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatalf("a dial without an instance: %v", err)
		}
	}
	none.Store(false)
	acceptsAgain(t, p, l)
}

// acceptsAgain accepts a client of a pipe.
func acceptsAgain(t *testing.T, p *completion.Port, l *completion.Listener) {
	t.Helper()
	accept := &ops.Accept{On: l}
	dialed := make(chan error, 1)
	go func() { dialed <- dialAndClose(t.Context(), p, l) }()
	if err := errors.Join(p.Await(t.Context(), accept), <-dialed); err != nil {
		t.Fatal(err)
	}
	accept.Conn.Close()
}

// If the waits of the instances fail, an accept ends with the error if they can't begin again. No
// client is lost that has got one of the instances meanwhile.
func TestPipeInstancesFail(t *testing.T) {
	var none atomic.Bool
	defer failPipes("ConnectNamedPipe", &none)()
	p := openPort(t)
	defer p.Close()
	l, err := completion.ListenConfig{Backlog: 3}.Listen(p, "pipe", pipeName())
	if err != nil {
		t.Fatal(err)
	}
	for _, fails := range []bool{true, false} {
		accept := &ops.Accept{On: l}
		if err := p.Start(accept); err != nil {
			t.Fatal(err)
		}
		none.Store(fails)
		if n := completion.CancelPipeInstances(p, l); n != 3 {
			t.Fatalf("%d instances waited", n)
		}
		client, err := os.OpenFile(l.Addr().String(), os.O_RDWR, 0)
		must(t, err)
		err = p.Wait(t.Context(), accept)
		if fails {
			if !errors.Is(err, windows.ERROR_NO_SYSTEM_RESOURCES) {
				t.Fatalf("an accept without an instance: %v", err)
			}
			none.Store(false)
			err = p.Await(t.Context(), accept)
		}
		must(t, err)
		saysHello(t, p, client, accept.Conn)
		accept.Conn.Close()
	}
}

// A client that comes as soon as there is a pipe is accepted, and so is the next one.
func TestPipeEarlyClient(t *testing.T) {
	p := openPort(t)
	name, clients := pipeName(), []*os.File{}
	defer beforeCalls(func(call string) syscall.Errno {
		if call != "CreateFile" || len(clients) == 3 { // Listen opens the pipe
			return 0
		}
		client, err := os.OpenFile(name, os.O_RDWR, 0)
		if err != nil {
			t.Error(err)
		}
		clients = append(clients, client)
		return 0
	})()
	l, err := completion.ListenConfig{Backlog: 2}.Listen(p, "pipe", name)
	if err != nil {
		t.Fatal(err)
	}
	if len(clients) != 3 {
		t.Fatalf("%d clients", len(clients))
	}
	for _, client := range clients {
		accept := &ops.Accept{On: l}
		if err := p.Await(t.Context(), accept); err != nil {
			t.Fatal(err)
		}
		saysHello(t, p, client, accept.Conn)
		accept.Conn.Close()
	}
	acceptsAgain(t, p, l)
}

// saysHello passes a message to the server's end, which then sees the end of the stream.
func saysHello(t *testing.T, p *completion.Port, client *os.File, server *completion.Socket) {
	t.Helper()
	if _, err := client.WriteString("hello"); err != nil {
		t.Fatal(err)
	}
	client.Close()
	read := &ops.Read{From: server, Buf: completion.Own(make([]byte, 5)), Full: true}
	if err := p.Await(t.Context(), read); err != nil || string(read.Buf.Bytes()) != "hello" {
		t.Errorf("%v, %q", err, read.Buf.Bytes())
	}
	read.Buf = completion.Own(make([]byte, 5))
	if err := p.Await(t.Context(), read); err != io.EOF {
		t.Errorf("read: %v", err)
	}
}

// While calls fail that make instances, or make them wait, and waits are cancelled, each client
// gets its answer.
func TestPipeNoClientIsLost(t *testing.T) {
	var calls atomic.Int32
	defer beforeCalls(func(call string) syscall.Errno {
		if call == "CreateNamedPipe" || call == "ConnectNamedPipe" {
			if n := calls.Add(1); n > 20 && n%3 == 0 {
				return windows.ERROR_NO_SYSTEM_RESOURCES
			}
		}
		return 0
	})()
	p := openPort(t)
	defer p.Close()
	l, err := completion.ListenConfig{Backlog: 2}.Listen(p, "pipe", pipeName())
	if err != nil {
		t.Fatal(err)
	}
	server, clients := make(chan error), make(chan error)
	go func() { server <- echoOnce(p, l) }()
	for range 3 {
		go func() {
			var err error
			for range 50 {
				err = cmp.Or(err, askOnce(t.Context(), p, l.Addr().String()))
				completion.CancelPipeInstances(p, l)
			}
			clients <- err
		}()
	}
	err = errors.Join(<-clients, <-clients, <-clients)
	l.Close()
	if err := errors.Join(err, <-server); err != nil {
		t.Fatal(err)
	}
}

// echoOnce accepts clients until the listener is closed, and answers each once.
func echoOnce(p *completion.Port, l *completion.Listener) error {
	for {
		accept := &ops.Accept{On: l}
		switch err := p.Await(context.Background(), accept); {
		case err == net.ErrClosed:
			return nil
		case errors.Is(err, windows.ERROR_NO_SYSTEM_RESOURCES):
			continue
		case err != nil:
			return err
		}
		b := completion.Own(make([]byte, 1))
		err := p.Await(context.Background(), &ops.Read{From: accept.Conn, Buf: b})
		if err = cmp.Or(err, p.Await(context.Background(), &ops.Write{To: accept.Conn, Buf: b}), accept.Conn.Close()); err != nil {
			return err
		}
	}
}

// askOnce sends a byte to a pipe and waits for the answer.
func askOnce(ctx context.Context, p *completion.Port, name string) error {
	s, err := p.Dial(ctx, "pipe", name)
	if err != nil {
		return err
	}
	b := completion.Own([]byte("x"))
	err = p.Await(ctx, &ops.Write{To: s, Buf: b})
	err = cmp.Or(err, p.Await(ctx, &ops.Read{From: s, Buf: b}))
	return cmp.Or(err, s.Close())
}
