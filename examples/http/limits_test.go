package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/completionport/completion"
	"github.com/completionport/completion/ionet"
	"github.com/completionport/completion/ops"
)

// A request has the timeout from its first byte on, however often more of it comes.
func TestSlow(t *testing.T) {
	inBubble(t, func(t *testing.T, s *serving) {
		p, began := s.dial(), time.Now()
		for _, b := range []byte("GET / HT") { // never complete
			p.send(string(b))
			time.Sleep(timeout / 8)
		}
		r := p.reader()
		p.expect(r, 408, "the request takes too long\n")
		if took := time.Since(began); took != timeout {
			t.Errorf("the request was refused after %v", took)
		}
		p.expectEnd(r)
		s.inFlight(0)
		s.stopWith(1)
	})
}

// Each request has its own time, also one that begins in the bytes of the one before it.
func TestSlowButInTime(t *testing.T) {
	inBubble(t, func(t *testing.T, s *serving) {
		p := s.dial()
		r := p.reader()
		for range 3 {
			p.send(get)
			time.Sleep(timeout - 1)
			p.send("\r\nGET")
			p.expect(r, 200, welcome)
			time.Sleep(timeout - 1)
			p.send(" / HTTP/1.1\r\nHost: x\r\n\r\n")
			p.expect(r, 200, welcome)
			time.Sleep(idle - 1)
		}
		p.Close()
		s.stopWith(0)
	})
}

// A connection without a request has its own time, and that is no failure.
func TestIdle(t *testing.T) {
	inBubble(t, func(t *testing.T, s *serving) {
		p, began := s.dial(), time.Now()
		p.expectEnd(p)
		if took := time.Since(began); took != idle {
			t.Errorf("the connection was closed after %v", took)
		}
		s.inFlight(0)
		s.stopWith(0)
	})
}

// A client that sends and never reads: the server stops to read, and cuts it off after a
// while. Others are served meanwhile.
func TestNeverReads(t *testing.T) {
	inBubble(t, func(t *testing.T, s *serving) {
		const deafs = 5
		requests := strings.Repeat("GET /bytes?n=100000 HTTP/1.1\r\nHost: x\r\n\r\n", 100)
		var blocked sync.WaitGroup
		for range deafs {
			p := s.dial()
			blocked.Go(func() {
				var err error
				for err == nil {
					_, err = io.WriteString(p, requests)
				}
				p.Close()
			})
		}
		s.inFlight(deafs) // a write for each of them, and no read
		other := s.dial()
		other.send(get + "\r\n")
		other.expect(other.reader(), 200, welcome)
		answered := s.answered.Load()
		time.Sleep(timeout / 2)
		if n := s.answered.Load(); n != answered || n > deafs*20 {
			t.Errorf("%d requests answered while no answer was read, %d before", n-answered, answered)
		}
		other.Close()
		blocked.Wait()
		s.inFlight(0)
		s.stopWith(deafs)
	})
}

// A client that reads late gets all answers, also those of requests that had to wait.
func TestReadsLate(t *testing.T) {
	inBubble(t, func(t *testing.T, s *serving) {
		p := s.dial()
		const n = 100
		p.send(strings.Repeat("GET /bytes?n=300000 HTTP/1.1\r\nHost: x\r\n\r\n", n) + "GET / HT")
		s.inFlight(1)
		time.Sleep(timeout / 2)
		r := p.reader()
		for range n {
			p.expect(r, 200, string(content[:300000]))
		}
		p.send("TP/1.1\r\nHost: x\r\n\r\n")
		p.expect(r, 200, welcome)
		s.inFlight(1)
		p.Close()
		s.stopWith(0)
	})
}

// While a client takes answers, the request behind them has not begun.
func TestTakesLong(t *testing.T) {
	inBubble(t, func(t *testing.T, s *serving) {
		p := s.dial()
		p.send("GET /bytes?n=1048576 HTTP/1.1\r\nHost: x\r\n\r\nGET / HT")
		time.Sleep(timeout + 1)
		r := p.reader()
		p.expect(r, 200, string(content))
		time.Sleep(timeout - 1)
		p.send("TP/1.1\r\nHost: x\r\n\r\n")
		p.expect(r, 200, welcome)
		p.Close()
		s.stopWith(0)
	})
}

