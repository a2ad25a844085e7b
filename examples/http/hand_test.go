package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/completionport/completion"
)

const here = "10.0.0.1:80"

// The times of the servers in bubbles.
const (
	timeout = time.Hour
	idle    = 10 * time.Hour
)

// inBubble runs a test with the server made by hand on a Memory. Time passes only while all
// goroutines wait.
func inBubble(t *testing.T, test func(t *testing.T, s *serving)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := &serving{t: t, network: new(completion.Memory), stderr: new(bytes.Buffer)}
		port, err := completion.Open(&completion.Config{Memory: s.network})
		if err != nil {
			t.Fatal(err)
		}
		s.server, err = newHand(options{address: here, timeout: timeout, idle: idle}, port, s.stderr)
		if err != nil {
			t.Fatal(err)
		}
		test(t, s.begin())
	})
}

// inFlight checks how many operations of connections are in flight, when nothing moves.
func (s *serving) inFlight(want int) {
	s.t.Helper()
	synctest.Wait()
	if n := s.hand.port.Stats().InFlight - 1; n != want { // without the Accept
		s.t.Fatalf("%d operations of connections in flight, want %d", n, want)
	}
}

// holdsNoBuffer checks that no connection has a buffer or the rest of a request.
func (s *serving) holdsNoBuffer() {
	s.t.Helper()
	synctest.Wait()
	if in, out := s.hand.inputs.Lent(), s.hand.answers.Lent(); in != 0 || out != 0 {
		s.t.Errorf("%d and %d buffers are lent", in, out)
	}
}

// reader reads answers.
func (p *peer) reader() *bufio.Reader { return bufio.NewReader(p) }

// expect reads an answer, and checks its status and its body.
func (p *peer) expect(r *bufio.Reader, status int, want string) *http.Response {
	p.t.Helper()
	answer, err := http.ReadResponse(r, nil)
	if err != nil {
		p.t.Fatal(err)
	}
	body, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != status || want != "" && string(body) != want {
		p.t.Fatalf("the answer is %s, %.200q, %v, want %d, %.200q", answer.Status, body, err, status, want)
	}
	return answer
}

// expectEnd checks that the server ends the connection, and closes it.
func (p *peer) expectEnd(r io.Reader) {
	p.t.Helper()
	if rest, err := io.ReadAll(r); len(rest) > 0 || err != nil {
		p.t.Fatalf("the rest is %.200q, %v, want the end", rest, err)
	}
	p.Close()
}

