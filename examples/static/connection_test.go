package main

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/completionport/completion"
)

const get = "GET /ten.txt HTTP/1.1\r\nHost: x\r\n"

// Requests that come together, or in pieces of any size, are answered in their order.
func TestPipelined(t *testing.T) {
	inBubble(t, func(t *testing.T, s *serving) {
		text := get + "\r\nGET /long.bin HTTP/1.1\r\nHost: x\r\n\r\nHEAD / HTTP/1.1\r\nHost: x\r\n\r\n" + get + "Connection: close\r\n\r\n" + get
		for _, size := range []int{len(text), 50, 7, 1} {
			p := s.dial()
			go func() {
				for rest := text; rest != ""; rest = rest[min(size, len(rest)):] {
					p.Write([]byte(rest[:min(size, len(rest))]))
				}
			}()
			p.expect(200, "0123456789")
			p.expect(200, string(long))
			if answer, err := http.ReadResponse(p.Reader, &http.Request{Method: "HEAD"}); err != nil || answer.ContentLength != 10 {
				t.Fatalf("%v, %v", answer, err)
			}
			if answer := p.expect(200, "0123456789"); !answer.Close {
				t.Error("the answer does not say that it is the last")
			}
			p.expectEnd()
		}
		s.stop(0)
	})
}

// Short transfers cut heads and pieces anywhere.
func TestShortTransfers(t *testing.T) {
	inBubble(t, func(t *testing.T, s *serving) {
		s.network.LimitTransfer(777)
		for range 3 {
			if _, body := s.get("GET", "/long.bin"); body != string(long) {
				t.Error("other bytes came")
			}
		}
		s.stop(0)
	})
}

