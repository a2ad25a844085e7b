package completion_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/completionport/completion"
	"github.com/completionport/completion/ops"
)

// transfer sends bytes one way through a connection, a piece at a time, with the end of the
// stream behind them, and returns when the last byte and the end arrived.
func transfer(t *testing.T, to io.Reader, from io.Writer, bytes, piece int) (data, end time.Duration) {
	t.Helper()
	begun := time.Now()
	go func() {
		for sent := 0; sent < bytes; sent += piece {
			from.Write(make([]byte, min(piece, bytes-sent)))
		}
		from.(interface{ CloseWrite() error }).CloseWrite()
	}()
	if _, err := io.ReadFull(to, make([]byte, bytes)); err != nil {
		t.Fatal(err)
	}
	data = time.Since(begun)
	if n, err := to.Read(make([]byte, 1)); n != 0 || err != io.EOF {
		t.Fatalf("read %d, %v behind the last byte", n, err)
	}
	return data, time.Since(begun)
}

// socket reads and writes as package net does.
type socket struct {
	port *completion.Port
	*completion.Socket
}

func (s socket) Read(p []byte) (int, error) {
	r := &ops.Read{From: s.Socket, Buf: completion.Own(p)}
	err := s.port.Await(context.Background(), r)
	return r.N(), err
}

func (s socket) Write(p []byte) (int, error) {
	w := &ops.Write{To: s.Socket, Buf: completion.Own(p)}
	err := s.port.Await(context.Background(), w)
	return w.N(), err
}

func (s socket) CloseWrite() error {
	return s.port.Await(context.Background(), &ops.CloseWrite{On: s.Socket})
}

// n bytes take n seconds divided by the rate, however they are cut, and also if they are
// more than the buffers hold.
func TestBubbleRate(t *testing.T) {
	for _, c := range []struct {
		rate, bytes, piece, limit int
		delay                     time.Duration
	}{
		{rate: 1000, bytes: 10_000, piece: 10_000},
		{rate: 3, bytes: 1000, piece: 1},
		{rate: 7, bytes: 5, piece: 3, delay: time.Hour},
		{rate: 100_000, bytes: 1_000_000, piece: 1 << 20},
		{rate: 100_000, bytes: 1_000_003, piece: 5000, limit: 777, delay: time.Second},
		{rate: 1 << 30, bytes: 100_000, piece: 100_000},
	} {
		want := time.Duration(c.bytes)*time.Second/time.Duration(c.rate) + c.delay
		for _, up := range []bool{true, false} {
			bubble(t, func(t *testing.T, m *completion.Memory, p *completion.Port) {
				s, conn := connection(t, m, p)
				m.Rate(c.rate)
				m.Delay(c.delay)
				m.LimitTransfer(c.limit)
				var to io.Reader = socket{p, s}
				var from io.Writer = conn
				if !up {
					to, from = conn, socket{p, s}
				}
				data, end := transfer(t, to, from, c.bytes, c.piece)
				if data != want || end != want {
					t.Errorf("%+v: the bytes took %v and the end %v, want %v", c, data, end, want)
				}
			})
		}
	}
}

// Bytes do not wait for the last of their write: a slow client makes progress.
func TestBubbleRateTrickles(t *testing.T) {
	bubble(t, func(t *testing.T, m *completion.Memory, p *completion.Port) {
		s, c := connection(t, m, p)
		m.Rate(100)
		begun := time.Now()
		c.Write(make([]byte, 100))
		took(t, begun, 0)
		for i := range 10 {
			if n, err := (socket{p, s}).Read(make([]byte, 100)); n != 10 || err != nil {
				t.Fatalf("read %d, %v", n, err)
			}
			took(t, begun, time.Duration(i+1)*time.Second/10)
		}
		m.Rate(0)
		c.Write([]byte("x"))
		(socket{p, s}).Read(make([]byte, 1))
		took(t, begun, time.Second)
	})
}

// passes reports how long a hundred bytes take from one end to the other.
func passes(t *testing.T, to io.Reader, from io.Writer) time.Duration {
	t.Helper()
	begun := time.Now()
	from.Write(make([]byte, 100))
	if _, err := io.ReadFull(to, make([]byte, 100)); err != nil {
		t.Error(err)
	}
	return time.Since(begun)
}

