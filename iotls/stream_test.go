package iotls_test

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/completionport/completion"
	"github.com/completionport/completion/iotls"
	"github.com/completionport/completion/ops"
)

// Both sides, both versions: plain bytes go both ways, and the ends of both streams.
func TestBothSides(t *testing.T) {
	everywhere(t, func(p *place) {
		for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
			for _, isClient := range []bool{false, true} {
				server, client := serverConfig.Clone(), clientConfig.Clone()
				server.MaxVersion = version
				server.NextProtos, client.NextProtos = []string{"b", "a"}, []string{"a"}
				s, raw := p.pair()
				peer := p.secure(s, raw, server, client, isClient)
				talk(p, s, peer)
				state, ok := iotls.ConnectionState(s)
				if !ok || state.Version != version || state.NegotiatedProtocol != "a" {
					p.Errorf("client %v: %v, version %x, protocol %q", isClient, ok, state.Version, state.NegotiatedProtocol)
				}
				s.Close()
				if _, ok := iotls.ConnectionState(s); ok {
					p.Error("a closed socket has a state")
				}
			}
		}
	})
}

func talk(p *place, s *completion.Socket, peer *tls.Conn) {
	p.Helper()
	done := make(chan error, 1)
	go func() { done <- answer(peer, "hello", "world") }()
	p.must(&ops.Write{To: s, Buf: own([]byte("hello"))})
	full := &ops.Read{From: s, Buf: own(make([]byte, 2)), Full: true}
	p.must(full)
	pooled := &ops.Read{From: s, Pool: p.port.NewPool(4096, 2)}
	p.must(pooled)
	if got := string(full.Buf.Bytes()) + string(pooled.Buf.Bytes()); got != "world" {
		p.Errorf("read %q", got)
	}
	pooled.Release()
	if err := <-done; err != nil {
		p.Errorf("the peer: %v", err)
	}
	for range 2 {
		if err := p.await(pooled); err != io.EOF || pooled.Buf != nil {
			p.Errorf("after close-notify: %v", err)
		}
	}
	p.must(&ops.Write{To: s, Buf: own([]byte("more"))}) // the other direction goes on
	p.must(&ops.CloseWrite{On: s})
	if b, err := io.ReadAll(peer); err != nil || string(b) != "more" {
		p.Errorf("the peer has read %q, %v", b, err)
	}
	late := &ops.Write{To: s, Buf: own([]byte("x"))}
	if err := p.await(late); !errors.Is(err, syscall.EPIPE) {
		p.Errorf("a write after the end: %v", err)
	}
}

// answer waits for a question, sends the answer, and ends the stream.
func answer(peer *tls.Conn, question, answer string) error {
	b := make([]byte, len(question))
	if _, err := io.ReadFull(peer, b); err != nil || string(b) != question {
		return fmt.Errorf("%q, %w", b, err)
	}
	_, err := peer.Write([]byte(answer))
	return errors.Join(err, peer.CloseWrite())
}

// 64 MiB both ways at once, in pieces of all sizes.
func TestBulk(t *testing.T) {
	everywhere(t, func(p *place) {
		total := 64 << 20
		if testing.Short() || p.Name() == "TestBulk/iocp" {
			total = 4 << 20
		}
		s, peer := p.securePair()
		var all sync.WaitGroup
		all.Go(func() {
			if err := sendPattern(peer, total); err != nil {
				t.Errorf("the peer sends: %v", err)
			}
			peer.CloseWrite()
		})
		all.Go(func() {
			if err := checkPattern(peer, total); err != nil {
				t.Errorf("the peer receives: %v", err)
			}
		})
		w := &portWriter{p, s}
		all.Go(func() {
			if err := sendPattern(w, total); err != nil {
				t.Errorf("the port sends: %v", err)
			}
			if err := p.await(&ops.CloseWrite{On: s}); err != nil {
				t.Error(err)
			}
		})
		if err := checkPattern(&portReader{p: p, s: s, pool: p.port.NewPool(9000, 4)}, total); err != nil {
			t.Errorf("the port receives: %v", err)
		}
		all.Wait()
	})
}

type portWriter struct {
	p *place
	s *completion.Socket
}

func (w *portWriter) Write(b []byte) (int, error) {
	op := &ops.Write{To: w.s, Buf: own(b)}
	err := w.p.await(op)
	return op.N(), err
}

// portReader reads by turns into the caller's memory, until it is full, and from a pool.
type portReader struct {
	p    *place
	s    *completion.Socket
	pool *completion.Pool
	turn int
}

