package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"sync"
	"testing"
	"time"
)

// netHand is the server made by hand on package net, to compare its length: docs/lines.md.
// The parser and the answers are the same.
type netHand struct {
	options
	counts
	warner
	listener net.Listener
	serving  sync.WaitGroup
	mu       sync.Mutex
	conns    map[*net.TCPConn]bool // and whether it has a request
	stopping bool
}

func newNetHand(o options, stderr io.Writer) (*netHand, error) {
	listener, err := net.Listen("tcp", o.address)
	return &netHand{options: o, warner: warner{stderr: stderr}, listener: listener, conns: make(map[*net.TCPConn]bool)}, err
}

func (s *netHand) addr() net.Addr { return s.listener.Addr() }
func (s *netHand) name() string   { return "net" }

func (s *netHand) serve() {
	for {
		conn, err := s.listener.Accept()
		switch {
		case err == nil:
			s.accepted.Add(1)
			s.serving.Go(func() { s.talk(conn.(*net.TCPConn)) })
		case errors.Is(err, net.ErrClosed):
			s.serving.Wait()
			return
		default:
			fmt.Fprintf(&s.warner, "%v; trying again every %v", err, acceptPause)
			time.Sleep(acceptPause)
		}
	}
}

func (s *netHand) talk(conn *net.TCPConn) {
	s.open.Add(1)
	err := s.exchange(conn)
	if err == nil { // the client has got its last answer
		conn.CloseWrite()
		conn.SetReadDeadline(time.Now().Add(s.timeout))
		_, err = io.Copy(io.Discard, conn)
	} else if !errors.Is(err, io.EOF) {
		s.failed.Add(1)
	}
	if err != nil && !errors.Is(err, io.EOF) {
		conn.SetLinger(0)
	}
	conn.Close()
	s.mu.Lock()
	delete(s.conns, conn)
	s.mu.Unlock()
	s.open.Add(-1)
}

// exchange answers requests. It returns nil after a last answer, and io.EOF if the connection
// ends without one.
func (s *netHand) exchange(conn *net.TCPConn) error {
	in, out, needs := make([]byte, inputSize), make([]byte, 0, answerSize), 0
	for have := 0; ; {
		if !s.limit(conn, have > 0) {
			return io.EOF
		}
		if have == len(in) {
			in = append(in, make([]byte, max(min(have, needs-have), inputSize))...)
		}
		n, err := conn.Read(in[have:])
		have += n
		refused := s.explain(err, have)
		switch {
		case have == 0 && errors.Is(err, os.ErrDeadlineExceeded):
			return io.EOF // it was idle for long, or the server stops
		case err != nil && refused == nil:
			return err
		}
		used, last := 0, false
		for again := true; again; used += n {
			out, n, needs, last, again = s.answer(in[used:have], out[:0], refused)
			conn.SetWriteDeadline(time.Now().Add(s.timeout * time.Duration(1+len(out)>>20)))
			if _, err := conn.Write(out); err != nil || last {
				return err
			}
		}
		have = copy(in, in[used:have])
		if used > 0 {
			s.limit(conn, false)
		}
		in, out = shrink(in, have), shrink(out, 0)[:0]
	}
}

// shrink returns b, or the first n bytes of it in less memory if they need no more.
func shrink(b []byte, n int) []byte {
	if n < inputSize && cap(b) > inputSize {
		return append(make([]byte, 0, inputSize), b[:n]...)[:inputSize]
	}
	return b
}

// explain returns the refusal for a read that failed, or nil if there is nobody to tell.
func (s *netHand) explain(err error, have int) error {
	switch {
	case err == nil:
		return nil
	case have > 0 && errors.Is(err, io.EOF):
		return bad("the end comes before the request is complete")
	case have > 0 && errors.Is(err, os.ErrDeadlineExceeded):
		return &refusal{http.StatusRequestTimeout, "the request takes too long"}
	}
	return nil
}

// answer appends the answers to the requests of in to out.
func (s *netHand) answer(in, out []byte, refused error) (answers []byte, used, needs int, last, again bool) {
	for refused == nil && !last && used < len(in) && len(out) < enough {
		r, err := parse(in[used:])
		if refused = err; err != nil || r.head == 0 {
			break
		}
		if needs = r.head + r.body; len(in)-used < needs {
			if r.expects && len(in)-used == r.head {
				out = append(out, "HTTP/1.1 100 Continue\r\n\r\n"...)
			}
			break
		}
		s.mu.Lock()
		r.last = r.last || s.stopping && used+needs == len(in)
		s.mu.Unlock()
		out = appendAnswer(out, &r, in[used+r.head:used+needs])
		used, needs, last = used+needs, 0, r.last
		s.answered.Add(1)
	}
	if refused != nil {
		s.failed.Add(1)
		return appendRefusal(out, refused), used, 0, true, false
	}
	return out, used, needs, last, len(out) >= enough && used < len(in) && !last
}

// limit sets the deadline of the next read: of a request from its first byte on, or of a
// connection without one. It returns false if such a connection has to end.
func (s *netHand) limit(conn *net.TCPConn, begun bool) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	had := s.conns[conn]
	s.conns[conn] = begun
	switch {
	case begun && !had:
		conn.SetReadDeadline(time.Now().Add(s.timeout))
	case !begun:
		conn.SetReadDeadline(time.Now().Add(s.idle))
	}
	return begun || !s.stopping
}

// drain ends the reads of connections without a request, and waits for the others.
func (s *netHand) drain() error {
	s.listener.Close()
	s.mu.Lock()
	s.stopping = true
	for conn, begun := range s.conns {
		if !begun {
			conn.SetReadDeadline(time.Now())
		}
	}
	s.mu.Unlock()
	var cut error
	cutOff := time.AfterFunc(s.timeout, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		cut = fmt.Errorf("%d connections", len(s.conns))
		for conn := range s.conns {
			conn.Close()
		}
	})
	s.serving.Wait()
	cutOff.Stop()
	return cut
}

func (s *netHand) report(w io.Writer, drained error) { s.counts.report(w, drained) }

// end of the program

func TestNet(t *testing.T) {
	s := &serving{t: t}
	n, err := newNetHand(options{address: "127.0.0.1:0", timeout: time.Hour, idle: time.Hour}, io.Discard)
	if err != nil {
		t.Skip(err)
	}
	s.server, s.counts = n, &n.counts
	s.begin()
	p := s.dial()
	r := p.reader()
	p.send(get + "\r\n" + post("a body") + "GET /bytes?n=1048576 HTTP/1.1\r\nHost: x\r\n\r\n" + get)
	p.expect(r, 200, welcome)
	p.expect(r, 200, "a body")
	p.expect(r, 200, string(content))
	p.send("\r\n")
	p.expect(r, 200, welcome)
	for _, c := range refused {
		bad := s.dial()
		r := bad.reader()
		bad.send(c.in + "\r\n\r\n")
		bad.expect(r, c.status, "")
		bad.expectEnd(r)
	}
	p.send(post(string(content)))
	p.expect(r, 200, string(content))
	s.stop()
	p.expectEnd(r)
}
