package ionet_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/completionport/completion"
	"github.com/completionport/completion/ionet"
	"github.com/completionport/completion/ops"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// failsWith checks that an error is a *net.OpError of an operation and matches what.
func failsWith(t testing.TB, err error, op string, what error) {
	t.Helper()
	outer, ok := err.(*net.OpError)
	if !ok || outer.Op != op || !errors.Is(err, what) {
		t.Fatalf("the error is %#v, want a *net.OpError of %q with %v", err, op, what)
	}
}

// readReady sends what it reads, and the error in the end.
func readReady(c *ionet.Conn, pool *completion.Pool, got chan<- string) {
	for {
		buffer, err := c.ReadReady(pool)
		if err != nil {
			got <- err.Error()
			return
		}
		got <- string(buffer.Bytes())
		buffer.Release()
	}
}

func TestReadReady(t *testing.T) {
	each(t, func(t *testing.T, w world) {
		a, b := w.pair(t)
		pool := a.Port().NewPool(16, 1)
		got := make(chan string)
		go readReady(a, pool, got)
		for _, want := range []string{"first", "second"} {
			if n := pool.Lent(); n != 0 {
				t.Fatalf("%d buffers are held by a connection that waits", n)
			}
			_, err := io.WriteString(b, want)
			must(t, err)
			if s := <-got; s != want {
				t.Fatalf("got %q, want %q", s, want)
			}
			for pool.Lent() > 0 {
				runtime.Gosched()
			}
		}
		must(t, b.Close())
		if s := <-got; s != "EOF" {
			t.Fatalf("got %q at the end", s)
		}
		if _, err := a.Read(make([]byte, 1)); err != io.EOF {
			t.Fatalf("Read after ReadReady: %v", err)
		}
	})
}

func TestHalfCloses(t *testing.T) {
	each(t, func(t *testing.T, w world) {
		a, b := w.pair(t)
		_, err := io.WriteString(a, "question")
		must(t, err)
		must(t, a.CloseWrite())
		got, err := io.ReadAll(b)
		must(t, err)
		_, err = io.WriteString(b, strings.ToUpper(string(got)))
		must(t, err)
		must(t, b.Close())
		got, err = io.ReadAll(a)
		must(t, err)
		if string(got) != "QUESTION" {
			t.Fatalf("got %q", got)
		}
		_, err = a.Write([]byte("x"))
		failsWith(t, err, "write", syscall.EPIPE)
	})
}

func TestCloseRead(t *testing.T) {
	each(t, func(t *testing.T, w world) {
		a, b := w.pair(t)
		end := make(chan error)
		go func() {
			_, err := a.Read(make([]byte, 1))
			end <- err
		}()
		for a.Port().Stats().InFlight == 0 {
			runtime.Gosched()
		}
		must(t, a.CloseRead())
		if err := <-end; err != io.EOF {
			t.Fatalf("the Read that waited ends with %v", err)
		}
		_, err := b.Write([]byte("not read"))
		must(t, err)
		if _, err := a.Read(make([]byte, 1)); err != io.EOF {
			t.Fatalf("a later Read ends with %v", err)
		}
		_, err = a.Write([]byte("x"))
		must(t, err)
		must(t, a.Close())
		failsWith(t, a.CloseRead(), "close", net.ErrClosed)
	})
}

func TestWriteBuffers(t *testing.T) {
	each(t, func(t *testing.T, w world) {
		a, b := w.pair(t)
		big := bytes.Repeat([]byte("0123456789"), 20_000)
		buffers := net.Buffers{[]byte("a"), nil, []byte("bc"), big, []byte("d"), big[:50_000], big[:50_000]}
		want := bytes.Join(buffers, nil)
		go func() {
			n, err := a.WriteBuffers(&buffers)
			if n != int64(len(want)) || err != nil || len(buffers) != 0 {
				t.Errorf("wrote %d of %d, %v, %d buffers are left", n, len(want), err, len(buffers))
			}
			a.Close()
		}()
		got, err := io.ReadAll(b)
		must(t, err)
		if !bytes.Equal(got, want) {
			t.Fatalf("%d bytes arrived, not the %d that were sent", len(got), len(want))
		}
	})
}

func TestCopies(t *testing.T) {
	each(t, func(t *testing.T, w world) {
		a, b := w.pair(t)
		want := strings.Repeat("some bytes ", 50_000)
		go func() {
			n, err := io.Copy(a, strings.NewReader(want))
			if n != int64(len(want)) || err != nil {
				t.Errorf("copied %d, %v", n, err)
			}
			a.CloseWrite()
		}()
		var got bytes.Buffer
		n, err := io.Copy(&got, b)
		if n != int64(len(want)) || err != nil || got.String() != want {
			t.Fatalf("copied %d of %d, %v", n, len(want), err)
		}
	})
}

func TestClosed(t *testing.T) {
	each(t, func(t *testing.T, w world) {
		a, _ := w.pair(t)
		local, remote := a.LocalAddr().String(), a.RemoteAddr().String()
		must(t, a.Close())
		failsWith(t, a.Close(), "close", net.ErrClosed)
		_, err := a.Read(make([]byte, 1))
		failsWith(t, err, "read", net.ErrClosed)
		_, err = a.Write([]byte("x"))
		failsWith(t, err, "write", net.ErrClosed)
		failsWith(t, a.CloseWrite(), "close", net.ErrClosed)
		failsWith(t, a.SetDeadline(time.Now()), "set", net.ErrClosed)
		failsWith(t, a.SetReadBuffer(1024), "set", net.ErrClosed)
		if a.LocalAddr().String() != local || a.RemoteAddr().String() != remote {
			t.Errorf("the addresses are %v and %v by now", a.LocalAddr(), a.RemoteAddr())
		}
	})
}