// Links are for one direction, and several on the way add up.
func TestBubbleLinks(t *testing.T) {
	bubble(t, func(t *testing.T, m *completion.Memory, p *completion.Port) {
		s, c := connection(t, m, p)
		server, client := s.LocalAddr().String(), c.LocalAddr().String()
		both := func(what string, up, down time.Duration) {
			t.Helper()
			u, d := passes(t, socket{p, s}, c), passes(t, c, socket{p, s})
			if u != up || d != down {
				t.Errorf("%s: it takes %v there and %v back, want %v and %v", what, u, d, up, down)
			}
		}
		both("no link", 0, 0)
		m.LinkTo("tcp", server, completion.Link{Rate: 10})
		both("slow to the server", 10*time.Second, 0)
		m.LinkFrom("tcp", server, completion.Link{Delay: time.Minute})
		both("far from the server", 10*time.Second, time.Minute)
		m.LinkTo("tcp", client, completion.Link{Rate: 50, Delay: time.Second})
		both("to the client", 10*time.Second, time.Minute+3*time.Second)
		m.LinkFrom("tcp", "10.0.0.1:1", completion.Link{Delay: time.Hour})
		both("not another's", 10*time.Second, time.Minute+3*time.Second)
		m.Rate(5)
		m.Delay(time.Second)
		both("on top of all", 21*time.Second, time.Minute+22*time.Second)
		for _, address := range []string{server, client} {
			m.LinkTo("tcp", address, completion.Link{})
			m.LinkFrom("tcp", address, completion.Link{})
		}
		m.Rate(0)
		both("no link any more", time.Second, time.Second)
		if err := m.LinkTo("tcp", "nonsense", completion.Link{}); err == nil {
			t.Error("an address that is none has a link")
		}
	})
}

// A connect passes the link to the listener, and a refusal the one back.
func TestBubbleLinkOfConnects(t *testing.T) {
	bubble(t, func(t *testing.T, m *completion.Memory, p *completion.Port) {
		m.LinkTo("tcp", "10.0.0.1:80", completion.Link{Delay: time.Second})
		m.LinkFrom("tcp", "10.0.0.1:80", completion.Link{Delay: time.Minute})
		begun := time.Now()
		// Windows has a number of its own, which is not syscall.ECONNREFUSED.
		if _, err := m.Dial("tcp", "10.0.0.1:80"); err == nil || !strings.Contains(err.Error(), "refused") {
			t.Errorf("dial: %v", err)
		}
		took(t, begun, time.Minute+time.Second)
		if _, err := p.Listen("tcp", "10.0.0.1:80"); err != nil {
			t.Fatal(err)
		}
		begun = time.Now()
		c, err := m.Dial("tcp", "10.0.0.1:80")
		if err != nil {
			t.Fatal(err)
		}
		took(t, begun, time.Second)
		c.Close()
	})
}

// A reset does not wait for bytes that have not left, and those that have arrive.
func TestBubbleRateReset(t *testing.T) {
	bubble(t, func(t *testing.T, m *completion.Memory, p *completion.Port) {
		s, c := connection(t, m, p)
		m.Rate(1000)
		m.Delay(time.Minute)
		begun := time.Now()
		for range 3 {
			c.Write(bytes.Repeat([]byte("x"), 1000))
		}
		time.AfterFunc(1234*time.Millisecond, func() { m.Reset(c) })
		got, err := io.ReadAll(socket{p, s})
		if len(got) != 1234 || !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("read %d bytes, %v", len(got), err)
		}
		took(t, begun, time.Minute+1234*time.Millisecond)
	})
}

// Each connection has the rate for itself.
func TestBubbleRateIsOfOneConnection(t *testing.T) {
	bubble(t, func(t *testing.T, m *completion.Memory, p *completion.Port) {
		m.Rate(10)
		begun := time.Now()
		ends := make(chan time.Duration)
		for range 3 {
			s, c := connection(t, m, p)
			go func() {
				go passes(t, c, socket{p, s})
				passes(t, socket{p, s}, c)
				ends <- time.Since(begun)
			}()
		}
		for range 3 {
			if d := <-ends; d != 10*time.Second {
				t.Errorf("it took %v", d)
			}
		}
		p.Close()
	})
}
