package memory

import (
	"errors"
	"io"
	"net"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"

	"github.com/completionport/completion/internal/backend"
	"golang.org/x/net/nettest"
)

// ends connects two ends of a test.
func ends(n *Network) (a, b net.Conn, err error) {
	at := inet("127.0.0.1:80")
	l, err := n.Listen("tcp", backend.IPv4, at)
	if err != nil {
		return nil, nil, err
	}
	defer l.Close()
	if a, err = n.Dial("tcp", backend.IPv4, at); err != nil {
		return nil, nil, err
	}
	b, err = l.Accept()
	return a, b, err
}

// What package net expects of any net.Conn.
func TestConn(t *testing.T) {
	nettest.TestConn(t, func() (a, b net.Conn, stop func(), err error) {
		a, b, err = ends(new(Network))
		return a, b, func() { a.Close(); b.Close() }, err
	})
}

func TestConnErrors(t *testing.T) {
	var n Network
	a, b, err := ends(&n)
	if err != nil {
		t.Fatal(err)
	}
	b.Write([]byte("last"))
	if err := n.Reset(b); err != nil {
		t.Fatal(err)
	}
	p := make([]byte, 8)
	if got, err := a.Read(p); got != 4 || err != nil {
		t.Errorf("read %d, %v", got, err)
	}
	var op *net.OpError
	if _, err := a.Read(p); !errors.Is(err, errReset) || !errors.As(err, &op) || op.Op != "read" {
		t.Errorf("read: %v", err)
	}
	if _, err := a.Write(p); !errors.Is(err, errBrokenPipe) {
		t.Errorf("write: %v", err)
	}
	if err := n.Reset(b); !errors.Is(err, net.ErrClosed) {
		t.Errorf("reset twice: %v", err)
	}
	a.Close()
	if err := a.Close(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("closed twice: %v", err)
	}
	if _, err := n.Dial("tcp", backend.IPv4, inet("127.0.0.1:80")); !errors.Is(err, errRefused) {
		t.Errorf("dial: %v", err)
	}
}

// Messages of several writers do not mix, and what is sent before an end
// arrives before it.
func TestConnWritersTakeTurns(t *testing.T) {
	var n Network
	a, b, err := ends(&n)
	if err != nil {
		t.Fatal(err)
	}
	const size = 3 * DefaultBuffer
	var writers sync.WaitGroup
	for _, letter := range "abcd" {
		message := make([]byte, size)
		for i := range message {
			message[i] = byte(letter)
		}
		writers.Go(func() { a.Write(message) })
	}
	go func() {
		writers.Wait()
		a.(*Conn).CloseWrite()
	}()
	all, err := io.ReadAll(b)
	if len(all) != 4*size || err != nil {
		t.Fatalf("read %d bytes: %v", len(all), err)
	}
	for i := range all {
		if all[i] != all[i/size*size] {
			t.Fatalf("byte %d is of another message", i)
		}
	}
	a.Close()
	b.Close()
}

// Closing wakes everybody who waits; a bubble sees all of them as blocked.
func TestCloseWakes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var n Network
		a, b, err := ends(&n)
		if err != nil {
			t.Fatal(err)
		}
		l, err := n.Listen("tcp", backend.IPv4, inet("127.0.0.1:80"))
		if err != nil {
			t.Fatal(err)
		}
		var errs [4]error
		go func() { _, errs[0] = a.Read(make([]byte, 1)) }()
		go func() { _, errs[1] = a.Write(make([]byte, 1<<20)) }()
		go func() { _, errs[2] = a.Write(make([]byte, 1<<20)) }()
		go func() { _, errs[3] = l.Accept() }()
		synctest.Wait()
		a.Close()
		l.Close()
		synctest.Wait()
		for i, err := range errs {
			if !errors.Is(err, net.ErrClosed) {
				t.Errorf("%d: %v", i, err)
			}
		}
		b.Close()
	})
}

func TestFailIsTakenBack(t *testing.T) {
	var n Network
	n.Fail("read", syscall.EMFILE, 1)
	n.Fail("write", syscall.EMFILE, -1)
	n.Fail("read", syscall.ENFILE, 2)
	next := func(call string, wanted syscall.Errno) {
		t.Helper()
		n.lock()
		defer n.mu.Unlock()
		want(t, call, n.fault(call), Native(wanted))
	}
	next("read", syscall.EMFILE)
	next("read", syscall.ENFILE)
	next("write", syscall.EMFILE)
	next("write", syscall.EMFILE)
	n.Fail("write", 0, 0)
	next("write", 0)
	next("read", syscall.ENFILE)
	next("read", 0)
}