// A client that does not take its answer in time is reset: it must not take a part for the
// whole, and the system keeps nothing for it.
func TestTakesTooLong(t *testing.T) {
	inBubble(t, func(t *testing.T, s *serving) {
		p := s.dial()
		p.send("GET /bytes?n=1048576 HTTP/1.1\r\nHost: x\r\n\r\n")
		time.Sleep(2*timeout - 1)
		s.inFlight(1)
		time.Sleep(time.Nanosecond)
		s.inFlight(0)
		const wsaeConnReset = syscall.Errno(10054) // package syscall has another number for it
		if n, err := io.Copy(io.Discard, p); !errors.Is(err, syscall.ECONNRESET) && !errors.Is(err, wsaeConnReset) {
			t.Errorf("the client got %d bytes, and %v", n, err)
		}
		p.Close()
		s.stopWith(1)
	})
}

// A client that stays after its last answer is cut off after a while.
func TestStays(t *testing.T) {
	inBubble(t, func(t *testing.T, s *serving) {
		p := s.dial()
		r := p.reader()
		p.send(get + "Connection: close\r\n\r\n")
		p.expect(r, 200, welcome)
		time.Sleep(timeout - 1)
		p.send("more")
		s.inFlight(1)
		time.Sleep(time.Nanosecond)
		s.inFlight(0)
		p.Close()
		s.stopWith(0)
	})
}

// A connection that was accepted while the server stops is closed.
func TestAcceptedLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &serving{t: t, network: new(completion.Memory)}
		port, err := completion.Open(&completion.Config{Memory: s.network})
		if err != nil {
			t.Fatal(err)
		}
		defer port.Close()
		if s.hand, err = newHand(options{address: here}, port, io.Discard); err != nil {
			t.Fatal(err)
		}
		p, accept := s.dial(), &ops.Accept{On: s.hand.listener}
		if err := port.Await(t.Context(), accept); err != nil {
			t.Fatal(err)
		}
		s.hand.stopping = true
		s.hand.accept(accept)
		p.expectEnd(p)
	})
}

// Garbage is answered with refusals only, or ends the connection. Nothing is left behind.
func TestGarbage(t *testing.T) {
	inBubble(t, func(t *testing.T, s *serving) {
		random := rand.New(rand.NewPCG(1, 2))
		words := []string{"GET ", "/ ", "HTTP/1.1", "\r\n", "Host: x\r\n", "\x00", "Content-Length: ", "9", ":", " "}
		for range 500 {
			var garbage strings.Builder
			garbage.WriteByte(byte(random.IntN(256)))
			for range random.IntN(50) {
				garbage.WriteString(words[random.IntN(len(words))])
			}
			p := s.dial()
			p.send(garbage.String())
			p.Conn.(interface{ CloseWrite() error }).CloseWrite()
			answers, err := io.ReadAll(p)
			if err != nil || !bytes.HasPrefix(answers, []byte("HTTP/1.1 4")) && !bytes.HasPrefix(answers, []byte("HTTP/1.1 505")) {
				t.Fatalf("%q is answered with %q, %v", garbage.String(), answers, err)
			}
			p.Close()
		}
		s.inFlight(0)
		s.stopWith(500)
	})
}

// Connections that are reset at any point leave nothing behind.
func TestResets(t *testing.T) {
	inBubble(t, func(t *testing.T, s *serving) {
		requests := post("a body") + get + "Connection: close\r\n\r\n"
		for cut := range len(requests) + 1 {
			p := s.dial()
			p.send(requests[:cut])
			if cut%2 == 0 {
				synctest.Wait()
			}
			if err := s.network.Reset(p.Conn); err != nil {
				t.Fatal(err)
			}
		}
		s.inFlight(0)
		s.stop()
	})
}

// Nobody waits for the buffers of answers, which clients that never read may have.
func TestNoBuffers(t *testing.T) {
	inBubble(t, func(t *testing.T, s *serving) {
		var taken []*completion.Buffer
		for buf := s.hand.answers.Take(); buf != nil; buf = s.hand.answers.Take() {
			taken = append(taken, buf)
		}
		p := s.dial()
		p.send(get + "\r\n")
		p.expect(p.reader(), 200, welcome)
		p.Close()
		for _, buf := range taken {
			buf.Release()
		}
		s.stopWith(0)
	})
}