func TestDeadlineOfEmptyRead(t *testing.T) {
	each(t, func(t *testing.T, w world) {
		a, b := w.pair(t)
		_, err := b.Write([]byte("x"))
		must(t, err)
		n, err := a.Read(nil)
		if n != 0 || err != nil {
			t.Fatalf("a Read of no bytes: %d, %v", n, err)
		}
		must(t, a.SetReadDeadline(time.Unix(1, 0)))
		for _, p := range [][]byte{nil, make([]byte, 1)} {
			_, err = a.Read(p)
			failsWith(t, err, "read", os.ErrDeadlineExceeded)
			if e := err.(net.Error); !e.Timeout() {
				t.Fatalf("%v is no time-out", err)
			}
		}
		must(t, a.SetReadDeadline(time.Time{}))
		if n, err := a.Read(make([]byte, 2)); n != 1 || err != nil {
			t.Fatalf("read %d, %v", n, err)
		}
	})
}

func TestPortClosed(t *testing.T) {
	each(t, func(t *testing.T, w world) {
		p := w.open(t)
		a, _, stop, err := w.pipe(t, p)
		must(t, err)
		defer stop()
		l, err := ionet.ListenConfig{Port: p}.Listen(t.Context(), w.network, w.address(t)+"0")
		must(t, err)
		ends := make(chan error, 2)
		go func() { _, err := a.Read(make([]byte, 1)); ends <- err }()
		go func() { _, err := l.Accept(); ends <- err }()
		for p.Stats().InFlight < 2 {
			runtime.Gosched()
		}
		must(t, p.Close())
		for range 2 {
			if err := <-ends; !errors.Is(err, net.ErrClosed) {
				t.Errorf("it ends with %v", err)
			}
		}
		_, err = (&ionet.Dialer{Port: p}).Dial(w.network, l.Addr().String())
		failsWith(t, err, "dial", net.ErrClosed)
	})
}

func TestListenerDeadline(t *testing.T) {
	each(t, func(t *testing.T, w world) {
		p := w.open(t)
		at, err := ionet.ListenConfig{Port: p}.Listen(t.Context(), w.network, w.address(t))
		must(t, err)
		l := at.(*ionet.Listener)
		must(t, l.SetDeadline(time.Now().Add(time.Millisecond)))
		_, err = l.Accept()
		failsWith(t, err, "accept", os.ErrDeadlineExceeded)
		must(t, l.SetDeadline(time.Time{}))
		go l.Close()
		_, err = l.Accept()
		failsWith(t, err, "accept", net.ErrClosed)
		failsWith(t, l.Close(), "close", net.ErrClosed)
	})
}

// A connection that the program has from operations becomes a net.Conn, and one from
// here has a socket for operations.
func TestBothWays(t *testing.T) {
	each(t, func(t *testing.T, w world) {
		a, b := w.pair(t)
		again := ionet.NewConn(a.Port(), a.Socket())
		_, err := io.WriteString(again, "to operations")
		must(t, err)
		read := &ops.Read{From: b.Socket(), Buf: completion.Own(make([]byte, 13)), Full: true}
		must(t, b.Port().Await(context.Background(), read))
		if s := string(read.Buf.Bytes()); s != "to operations" {
			t.Fatalf("got %q", s)
		}
	})
}

func TestDefaultPort(t *testing.T) {
	l, err := ionet.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer l.Close()
	c, err := ionet.Dial("tcp", l.Addr().String())
	must(t, err)
	defer c.Close()
	p, err := ionet.DefaultPort()
	must(t, err)
	if c.(*ionet.Conn).Port() != p {
		t.Error("the connection is on another port")
	}
}

// The system accepts each option. That it keeps them is tested for completion.Socket.
func TestOptions(t *testing.T) {
	a, _ := worlds[0].pair(t)
	must(t, a.SetNoDelay(false))
	must(t, a.SetKeepAlive(false))
	must(t, a.SetKeepAlive(true))
	must(t, a.SetKeepAlivePeriod(time.Minute))
	must(t, a.SetReadBuffer(64<<10))
	must(t, a.SetWriteBuffer(64<<10))
	raw, err := a.SyscallConn()
	must(t, err)
	called := false
	must(t, raw.Control(func(uintptr) { called = true }))
	if !called {
		t.Error("Control has not called")
	}
}

// With a linger of 0, Close resets the connection.
func TestLinger(t *testing.T) {
	for _, w := range worlds {
		if w.network != "tcp" {
			continue
		}
		t.Run(w.name, func(t *testing.T) {
			if w.name == "tcp" && !netSeesResets(t) {
				t.Skip("a reset does not show on connections of package net either")
			}
			a, b := w.pair(t)
			must(t, a.SetLinger(5))
			must(t, a.SetLinger(0))
			must(t, a.Close())
			_, err := b.Read(make([]byte, 1))
			failsWith(t, err, "read", syscall.ECONNRESET)
		})
	}
}

// netSeesResets reports whether package net reads a reset where a connection was closed
// with a linger of 0.
func netSeesResets(t *testing.T) bool {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer l.Close()
	c, err := net.Dial("tcp", l.Addr().String())
	must(t, err)
	defer c.Close()
	d, err := l.Accept()
	must(t, err)
	must(t, d.(*net.TCPConn).SetLinger(0))
	must(t, d.Close())
	_, err = c.Read(make([]byte, 1))
	return errors.Is(err, syscall.ECONNRESET)
}
