package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// netProxy is the proxy on package net, to compare its length: docs/lines.md. It does not
// let the kernel copy, since it has to see each piece: the idle time-out of a relay belongs
// to both directions.
type netProxy struct {
	options
	listener  net.Listener
	stderr    io.Writer
	dialing   context.Context
	stopDials context.CancelFunc
	clients   sync.WaitGroup

	mu     sync.Mutex
	conns  map[*net.TCPConn]bool // nil when the proxy has ended
	warned time.Time

	accepted, complete, cut, lost, bytesUp, bytesDown atomic.Int64
}

func netListen(o options) (*netProxy, error) {
	listener, err := net.Listen("tcp", o.address)
	if err != nil {
		return nil, err
	}
	p := &netProxy{options: o, listener: listener, stderr: io.Discard, conns: make(map[*net.TCPConn]bool)}
	p.dialing, p.stopDials = context.WithCancel(context.Background())
	return p, nil
}

func (p *netProxy) serve() {
	for {
		conn, err := p.listener.Accept()
		switch {
		case err == nil:
			first := int(p.accepted.Add(1)) - 1
			p.clients.Go(func() { p.serveClient(conn.(*net.TCPConn), first) })
		case errors.Is(err, net.ErrClosed):
			p.clients.Wait()
			return
		default:
			p.warn(err)
			time.Sleep(acceptPause)
		}
	}
}

func (p *netProxy) serveClient(client *net.TCPConn, first int) {
	client.SetLinger(0)
	defer p.forget(client)
	if !p.keep(client) {
		return
	}
	backend, err := p.reach(first)
	if err != nil {
		p.warn(err)
		p.lost.Add(1)
		return
	}
	backend.SetLinger(0)
	defer p.forget(backend)
	if !p.keep(backend) {
		return
	}
	r := &netRelay{netProxy: p, client: client, backend: backend}
	r.active()
	var both sync.WaitGroup
	both.Go(func() { r.copy(backend, client, &p.bytesUp) })
	both.Go(func() { r.copy(client, backend, &p.bytesDown) })
	both.Wait()
	if r.failed.Load() {
		p.cut.Add(1)
		return
	}
	p.complete.Add(1)
	client.SetLinger(-1)
	backend.SetLinger(-1)
}

// keep makes sure that a connection ends with the proxy.
func (p *netProxy) keep(conn *net.TCPConn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.conns == nil {
		return false
	}
	p.conns[conn] = true
	return true
}

func (p *netProxy) forget(conn *net.TCPConn) {
	conn.Close()
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.conns, conn)
}

func (p *netProxy) reach(first int) (*net.TCPConn, error) {
	dialer := net.Dialer{Timeout: p.connect}
	var errs []error
	for i := range p.to {
		conn, err := dialer.DialContext(p.dialing, "tcp", p.to[(first+i)%len(p.to)])
		if err == nil {
			return conn.(*net.TCPConn), nil
		}
		errs = append(errs, err)
		if p.dialing.Err() != nil {
			break
		}
	}
	return nil, errors.Join(errs...)
}

// netRelay is a client and its backend.
type netRelay struct {
	*netProxy
	client, backend *net.TCPConn
	idleAt          atomic.Int64
	failed          atomic.Bool
}

func (r *netRelay) active() time.Time {
	at := time.Now().Add(r.idle)
	r.idleAt.Store(at.UnixNano())
	return at
}

func (r *netRelay) copy(to, from *net.TCPConn, count *atomic.Int64) {
	buffer := make([]byte, 64<<10)
	for {
		from.SetReadDeadline(time.Unix(0, r.idleAt.Load()))
		n, err := from.Read(buffer)
		switch {
		case err == nil:
			to.SetWriteDeadline(r.active())
			n, err = to.Write(buffer[:n])
			count.Add(int64(n))
			r.active()
		case errors.Is(err, io.EOF):
			r.active()
			if err = to.CloseWrite(); err == nil {
				return
			}
		case errors.Is(err, os.ErrDeadlineExceeded) && r.idleAt.Load() > time.Now().UnixNano():
			continue // the other direction was active meanwhile
		}
		if err != nil {
			r.failed.Store(true)
			r.client.Close()
			r.backend.Close()
			return
		}
	}
}

// stop accepts no more clients, and waits for those that are there. It returns how many it
// had to cut off.
func (p *netProxy) stop() (cutShort int) {
	p.listener.Close()
	cutOff := time.AfterFunc(p.drain, func() {
		p.stopDials()
		p.mu.Lock()
		defer p.mu.Unlock()
		cutShort = len(p.conns)
		for conn := range p.conns {
			conn.Close()
		}
		p.conns = nil
	})
	p.clients.Wait()
	cutOff.Stop()
	p.stopDials()
	return cutShort
}

func (p *netProxy) warn(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if now := time.Now(); now.Sub(p.warned) > warningEvery {
		p.warned = now
		fmt.Fprintln(p.stderr, "proxy:", strings.ReplaceAll(err.Error(), "\n", "; "))
	}
}

func (p *netProxy) report(w io.Writer, cutShort int) {
	end := "all written"
	if cutShort > 0 {
		end = fmt.Sprintf("cut short: %d connections reset", cutShort)
	}
	fmt.Fprintf(w, `stopped, %s
  clients      %d accepted, %d complete, %d cut, %d without a backend
  copied       %d bytes to backends, %d bytes to clients
`, end, p.accepted.Load(), p.complete.Load(), p.cut.Load(), p.lost.Load(), p.bytesUp.Load(), p.bytesDown.Load())
}

// end of the program

func TestNet(t *testing.T) {
	p, err := netListen(options{
		address: "127.0.0.1:0", to: []string{"127.0.0.1:1", serveWith(t, echo).Addr().String()},
		connect: time.Hour, idle: time.Hour, drain: time.Hour,
	})
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan struct{})
	go func() { p.serve(); close(served) }()
	conn, err := dialTCP(p.listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	var both sync.WaitGroup
	both.Go(func() {
		conn.Write(block)
		conn.CloseWrite()
	})
	if n, err := io.Copy(io.Discard, conn); n != int64(len(block)) || err != nil {
		t.Errorf("%d bytes, %v", n, err)
	}
	both.Wait()
	cutShort := p.stop()
	<-served
	p.report(io.Discard, cutShort)
	if cutShort != 0 || p.complete.Load() != 1 || p.cut.Load() != 0 {
		t.Errorf("%d cut short, %d complete, %d cut", cutShort, p.complete.Load(), p.cut.Load())
	}
}