// What is refused ends the connection, behind the answers before it.
func TestRefused(t *testing.T) {
	refused := []struct {
		text   string
		status int
	}{
		{"\x16\x03\x01", 400},
		{"hello\r\n\r\n", 400},
		{"GET / HTTP/1.1\n\n\r\n\r\n", 400},
		{"GET / HTTP/1.1\r\nHost: x\nA: b\r\n\r\n", 400},
		{"GET / HTTP/1.1\r\n\r\n", 400},
		{"GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", 400},
		{"GET nowhere HTTP/1.1\r\nHost: x\r\n\r\n", 400},
		{"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", 400},
		{"GET / HTTP/2.0\r\nHost: x\r\n\r\n", 505},
		{"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc", 405},
		{"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", 405},
		{"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc", 413},
		{"GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 413},
		{"GET / HTTP/1.1\r\nHost: x\r\nA: " + strings.Repeat("a", mostHead), 431},
	}
	inBubble(t, func(t *testing.T, s *serving) {
		for _, c := range refused {
			p := s.dial()
			p.send(get + "\r\n" + c.text)
			p.expect(200, "0123456789")
			if answer := p.expect(c.status, ""); !answer.Close {
				t.Errorf("%q: the answer does not say that it is the last", c.text)
			}
			p.expectEnd()
		}
		s.stop(int64(len(refused)))
	})
}

// Random bytes are refused, or the connection ends. Nothing is left.
func TestGarbage(t *testing.T) {
	inBubble(t, func(t *testing.T, s *serving) {
		random := rand.New(rand.NewPCG(1, 2))
		words := []string{"GET ", "/ ", "HTTP/1.1", "\r\n", "\r\n\r\n", "Host: x\r\n", "\x00", "Range: bytes=", "9", "-", ":", " ", "%", ".."}
		for range 500 {
			garbage := string(rune(random.IntN(256)))
			for range random.IntN(50) {
				garbage += words[random.IntN(len(words))]
			}
			p := s.dial()
			p.send(garbage)
			p.Conn.(interface{ CloseWrite() error }).CloseWrite()
			if answers, err := io.ReadAll(p); err != nil || len(answers) > 0 && !bytes.HasPrefix(answers, []byte("HTTP/1.1 ")) {
				t.Fatalf("%q is answered with %q, %v", garbage, answers, err)
			}
			p.Close()
		}
		s.stop(s.failed.Load())
	})
}

// A file that becomes shorter while it is sent ends the connection with a reset: the client must
// not take a part for the whole.
func TestFileShrinks(t *testing.T) {
	inBubble(t, func(t *testing.T, s *serving) {
		must(t, s.network.LinkFrom("tcp", here, completion.Link{Rate: 100_000})) // the file takes some seconds
		p := s.dial()
		p.send("GET /long.bin HTTP/1.1\r\nHost: x\r\n\r\n")
		synctest.Wait()
		must(t, os.Truncate(filepath.Join(s.folder, "long.bin"), piece+10))
		answer, err := http.ReadResponse(p.Reader, nil)
		must(t, err)
		const wsaeConnReset = syscall.Errno(10054) // package syscall has another number for it
		n, err := io.Copy(io.Discard, answer.Body)
		if !errors.Is(err, syscall.ECONNRESET) && !errors.Is(err, wsaeConnReset) || n > piece+10 {
			t.Errorf("the client got %d bytes, and %v", n, err)
		}
		p.Close()
		s.stop(1)
	})
}

// A request has the timeout from its first byte on, and a connection without one the idle time.
func TestSlow(t *testing.T) {
	inBubble(t, func(t *testing.T, s *serving) {
		p, began := s.dial(), time.Now()
		for _, b := range []byte("GET / HT") { // never complete
			p.send(string(b))
			time.Sleep(timeout / 8)
		}
		p.expect(408, "the request takes too long\n")
		if took := time.Since(began); took != timeout {
			t.Errorf("the request was refused after %v", took)
		}
		p.expectEnd()
		p, began = s.dial(), time.Now()
		p.expectEnd()
		if took := time.Since(began); took != idle {
			t.Errorf("the idle connection was closed after %v", took)
		}
		s.stop(1)
	})
}

// A client that takes a piece in each timeout gets all. One that takes nothing is cut off.
func TestTakesSlowly(t *testing.T) {
	inBubble(t, func(t *testing.T, s *serving) {
		const request = "GET /long.bin HTTP/1.1\r\nHost: x\r\n\r\n"
		p := s.dial()
		p.send(strings.Repeat(request, 10))
		for range 10 {
			time.Sleep(timeout - 1)
			p.expect(200, string(long))
		}
		p.Close()
		p = s.dial()
		p.send(strings.Repeat(request, 10))
		time.Sleep(timeout - 1)
		synctest.Wait()
		if n := s.open.Load(); n != 1 {
			t.Errorf("%d connections are open before the timeout", n)
		}
		time.Sleep(2 * time.Nanosecond)
		synctest.Wait()
		if n := s.open.Load(); n != 0 {
			t.Errorf("%d connections are open behind the timeout", n)
		}
		p.Close()
		s.stop(1)
	})
}

// A server that stops answers what has begun, and then closes.
func TestDrain(t *testing.T) {
	inBubble(t, func(t *testing.T, s *serving) {
		silent, half, busy := s.dial(), s.dial(), s.dial()
		half.send(get)
		busy.send("GET /long.bin HTTP/1.1\r\nHost: x\r\n\r\n" + get + "\r\n")
		synctest.Wait()
		stopped := make(chan struct{})
		go func() { s.stop(0); close(stopped) }()
		silent.expectEnd()
		half.send("\r\n")
		if answer := half.expect(200, "0123456789"); !answer.Close {
			t.Error("the answer does not say that it is the last")
		}
		half.expectEnd()
		busy.expect(200, string(long))
		busy.expect(200, "0123456789")
		busy.expectEnd()
		<-stopped
	})
}

// A port that is closed in the middle of everything leaves nothing.
func TestCutOff(t *testing.T) {
	inBubble(t, func(t *testing.T, s *serving) {
		var all []*peer
		for range 5 {
			p := s.dial()
			p.send(strings.Repeat("GET /long.bin HTTP/1.1\r\nHost: x\r\n\r\n", 10))
			all = append(all, p)
		}
		synctest.Wait()
		s.stopped = true
		if err := s.drain(); err == nil {
			t.Error("the end was not cut off")
		}
		<-s.ended
		if st := s.port.Stats(); st.InFlight != 0 || st.Handles != 0 || s.open.Load() != 0 {
			t.Errorf("%+v", st)
		}
		for _, p := range all {
			p.Close()
		}
	})
}
