package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/completionport/completion"
)

// A mistake in the protocol is answered, and so are the requests before it. Then the
// connection ends, whatever the client still sends.
func TestProtocolError(t *testing.T) {
	inBubble(t, func(t *testing.T, s *serving) {
		for _, c := range parsing {
			if c.fails == "" {
				continue
			}
			p := s.dial()
			p.send("PING\r\n" + strings.TrimPrefix(c.in, "PING\r\n") + strings.Repeat("more", 100))
			p.expect("+PONG\r\n-ERR Protocol error: " + c.fails + "\r\n")
			p.send("and more")
			p.expectEnd()
		}
		s.inFlight(0)
		s.stopWith(0)
	})
}

// Announcements alone get no memory: a client that announces much and sends little.
func TestAnnounced(t *testing.T) {
	inBubble(t, func(t *testing.T, s *serving) {
		p := s.dial()
		p.send("*1048576\r\n$67108864\r\nabc")
		s.inFlight(1)
		p.Close() // half a request, and then the end: nothing to answer
		s.inFlight(0)
		s.stopWith(0)
	})
}

// Garbage is answered with errors only, or ends the connection. Nothing is left behind.
func TestGarbage(t *testing.T) {
	inBubble(t, func(t *testing.T, s *serving) {
		random := rand.New(rand.NewPCG(1, 2))
		for range 200 {
			garbage := make([]byte, random.IntN(2000))
			for i := range garbage {
				garbage[i] = byte(random.IntN(256))
				if random.IntN(8) == 0 {
					garbage[i] = "*$\r\n0123"[random.IntN(8)]
				}
			}
			p := s.dial()
			p.send(string(garbage))
			p.Conn.(interface{ CloseWrite() error }).CloseWrite()
			answers, err := io.ReadAll(p)
			if err != nil {
				t.Fatal(err)
			}
			for line := range bytes.Lines(answers) {
				if !bytes.HasPrefix(line, []byte("-ERR ")) || !bytes.HasSuffix(line, []byte("\r\n")) {
					t.Fatalf("%q is answered with %q", garbage, line)
				}
			}
			p.Close()
		}
		s.inFlight(0)
		s.stopWith(0)
	})
}

// The last request of a page of a browser gets an error, and what is behind it nothing.
func TestHTTP(t *testing.T) {
	inBubble(t, func(t *testing.T, s *serving) {
		p := s.dial()
		p.send("POST / HTTP/1.1\r\nHost: x\r\n\r\nSET k v\r\n")
		p.expect("-ERR unknown command 'POST', with args beginning with: '/' 'HTTP/1.1' \r\n")
		p.expectEnd()
		if n, _ := s.store.size(); n != 0 {
			t.Error("the page has set a key")
		}
		s.stopWith(0)
	})
}

// After QUIT there are no more answers. A client that stays is cut off after a while.
func TestQuit(t *testing.T) {
	inBubble(t, func(t *testing.T, s *serving) {
		p := s.dial()
		p.send("PING\r\nQUIT\r\nPING\r\n")
		p.expect("+PONG\r\n+OK\r\n")
		p.expectEnd()

		stays := s.dial()
		stays.send("QUIT\r\n")
		stays.expect("+OK\r\n")
		s.inFlight(1)
		time.Sleep(time.Hour - 1)
		stays.send("more")
		s.inFlight(1)
		time.Sleep(time.Nanosecond)
		s.inFlight(0)
		stays.Close()
		s.stopWith(0)
	})
}

// A client may be silent for days, but not in the middle of a request.
func TestSilence(t *testing.T) {
	inBubble(t, func(t *testing.T, s *serving) {
		silent, slow, half := s.dial(), s.dial(), s.dial()
		for _, b := range []byte("PING\r") {
			slow.send(string(b))
			half.send("*")
			time.Sleep(time.Hour - 1)
			half.send("0\r\n")
		}
		slow.send("\n")
		slow.expect("+PONG\r\n")
		half.send("*1\r\n$4")
		s.inFlight(3)
		time.Sleep(time.Hour)
		s.inFlight(2)
		if _, err := half.Read(make([]byte, 1)); !wasReset(err) {
			t.Errorf("in the middle of a request the client gets %v", err)
		}
		time.Sleep(100 * time.Hour)
		silent.ask("PING\r\n", "+PONG\r\n")
		for _, p := range []*peer{silent, slow, half} {
			p.Close()
		}
		s.stopWith(1)
	})
}

