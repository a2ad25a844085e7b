package main

import (
	"io"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

func TestTakesTurns(t *testing.T) {
	inWorld(t, "one.test:80,"+two, func(w *world) {
		second := w.listen(two)
		for i := range 6 {
			client, at := w.dial(), w.backend
			if i%2 == 1 {
				at = second
			}
			backend := w.accept(at)
			w.send(client, "hello")
			w.next(backend, "hello")
		}
	})
}

// The next address is tried if the first one refuses, and if it does not answer.
func TestNextAddress(t *testing.T) {
	inWorld(t, two+",nowhere.test:80,one.test:80", func(w *world) {
		client, backend := w.pair()
		w.took(0)
		w.send(client, "hello")
		w.next(backend, "hello")
	})
	inWorld(t, "two.test:80,one.test:80", func(w *world) {
		w.check(w.network.Ignore("tcp", two))
		client, backend := w.pair()
		w.took(5 * time.Second)
		w.send(client, "hello")
		w.next(backend, "hello")
	})
}

func TestNoBackend(t *testing.T) {
	inWorld(t, "two.test:80,nowhere.test:80", func(w *world) {
		w.isReset(w.dial())
		w.isReset(w.dial())
		w.counts(2, 0, 0, 2)
		said := w.warning.String()
		if !strings.Contains(said, two) || !strings.Contains(said, "nowhere.test") || strings.Count(said, "\n") != 1 {
			w.Errorf("the warning is %q", said)
		}
	})
}

// A client that has sent and left before its backend is there.
func TestClientGoneWhileDialling(t *testing.T) {
	inWorld(t, "one.test:80", func(w *world) {
		client := w.dial()
		w.send(client, "question")
		w.check(client.CloseWrite())
		w.gets(w.accept(w.backend), "question")
	})
	inWorld(t, "one.test:80", func(w *world) {
		w.check(w.network.Reset(w.dial()))
		w.isReset(w.accept(w.backend))
	})
}

func TestDescriptorsRunOut(t *testing.T) {
	inWorld(t, "one.test:80", func(w *world) {
		w.network.Fail("accept", syscall.EMFILE, 3)
		client, backend := w.pair()
		w.took(3 * acceptPause)
		w.send(client, "hello")
		w.next(backend, "hello")

		w.network.Fail("socket", syscall.EMFILE, 1)
		w.isReset(w.dial())
		w.send(backend, "hello")
		w.next(client, "hello")
		client, backend = w.pair()
		w.send(backend, "hello")
		w.next(client, "hello")
		w.check(client.Close())
		w.gets(backend, "")
		if said := w.warning.String(); !strings.Contains(said, "accept") || strings.Count(said, "\n") != 1 {
			w.Errorf("the warning is %q", said)
		}
	})
}

// A proxy that stops takes no more clients, and waits for those that it has.
func TestDrain(t *testing.T) {
	inWorld(t, "one.test:80", func(w *world) {
		client, backend := w.pair()
		w.send(client, "question")
		w.next(backend, "question")
		w.stop()
		synctest.Wait()
		if _, err := w.network.Dial("tcp", here); err == nil {
			w.Error("a proxy that stops accepts a client")
		}
		time.Sleep(9 * time.Second)
		w.send(backend, "answer")
		w.check(backend.CloseWrite())
		w.gets(client, "answer")
		w.check(client.CloseWrite())
		<-w.ended
		w.took(9 * time.Second)
		w.counts(1, 1, 0, 0)
		w.says("stopped, all written\n")
	})
}

func TestDrainTakesTooLong(t *testing.T) {
	const silent = two + "," + two + "," + two
	inWorld(t, "one.test:80,one.test:80,"+silent, func(w *world) {
		w.check(w.network.Ignore("tcp", two))
		client, backend := w.pair()
		stuck, _ := w.pair()
		go stuck.Write(make([]byte, 1<<26))
		unanswered := w.dial() // the proxy still dials for it when it ends
		synctest.Wait()
		w.stop()
		w.isReset(client)
		w.took(10 * time.Second)
		w.isReset(backend)
		w.isReset(unanswered)
		<-w.ended
		w.took(10 * time.Second)
		w.says("stopped, cut short: 3 connections reset\n")
	})
}

// says checks how the report begins.
func (w *world) says(first string) {
	w.Helper()
	var report strings.Builder
	w.proxy.report(&report)
	if !strings.HasPrefix(report.String(), first) {
		w.Errorf("the report is\n%s", &report)
	}
}

// Bytes on their way when the proxy stops are written.
func TestDrainWrites(t *testing.T) {
	pairs(t, func(w *world, near, far conn) {
		const all = 1 << 20
		go func() {
			near.Write(make([]byte, all))
			near.CloseWrite()
		}()
		synctest.Wait()
		w.stop()
		if n, err := io.Copy(io.Discard, far); n != all || err != nil {
			w.Errorf("%d bytes, %v", n, err)
		}
		w.check(far.CloseWrite())
		w.counts(1, 1, 0, 0)
	})
}
