package main

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/completionport/completion"
)

// The addresses of the proxy and its backends in the tests' network.
const (
	here = "10.0.0.1:7001"
	one  = "10.0.0.2:80"
	two  = "10.0.0.3:80"
)

// conn is what both ends of a test have.
type conn interface {
	net.Conn
	CloseWrite() error
}

// world is a proxy on a network in memory, in a bubble.
type world struct {
	*testing.T
	network completion.Memory
	proxy   *proxy
	backend net.Listener
	began   time.Time
	warning bytes.Buffer
	stopped bool
	ended   chan struct{}
}

// inWorld runs a test with a proxy to the given addresses. The test holds the backend
// "one.test:80". At the end the proxy must have nothing in flight, open or lent.
func inWorld(t *testing.T, to string, f func(w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := &world{T: t, began: time.Now(), ended: make(chan struct{})}
		w.network.SetHost("one.test", netip.MustParseAddrPort(one).Addr())
		w.network.SetHost("two.test", netip.MustParseAddrPort(two).Addr())
		port, err := completion.Open(&completion.Config{Memory: &w.network})
		w.check(err)
		w.proxy, err = listen(port, options{
			address: here, to: strings.Split(to, ","),
			connect: 5 * time.Second, idle: time.Minute, drain: 10 * time.Second,
		})
		w.check(err)
		w.proxy.stderr = &w.warning
		w.backend = w.listen(one)
		go func() { w.proxy.serve(); close(w.ended) }()
		f(w)
		w.stop()
		<-w.ended
		checkAtRest(t, w.proxy)
	})
}

// checkAtRest checks that a proxy that has ended has left nothing.
func checkAtRest(t *testing.T, p *proxy) {
	t.Helper()
	st := p.port.Stats()
	if st.InFlight != 0 || st.Queued != 0 || st.Handles != 0 || st.Submitted != st.Completed {
		t.Errorf("at the end: %+v", st)
	}
}

func (w *world) stop() {
	if !w.stopped {
		w.stopped = true
		w.proxy.port.Submit(new(stopping))
	}
}