func (r *portReader) Read(b []byte) (int, error) {
	r.turn++
	op := &ops.Read{From: r.s}
	switch r.turn % 3 {
	case 0:
		op.Pool = r.pool
		op.Full = r.turn%2 == 0
	case 1:
		op.Buf = own(b)
	default:
		op.Buf, op.Full = own(b[:min(len(b), 777)]), true
	}
	err := r.p.await(op)
	switch {
	case err == io.ErrUnexpectedEOF && op.N() > 0:
		err = nil
	case err == nil && op.Pool == nil && op.Full && op.N() < len(op.Buf.Memory()):
		err = errors.New("a full read is short")
	}
	if op.Pool == nil {
		return op.N(), err
	}
	n := 0
	if op.Buf != nil {
		n = copy(b, op.Buf.Bytes())
		op.Release()
	}
	return n, err
}

func pattern(at int) byte { return byte(at ^ at>>8 ^ at>>16) }

func sendPattern(w io.Writer, total int) error {
	sizes := []int{1, 100, 16 << 10, 5000, 300 << 10, 1 << 20}
	for at, i := 0, 0; at < total; i++ {
		b := make([]byte, min(sizes[i%len(sizes)], total-at))
		for j := range b {
			b[j] = pattern(at + j)
		}
		n, err := w.Write(b)
		if err != nil || n != len(b) {
			return errors.Join(err, errors.New("short write"))
		}
		at += len(b)
	}
	return nil
}

func checkPattern(r io.Reader, total int) error {
	b := make([]byte, 64<<10)
	for at := 0; ; {
		n, err := r.Read(b)
		for j := range n {
			if b[j] != pattern(at+j) {
				return errors.New("wrong data")
			}
		}
		at += n
		switch {
		case err == io.EOF && at == total:
			return nil
		case err != nil:
			return err
		}
	}
}

// The end of the connection without close-notify is not the end of the stream.
func TestTruncated(t *testing.T) {
	everywhere(t, func(p *place) {
		s, raw := p.pair()
		peer := p.secure(s, raw, serverConfig, clientConfig, false)
		peer.Write([]byte("abc"))
		raw.Close()
		read := &ops.Read{From: s, Buf: own(make([]byte, 10))}
		p.must(read)
		if got := string(read.Buf.Bytes()); got != "abc" {
			p.Errorf("read %q", got)
		}
		for range 2 {
			if err := p.await(read); err != io.ErrUnexpectedEOF {
				p.Errorf("read: %v", err)
			}
		}
	})
}

// A record that was changed on its way ends the read with the error of crypto/tls, and the
// peer gets an alert.
func TestBadRecord(t *testing.T) {
	everywhere(t, func(p *place) {
		s, raw := p.pair()
		filter := &flipping{Conn: raw}
		peer := p.secure(s, filter, serverConfig, clientConfig, false)
		filter.flip = true
		peer.Write(bytes.Repeat([]byte("x"), 100))
		read := &ops.Read{From: s, Buf: own(make([]byte, 10))}
		for range 2 {
			err := p.await(read)
			var remote *net.OpError
			if err == nil || !strings.Contains(err.Error(), "bad record MAC") || !errors.As(err, &remote) {
				p.Errorf("read: %v", err)
			}
		}
		if err := p.await(&ops.Write{To: s, Buf: own([]byte("x"))}); err == nil || !strings.Contains(err.Error(), "bad record MAC") {
			p.Errorf("write: %v", err)
		}
		filter.flip = false
		if _, err := peer.Read(make([]byte, 1)); err == nil || !strings.Contains(err.Error(), "remote error: tls: bad record MAC") {
			p.Errorf("the peer has read: %v", err)
		}
	})
}

// flipping changes a bit of what is written.
type flipping struct {
	net.Conn
	flip bool
}

func (f *flipping) Write(p []byte) (int, error) {
	if !f.flip {
		return f.Conn.Write(p)
	}
	changed := bytes.Clone(p)
	changed[len(p)-1] ^= 1
	return f.Conn.Write(changed)
}

// The keys belong to the port, so the socket stays.
func TestDetach(t *testing.T) {
	everywhere(t, func(p *place) {
		s, raw := p.pair()
		peer := p.secure(s, raw, serverConfig, clientConfig, false)
		if c, err := s.Detach(); !errors.Is(err, errors.ErrUnsupported) {
			p.Errorf("detached: %v, %v", c, err)
		}
		talk(p, s, peer)
	})
}