// A client that sends and never reads: the server stops to read, and cuts it off after a
// while. Others are served meanwhile.
func TestNeverReads(t *testing.T) {
	inBubble(t, func(t *testing.T, s *serving) {
		value := strings.Repeat("v", 100<<10)
		other := s.dial()
		other.ask(array("SET", "k", value), "+OK\r\n")

		const deafs = 5
		var blocked sync.WaitGroup
		for range deafs {
			deaf := s.dial()
			blocked.Go(func() { sendUntilCut(deaf) })
		}
		s.inFlight(deafs + 1) // a write for each of them, and no read
		other.ask("GET k\r\nPING\r\n", fmt.Sprintf("$%d\r\n%s\r\n+PONG\r\n", len(value), value))
		executed := s.executed.Load()
		time.Sleep(time.Minute)
		if n := s.executed.Load(); n != executed {
			t.Errorf("%d requests executed while no answer was read", n-executed)
		}
		blocked.Wait()
		s.inFlight(1)
		other.Close()
		s.stopWith(deafs)
	})
}

// wasReset tells whether a client has got a reset. On Windows package syscall has another
// number for it.
func wasReset(err error) bool {
	const wsaeConnReset = syscall.Errno(10054)
	return errors.Is(err, syscall.ECONNRESET) || errors.Is(err, wsaeConnReset)
}

// sendUntilCut sends requests, reads nothing, and checks how the server ends that.
func sendUntilCut(p *peer) {
	requests := strings.Repeat("GET k\r\n", 1000)
	for {
		if _, err := io.WriteString(p, requests); err != nil {
			if !wasReset(err) && !errors.Is(err, syscall.EPIPE) {
				p.t.Error(err)
			}
			p.Close()
			return
		}
	}
}

// Nobody waits for the buffers of answers, which clients that never read may have.
func TestNoBuffers(t *testing.T) {
	inBubble(t, func(t *testing.T, s *serving) {
		var taken []*completion.Buffer
		for buf := s.queue.answers.Take(); buf != nil; buf = s.queue.answers.Take() {
			taken = append(taken, buf)
		}
		if len(taken) != answerCount {
			t.Errorf("%d buffers, want %d", len(taken), answerCount)
		}
		p := s.dial()
		value := strings.Repeat("v", 2*answerSize)
		p.ask("PING\r\n"+array("ECHO", value), fmt.Sprintf("+PONG\r\n$%d\r\n%s\r\n", len(value), value))
		p.Close()
		for _, buf := range taken {
			buf.Release()
		}
		s.stopWith(0)
	})
}

// A client that reads late gets all answers, also those of requests that had to wait.
func TestReadsLate(t *testing.T) {
	inBubble(t, func(t *testing.T, s *serving) {
		p := s.dial()
		value := strings.Repeat("v", 300<<10)
		p.ask(array("SET", "k", value), "+OK\r\n")
		one, n := fmt.Sprintf("$%d\r\n%s\r\n", len(value), value), 50
		p.send(strings.Repeat("GET k\r\n", n)) // 350 bytes for 15 MB
		s.inFlight(1)
		time.Sleep(time.Hour / 2)
		if executed := s.executed.Load(); executed > 10 {
			t.Errorf("%d requests were executed before an answer was read", executed)
		}
		for range n {
			p.expect(one)
		}
		p.ask("PING\r\n", "+PONG\r\n")
		p.Close()
		s.stopWith(0)
	})
}

// On the loopback, in both styles: a client that never reads is cut off, after the shortest
// time. The test waits for that, however long it takes.
func TestNeverReadsTCP(t *testing.T) {
	for _, style := range []string{"queue", "net"} {
		t.Run(style, func(t *testing.T) {
			s := serveTCP(t, "-style", style, "-timeout", "1ms")
			deaf := s.dial()
			value := strings.Repeat("v", 64<<10)
			deaf.send("PING\r\n")
			deaf.expect("+PONG\r\n")
			s.store.set([]byte("k"), []byte(value), always, 0)
			for {
				if _, err := io.WriteString(deaf, strings.Repeat("GET k\r\n", 100)); err != nil {
					if errors.Is(err, os.ErrDeadlineExceeded) {
						t.Fatal(err)
					}
					break
				}
			}
			deaf.Close()
			s.stopWith(1)
		})
	}
}