// A lack of descriptors is told once, and passes.
func TestShortage(t *testing.T) {
	inBubble(t, func(t *testing.T, s *serving) {
		s.network.Fail("accept", syscall.EMFILE, 20)
		began := time.Now()
		p := s.dial()
		p.send(get + "\r\n")
		p.expect(p.reader(), 200, welcome)
		if took := time.Since(began); took != 20*acceptPause {
			t.Errorf("20 failures took %v", took)
		}
		p.Close()
		s.stopWith(0)
		if said := s.stderr.String(); strings.Count(said, "\n") != 1 || !strings.HasPrefix(said, "http: accept tcp ") {
			t.Errorf("stderr is %q", said)
		}
	})
}

// The same of net/http on a port.
func TestShortageIonet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &serving{t: t, network: new(completion.Memory), stderr: new(bytes.Buffer)}
		port, err := completion.Open(&completion.Config{Memory: s.network})
		if err != nil {
			t.Fatal(err)
		}
		listener, err := ionet.ListenConfig{Port: port}.Listen(context.Background(), "tcp", here)
		if err != nil {
			t.Fatal(err)
		}
		s.server = newStandard(options{style: "ionet", timeout: timeout, idle: idle}, nil, port, listener, s.stderr)
		s.begin()
		s.network.Fail("accept", syscall.EMFILE, 20)
		p := s.dial()
		p.send(get + "\r\n")
		p.expect(p.reader(), 200, welcome)
		p.send(strings.Repeat("x", 10))
		time.Sleep(timeout)
		p.expect(p.reader(), 400, "")
		p.Close()
		s.stopWith(0)
		if said := s.stderr.String(); strings.Count(said, "\n") != 1 || !strings.HasPrefix(said, "http: Accept error: accept tcp ") {
			t.Errorf("stderr is %q", said)
		}
	})
}

// A server that stops closes the connections without a request, and answers those that have
// begun one. The answer says that it is the last.
func TestDrain(t *testing.T) {
	inBubble(t, func(t *testing.T, s *serving) {
		silent, used, half, slow := s.dial(), s.dial(), s.dial(), s.dial()
		used.send(get + "\r\n")
		used.expect(used.reader(), 200, welcome)
		half.send(get)
		slow.send("GET /bytes?n=1048576 HTTP/1.1\r\nHost: x\r\n\r\n")
		synctest.Wait()
		stopped := make(chan struct{})
		go func() { s.stopWith(0); close(stopped) }()
		silent.expectEnd(silent)
		used.expectEnd(used)
		synctest.Wait()
		if _, err := s.network.Dial("tcp", here); err == nil {
			t.Error("a server that stops accepts a client")
		}
		half.send("\r\n")
		r := half.reader()
		if answer := half.expect(r, 200, welcome); !answer.Close {
			t.Error("the answer does not say that it is the last")
		}
		half.expectEnd(r)
		r = slow.reader()
		slow.expect(r, 200, string(content))
		slow.expectEnd(r)
		<-stopped
	})
}

// A request that comes while the server stops is answered, or the connection ends without a
// byte of an answer.
func TestDrainRaces(t *testing.T) {
	for _, style := range []string{"hand", "ionet"} {
		t.Run(style, func(t *testing.T) {
			s := serveTCP(t, "-style", style)
			var all, busy sync.WaitGroup
			for range 20 {
				p := s.dial()
				busy.Add(1)
				all.Go(func() { p.askUntilEnd(50, busy.Done) })
			}
			busy.Wait()
			s.stop()
			all.Wait()
			if s.drained != nil {
				t.Error(s.drained)
			}
		})
	}
}

// askUntilEnd makes requests until the connection ends, and calls f after n of them.
func (p *peer) askUntilEnd(n int, f func()) {
	defer p.Close()
	r := p.reader()
	for i := 0; ; i++ {
		if i == n {
			f()
		}
		if _, err := io.WriteString(p, get+"\r\n"); err != nil {
			return
		}
		if _, err := r.Peek(1); err != nil {
			return
		}
		if answer := p.expect(r, 200, welcome); answer.Close {
			return
		}
	}
}

// A client that never reads delays the end of the server by the timeout at most.
func TestDrainNeverReads(t *testing.T) {
	inBubble(t, func(t *testing.T, s *serving) {
		p := s.dial()
		p.send("GET /bytes?n=1048576 HTTP/1.1\r\nHost: x\r\n\r\n")
		s.inFlight(1)
		began := time.Now()
		s.stop()
		if took := time.Since(began); took != timeout || fmt.Sprint(s.drained) != "1 connections" {
			t.Errorf("the end took %v: %v", took, s.drained)
		}
		p.Close()
	})
}