func post(body string) string {
	return fmt.Sprintf("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
}

// Requests that come together are answered with one write, in their order. Then the
// connection is idle and has no buffer.
func TestPipelined(t *testing.T) {
	inBubble(t, func(t *testing.T, s *serving) {
		p := s.dial()
		r := p.reader()
		s.inFlight(1)
		before := s.hand.port.Stats().Submitted
		p.send(get + "\r\n" + post("a body") + get + "\r\n")
		p.expect(r, 200, welcome)
		p.expect(r, 200, "a body")
		p.expect(r, 200, welcome)
		s.inFlight(1)
		s.holdsNoBuffer()
		if n := s.hand.port.Stats().Submitted - before; n != 2 {
			t.Errorf("%d operations for a write and the next read", n)
		}
		p.Close()
		s.stopWith(0)
	})
}

// A request may come in any pieces.
func TestPieces(t *testing.T) {
	inBubble(t, func(t *testing.T, s *serving) {
		requests := post("one") + get + "\r\n" + post("two")
		for size := 1; size <= len(requests); size += 7 {
			p := s.dial()
			for rest := requests; rest != ""; {
				n := min(size, len(rest))
				p.send(rest[:n])
				rest = rest[n:]
				synctest.Wait()
			}
			r := p.reader()
			p.expect(r, 200, "one")
			p.expect(r, 200, welcome)
			p.expect(r, 200, "two")
			s.inFlight(1)
			s.holdsNoBuffer()
			p.Close()
		}
		s.stopWith(0)
	})
}

// A system that moves few bytes at a time makes reads short and writes take many calls.
func TestShortTransfers(t *testing.T) {
	inBubble(t, func(t *testing.T, s *serving) {
		s.network.LimitTransfer(7)
		long := strings.Repeat("some text ", 5000)
		p := s.dial()
		r := p.reader()
		go io.WriteString(p, post(long)+get+"\r\n")
		p.expect(r, 200, long)
		p.expect(r, 200, welcome)
		p.Close()
		s.stopWith(0)
	})
}

// What is refused gets its answer, behind those of the requests before it, and then the
// connection ends, whatever the client still sends.
func TestRefusedOnTheWire(t *testing.T) {
	inBubble(t, func(t *testing.T, s *serving) {
		for _, c := range refused {
			p := s.dial()
			r := p.reader()
			go io.WriteString(p, get+"\r\n"+c.in+strings.Repeat("\r\nmore", 10000))
			p.expect(r, 200, welcome)
			p.expect(r, c.status, "")
			p.expectEnd(r)
			s.inFlight(0)
		}
		s.holdsNoBuffer()
		s.stopWith(int64(len(refused)))
	})
}

func TestHead(t *testing.T) {
	inBubble(t, func(t *testing.T, s *serving) {
		p := s.dial()
		r := p.reader()
		p.send("HEAD /bytes?n=100 HTTP/1.1\r\nHost: x\r\n\r\n" + get + "\r\n")
		head, err := http.ReadResponse(r, &http.Request{Method: http.MethodHead})
		if err != nil || head.StatusCode != 200 || head.ContentLength != 100 {
			t.Fatalf("%v, %+v", err, head)
		}
		p.expect(r, 200, welcome)
		p.Close()
		s.stopWith(0)
	})
}

// Connection: close and HTTP/1.0 end the connection behind the answer.
func TestLast(t *testing.T) {
	inBubble(t, func(t *testing.T, s *serving) {
		for _, request := range []string{get + "Connection: close\r\n\r\n", "GET / HTTP/1.0\r\n\r\n"} {
			p := s.dial()
			r := p.reader()
			p.send(request + get + "\r\n")
			if answer := p.expect(r, 200, welcome); !answer.Close {
				t.Errorf("%q: the answer does not say that it is the last", request)
			}
			p.expectEnd(r)
		}
		s.inFlight(0)
		s.stopWith(0)
	})
}

// A client that waits for 100 Continue gets it, and one that does not wait gets none.
func TestExpect(t *testing.T) {
	inBubble(t, func(t *testing.T, s *serving) {
		p := s.dial()
		r := p.reader()
		expects := strings.Replace(post("a body"), "\r\n\r\n", "\r\nExpect: 100-continue\r\n\r\n", 1)
		head, body, _ := strings.Cut(expects, "\r\n\r\n")
		p.send(head + "\r\n\r\n")
		if line, err := r.ReadString('\n'); err != nil || line != "HTTP/1.1 100 Continue\r\n" {
			t.Fatalf("%q, %v", line, err)
		}
		r.ReadString('\n')
		p.send(body[:1])
		synctest.Wait()
		p.send(body[1:] + expects)
		p.expect(r, 200, "a body")
		p.expect(r, 200, "a body")
		p.send(expects[:len(expects)-1])
		synctest.Wait()
		p.send("y")
		p.expect(r, 200, "a body")
		p.Close()
		s.stopWith(0)
	})
}

// A client that announces 100 MB is refused at once. One that announces what is allowed and
// sends little gets little memory.
func TestAnnounced(t *testing.T) {
	inBubble(t, func(t *testing.T, s *serving) {
		p := s.dial()
		r := p.reader()
		p.send("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 100000000\r\n")
		p.expect(r, 413, "the body may have 1048576 bytes\n")
		p.expectEnd(r)
		p = s.dial()
		p.send("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1048576\r\n\r\nabc")
		s.inFlight(1)
		p.Close()
		s.inFlight(0)
		s.stopWith(2)
	})
}

// The memory for a request follows what has come of it, not what is announced.
func TestRoom(t *testing.T) {
	for _, c := range []struct{ needs, have, want int }{
		{0, 1, leastRest}, {0, 5000, 10000}, {mostBody, 3, leastRest}, {mostBody, 100000, 200000},
		{mostBody, mostBody - 1, mostBody}, {100, 99, 100}, {100, 5000, 10000},
	} {
		if n := (&connection{needs: c.needs}).room(c.have); n != c.want {
			t.Errorf("%d bytes for a request that needs %d and has %d, want %d", n, c.needs, c.have, c.want)
		}
	}
}

// Half a request and the end of the stream.
func TestHalfARequest(t *testing.T) {
	inBubble(t, func(t *testing.T, s *serving) {
		request := post("body")
		for cut := 1; cut < len(request); cut++ {
			p := s.dial()
			p.send(request[:cut])
			p.Conn.(interface{ CloseWrite() error }).CloseWrite()
			r := p.reader()
			p.expect(r, 400, "the end comes before the request is complete\n")
			p.expectEnd(r)
			s.inFlight(0)
		}
		s.stopWith(int64(len(request) - 1))
	})
}
