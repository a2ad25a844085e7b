package ionet_test

import (
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/completionport/completion/ionet"
)

// What follows a CloseRead has read nothing, whatever the Read before it has read.
func TestReadAfterCloseRead(t *testing.T) {
	each(t, func(t *testing.T, w world) {
		a, b := w.pair(t)
		_, err := io.WriteString(b, "four")
		must(t, err)
		if n, err := a.Read(make([]byte, 4)); n != 4 || err != nil {
			t.Fatalf("read %d, %v", n, err)
		}
		must(t, a.CloseRead())
		if n, err := a.Read(make([]byte, 1)); n != 0 || err != io.EOF {
			t.Errorf("read %d, %v", n, err)
		}
		if n, err := a.WriteTo(io.Discard); n != 0 || err != nil {
			t.Errorf("copied %d, %v", n, err)
		}
		must(t, a.SetReadDeadline(time.Unix(1, 0)))
		_, err = a.Read(make([]byte, 1))
		failsWith(t, err, "read", os.ErrDeadlineExceeded)
		must(t, a.Close())
		for _, p := range [][]byte{nil, make([]byte, 1)} {
			_, err = a.Read(p)
			failsWith(t, err, "read", net.ErrClosed)
		}
		_, err = a.WriteTo(io.Discard)
		failsWith(t, err, "writeto", net.ErrClosed)
	})
}

// A CloseRead ends a Read that begins at the same time.
func TestCloseReadMeetsRead(t *testing.T) {
	p := onMemory(t)
	for range 5000 {
		a, _, stop, err := worlds[2].pipe(t, p)
		must(t, err)
		read := make(chan error)
		go func() {
			_, err := a.Read(make([]byte, 1))
			read <- err
		}()
		must(t, a.CloseRead())
		if err := <-read; err != io.EOF {
			t.Fatalf("it ends with %v", err)
		}
		stop()
	}
}

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, io.ErrNoProgress }

type brokenWriter struct{}

func (brokenWriter) Write(p []byte) (int, error) { return 1, io.ErrNoProgress }

// A copy that ends in the middle counts what it has moved, and its error is as that of
// package net, whichever side it comes from.
func TestBrokenCopies(t *testing.T) {
	each(t, func(t *testing.T, w world) {
		a, b := w.pair(t)
		n, err := a.ReadFrom(io.MultiReader(strings.NewReader("abc"), brokenReader{}))
		failsWith(t, err, "readfrom", io.ErrNoProgress)
		if n != 3 {
			t.Errorf("sent %d", n)
		}
		n, err = b.WriteTo(brokenWriter{})
		failsWith(t, err, "writeto", io.ErrNoProgress)
		if n != 1 {
			t.Errorf("received %d", n)
		}
		must(t, a.Close())
		_, err = a.ReadFrom(strings.NewReader("abc"))
		failsWith(t, err, "readfrom", net.ErrClosed)
	})
}

// The operations in errors are those of package net.
func TestNamesInErrors(t *testing.T) {
	each(t, func(t *testing.T, w world) {
		p := w.open(t)
		l, err := ionet.ListenConfig{Port: p}.Listen(t.Context(), w.network, w.address(t))
		must(t, err)
		must(t, l.Close())
		failsWith(t, l.(*ionet.Listener).SetDeadline(time.Now()), "set", net.ErrClosed)
		a, b, stop, err := w.pipe(t, p)
		must(t, err)
		defer stop()
		if w.network == "unix" {
			var failure *net.OpError // with an errno of the system
			if err := a.SetNoDelay(true); !errors.As(err, &failure) || failure.Op != "set" {
				t.Errorf("a unix socket without delay: %v", err)
			}
			return
		}
		must(t, a.SetLinger(0))
		must(t, a.Close())
		io.Copy(io.Discard, b)
		if w.name == "memory" {
			failsWith(t, b.CloseWrite(), "close", syscall.ENOTCONN)
		}
	})
}

// A mistake panics, and a program that recovers from that, as net/http does, can still use
// and close the connection.
func TestConnAfterPanic(t *testing.T) {
	each(t, func(t *testing.T, w world) {
		a, b := w.pair(t)
		stranger := onMemory(t).NewPool(16, 1)
		func() {
			defer func() {
				if recover() == nil {
					t.Error("a pool of another port does not panic")
				}
			}()
			a.ReadReady(stranger)
		}()
		must(t, a.SetDeadline(time.Now().Add(time.Hour)))
		_, err := io.WriteString(b, "x")
		must(t, err)
		if n, err := a.Read(make([]byte, 2)); n != 1 || err != nil {
			t.Errorf("read %d, %v", n, err)
		}
		must(t, a.Close())
	})
}

// A local address of another network is an error, and not ignored.
func TestForeignLocalAddr(t *testing.T) {
	each(t, func(t *testing.T, w world) {
		p := w.open(t)
		l, err := ionet.ListenConfig{Port: p}.Listen(t.Context(), w.network, w.address(t))
		must(t, err)
		defer l.Close()
		other := net.Addr(&net.UnixAddr{Net: "unix", Name: "other"})
		if w.network == "unix" {
			other = &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)}
		}
		for _, local := range []net.Addr{other, &net.UDPAddr{}} {
			_, err = (&ionet.Dialer{Port: p, LocalAddr: local}).Dial(w.network, l.Addr().String())
			var failure *net.AddrError
			if !errors.As(err, &failure) || failure.Err != "mismatched local address type" {
				t.Errorf("from %v: %v", local, err)
			}
		}
	})
}