func (w *world) check(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

func (w *world) listen(address string) net.Listener {
	w.Helper()
	l, err := w.network.Listen("tcp", address)
	w.check(err)
	w.Cleanup(func() { l.Close() })
	return l
}

func (w *world) dial() conn {
	w.Helper()
	c, err := w.network.Dial("tcp", here)
	w.check(err)
	w.Cleanup(func() { c.Close() })
	return c.(conn)
}

func (w *world) accept(l net.Listener) conn {
	w.Helper()
	c, err := l.Accept()
	w.check(err)
	w.Cleanup(func() { c.Close() })
	return c.(conn)
}

// pair returns a client and its backend.
func (w *world) pair() (client, backend conn) {
	w.Helper()
	client = w.dial()
	return client, w.accept(w.backend)
}

// pairs runs a test with a client and its backend, and with their roles exchanged.
func pairs(t *testing.T, f func(w *world, near, far conn)) {
	t.Helper()
	for _, isClient := range []bool{true, false} {
		inWorld(t, "one.test:80", func(w *world) {
			near, far := w.pair()
			if !isClient {
				near, far = far, near
			}
			f(w, near, far)
		})
	}
}

// gets checks that exactly text arrives, followed by the end of the stream.
func (w *world) gets(c conn, text string) {
	w.Helper()
	if got, err := io.ReadAll(c); err != nil || string(got) != text {
		w.Errorf("got %q, %v, want %q", got, err, text)
	}
}

// next checks that text arrives.
func (w *world) next(c conn, text string) {
	w.Helper()
	got := make([]byte, len(text))
	if _, err := io.ReadFull(c, got); err != nil || string(got) != text {
		w.Errorf("got %q, %v, want %q", got, err, text)
	}
}

// isReset checks that a connection ends with a reset.
func (w *world) isReset(c conn) {
	w.Helper()
	if _, err := io.Copy(io.Discard, c); !isReset(err) {
		w.Errorf("the connection ended with %v", err)
	}
}

// isReset reports whether an error is that of a reset. A test's end has the number that
// the system gives to package net: on Windows that is WSAECONNRESET.
func isReset(err error) bool {
	const winsock = syscall.Errno(10054)
	return errors.Is(err, syscall.ECONNRESET) || errors.Is(err, winsock)
}

func (w *world) took(want time.Duration) {
	w.Helper()
	if took := time.Since(w.began); took != want {
		w.Errorf("took %v, want %v", took, want)
	}
}

func (w *world) send(c conn, text string) {
	w.Helper()
	_, err := io.WriteString(c, text)
	w.check(err)
}

// counts stops the proxy and compares what it has counted.
func (w *world) counts(accepted, complete, cut, lost int) {
	w.Helper()
	w.stop()
	<-w.ended
	p := w.proxy
	if p.accepted != accepted || p.complete != complete || p.cut != cut || p.lost != lost {
		w.Errorf("%d accepted, %d complete, %d cut, %d lost, want %d, %d, %d, %d",
			p.accepted, p.complete, p.cut, p.lost, accepted, complete, cut, lost)
	}
}

// A system that moves few bytes at a time makes reads short and writes take many calls.
func TestCopiesBothWays(t *testing.T) {
	inWorld(t, "one.test:80", func(w *world) {
		w.network.LimitTransfer(777)
		client, backend := w.pair()
		up, down := strings.Repeat("upwards ", 20_000), strings.Repeat("down ", 30_000)
		var both sync.WaitGroup
		for _, way := range []struct {
			from, to conn
			text     string
		}{{client, backend, up}, {backend, client, down}} {
			both.Go(func() { w.send(way.from, way.text); way.from.CloseWrite() })
			both.Go(func() { w.gets(way.to, way.text) })
		}
		both.Wait()
		w.counts(1, 1, 0, 0)
		if w.proxy.bytesUp != int64(len(up)) || w.proxy.bytesDown != int64(len(down)) {
			w.Errorf("%d bytes up, %d down", w.proxy.bytesUp, w.proxy.bytesDown)
		}
	})
}

func TestHalfCloses(t *testing.T) {
	pairs(t, func(w *world, near, far conn) {
		w.send(near, "question")
		w.check(near.CloseWrite())
		w.gets(far, "question")
		for range 3 { // the other direction goes on
			w.send(far, "answer")
			w.next(near, "answer")
		}
		w.check(far.CloseWrite())
		w.gets(near, "")
		w.counts(1, 1, 0, 0)
	})
}

func TestResetsArePassedOn(t *testing.T) {
	pairs(t, func(w *world, near, far conn) {
		w.send(near, "half a mess")
		w.next(far, "half a mess")
		w.check(w.network.Reset(near))
		w.isReset(far)
		w.took(0)
		w.counts(1, 0, 1, 0)
	})
}

// A reset after the end of the other stream.
func TestResetAfterHalfClose(t *testing.T) {
	pairs(t, func(w *world, near, far conn) {
		w.check(near.CloseWrite())
		w.gets(far, "")
		w.check(w.network.Reset(far))
		w.isReset(near)
		w.took(0)
		w.counts(1, 0, 1, 0)
	})
}

func TestIdle(t *testing.T) {
	inWorld(t, "one.test:80", func(w *world) {
		client, backend := w.pair()
		w.isReset(client)
		w.took(time.Minute)
		w.isReset(backend)
		w.took(time.Minute)
		w.counts(1, 0, 1, 0)
	})
}

// Bytes of one direction keep the other one alive.
func TestIdleMoves(t *testing.T) {
	pairs(t, func(w *world, near, far conn) {
		for range 10 {
			time.Sleep(50 * time.Second) // of the bubble's time
			w.send(near, "x")
			w.next(far, "x")
		}
		w.send(far, "still here")
		w.next(near, "still here")
		w.isReset(far)
		w.took(560 * time.Second)
	})
}

// The end of a write that took long moves the deadline.
func TestIdleAfterSlowWrite(t *testing.T) {
	pairs(t, func(w *world, near, far conn) {
		all := strings.Repeat("x", 8<<20)
		go near.Write([]byte(all)) // which is stuck
		time.Sleep(40 * time.Second)
		w.next(far, all)
		w.isReset(far)
		w.took(100 * time.Second)
	})
}

// The end of a stream does not end the time-out of the other.
func TestIdleAfterHalfClose(t *testing.T) {
	pairs(t, func(w *world, near, far conn) {
		time.Sleep(30 * time.Second)
		w.check(near.CloseWrite())
		w.gets(far, "")
		w.isReset(near)
		w.took(90 * time.Second)
	})
}

// A peer that takes nothing is cut off, even if it sends all the time.
func TestPeerThatNeverReads(t *testing.T) {
	pairs(t, func(w *world, near, far conn) {
		var all sync.WaitGroup
		all.Go(func() {
			var err error
			for err == nil {
				time.Sleep(20 * time.Second)
				_, err = far.Write([]byte("x"))
			}
		})
		all.Go(func() { io.Copy(io.Discard, near) })
		var err error
		for err == nil {
			_, err = near.Write(make([]byte, 1<<16))
		}
		w.took(time.Minute)
		all.Wait()
		w.counts(1, 0, 1, 0)
	})
}

// A direction that is stuck does not read more.
func TestBackPressure(t *testing.T) {
	pairs(t, func(w *world, near, far conn) {
		const all = 32 << 20
		go func() {
			near.Write(make([]byte, all))
			near.CloseWrite()
		}()
		synctest.Wait()
		if n := w.proxy.port.Stats().InFlight; n != 3 { // the accept and two copies
			w.Errorf("%d operations in flight, want 3", n)
		}
		n, err := io.Copy(io.Discard, far)
		if n != all || err != nil {
			w.Errorf("%d bytes, %v", n, err)
		}
	})
}
