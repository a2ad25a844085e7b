package completion_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/completionport/completion"
	"github.com/completionport/completion/internal/fault"
	"github.com/completionport/completion/ops"
)

// faultScenarios is what programs do, in small. A scenario ends early when an
// operation fails of the fault.
var faultScenarios = []faultScenario{
	{"AcceptFromBacklog", acceptFromBacklog},
	{"AcceptBeforeDial", acceptBeforeDial},
	{"ConnectAndTalk", connectAndTalk},
	{"ConnectUnix", connectUnix},
	{"ConnectRefused", connectRefused},
	{"ReadToTheEnd", readToTheEnd},
	{"FullRead", fullRead},
	{"LateReads", lateReads},
	{"SelectedReads", selectedReads},
	{"WriteMuch", writeMuch},
	{"HalfClose", halfClose},
	{"Echo", echoBothEnds},
	{"Deadline", deadline},
	{"Cancel", cancelQueued},
	{"CloseHandle", closeHandle},
	{"Shutdown", shutdownWithWrites},
	{"Await", awaitTogether},
	{"Streams", exchangeStreams},
	{"Datagrams", exchangeDatagrams},
	{"Messages", exchangeMessages},
	{"Rights", exchangeRights},
	{"Batches", exchangeBatches},
	{"ConnectedDatagrams", connectedDatagrams},
	{"Vectors", exchangeVectors},
	{"WritesTogether", writeTogether},
	{"SendFile", sendAFile},
	{"Files", useFiles},
	{"CloseFileLast", closeFileLast},
	{"Process", awaitProcess},
	{"Copy", copyBetween},
}

// listen is Port.Listen; nil if it fails.
func (w *world) listen(network, address string) *completion.Listener {
	w.Helper()
	l, err := w.port.Listen(network, address)
	if !w.right(err, nil) {
		return nil
	}
	return l
}

// dial connects a peer.
func (w *world) dial(to net.Addr) net.Conn {
	w.Helper()
	c, err := net.Dial(to.Network(), to.String())
	if err != nil {
		w.Fatal(err)
	}
	w.closers = append(w.closers, c.Close)
	return c
}

// An accept that met the limit of descriptors leaves the listener as it was.
func acceptFromBacklog(w *world) {
	l := w.listen("tcp4", "127.0.0.1:0")
	if l == nil {
		return
	}
	const connections = 3
	for range connections {
		w.dial(l.Addr())
	}
	for accepted := 0; accepted < connections; {
		op := &ops.Accept{On: l}
		w.submit(op)
		switch {
		case w.until(op, nil):
			accepted++
			op.Conn.Close()
		case op.Conn != nil:
			w.Error("a failed accept has a connection")
		case w.fault.Call == fault.Arm: // it took the connection with it
			accepted++
		}
		if w.Failed() || w.lasts() {
			return
		}
	}
	if n := w.port.Stats().Handles; n != 1 {
		w.Errorf("%d handles, want the listener only", n)
	}
}

func acceptBeforeDial(w *world) {
	l := w.listen("tcp4", "127.0.0.1:0")
	if l == nil {
		return
	}
	first, second := &ops.Accept{On: l}, &ops.Accept{On: l}
	w.submit(first, second)
	w.poll()
	w.dial(l.Addr())
	w.dial(l.Addr())
	for _, op := range []*ops.Accept{first, second} {
		if w.until(op, nil) {
			op.Conn.Close()
		}
	}
	l.Close()
}

// echoPeer accepts once and sends everything back.
func (w *world) echoPeer(l net.Listener) {
	w.peers.Go(func() {
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		sendBack(c)
	})
}

// sendBack echoes, without the pipes that package net keeps to copy through.
func sendBack(c net.Conn) { io.Copy(struct{ io.Writer }{c}, struct{ io.Reader }{c}) }

// talk connects s, and reads and writes behind the connect.
func (w *world) talk(s *completion.Socket, to net.Addr, want error) {
	w.Helper()
	connect := &ops.Connect{On: s, To: to}
	write := &ops.Write{To: s, Buf: completion.Own([]byte("ping"))}
	read := &ops.Read{From: s, Buf: completion.Own(make([]byte, 4)), Full: true}
	w.submit(connect, write, read)
	connected := w.until(connect, want)
	wrote := w.until(write, want)
	if !wrote {
		s.Close()
	}
	got := w.until(read, want)
	if want == nil && connected && wrote && got {
		w.holds(read.Buf, "ping")
	}
	s.Close()
}

func connectAndTalk(w *world) {
	l := w.peerListener("tcp4", "127.0.0.1:0")
	w.echoPeer(l)
	s, err := w.port.Socket("tcp4")
	if w.right(err, nil) {
		w.talk(s, l.Addr(), nil)
	}
}

func connectUnix(w *world) {
	dir, err := makeFolder()
	if err != nil {
		w.Fatal(err)
	}
	w.closers = append(w.closers, func() error { return os.RemoveAll(dir) })
	l := w.peerListener("unix", filepath.Join(dir, "s"))
	w.echoPeer(l)
	s, err := w.port.Socket("unix")
	if w.right(err, nil) {
		w.talk(s, l.Addr(), nil)
	}
}

func readToTheEnd(w *world) {
	s, peer, ok := w.pair()
	if !ok {
		return
	}
	read := &ops.Read{From: s, Buf: completion.Own(make([]byte, 16))}
	w.submit(read) // before there is anything
	w.send(peer, "hello")
	if !w.until(read, nil) {
		return
	}
	w.holds(read.Buf, "hello")
	w.send(peer, "again")
	peer.CloseWrite()
	got := ""
	for got != "again" {
		w.submit(read)
		if !w.until(read, nil) {
			return
		}
		got += string(read.Buf.Bytes())
	}
	w.submit(read)
	w.until(read, io.EOF)
}

func fullRead(w *world) {
	s, peer, ok := w.pair()
	if !ok {
		return
	}
	read := &ops.Read{From: s, Buf: completion.Own(make([]byte, 12)), Full: true}
	w.submit(read)
	for _, piece := range []string{"one.", "two.", "six."} {
		w.send(peer, piece)
		w.poll()
	}
	if !w.until(read, nil) {
		return
	}
	w.holds(read.Buf, "one.two.six.")
	w.submit(read)
	w.send(peer, "cut")
	w.poll()
	peer.CloseWrite()
	if w.until(read, io.ErrUnexpectedEOF) {
		w.holds(read.Buf, "cut")
	}
}

// big returns bytes that differ by their place.
func big(n, seed int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i*7 + i>>8 + seed)
	}
	return b
}

// writeMuch: what the peer gets is what the writes say they sent, in their
// order, also if one of them failed.
func writeMuch(w *world) {
	s, peer, ok := w.pair()
	if !ok {
		return
	}
	s.SetWriteBuffer(16 << 10)
	first := &ops.Write{To: s, Buf: completion.Own(big(100_000, 1))}
	second := &ops.Write{To: s, Buf: completion.Own(big(50_000, 2))}
	end := &ops.CloseWrite{On: s}
	w.submit(first, second, end)
	all := w.drain(peer)
	for _, op := range []completion.Operation{first, second, end} {
		w.until(op, nil)
	}
	s.Close()
	w.sent(first, second, all())
}

// sent checks what the peer got of two writes, one behind the other.
func (w *world) sent(first, second *ops.Write, got []byte) {
	w.Helper()
	n := first.N()
	if short := n > 0 && n < first.Buf.Len(); short && (!errors.Is(second.Err(), completion.ErrWriteAborted) || second.N() > 0) {
		w.Errorf("behind a write that ended half-way: %d bytes, %v", second.N(), second.Err())
	}
	if want := slices.Concat(first.Buf.Bytes()[:n], second.Buf.Bytes()[:second.N()]); !bytes.Equal(got, want) {
		w.Errorf("the peer got %d bytes, not the %d + %d that were sent", len(got), n, second.N())
	}
}

// halfClose: the peer answers after it has seen the end.
func halfClose(w *world) {
	s, peer, ok := w.pair()
	if !ok {
		return
	}
	w.peers.Go(func() {
		got, _ := io.ReadAll(peer)
		peer.Write(got)
		peer.Close()
	})
	write := &ops.Write{To: s, Buf: completion.Own([]byte("question"))}
	end := &ops.CloseWrite{On: s}
	read := &ops.Read{From: s, Buf: completion.Own(make([]byte, 100)), Full: true}
	w.submit(write, end, read)
	wrote, ended := w.until(write, nil), w.until(end, nil)
	if !wrote || !ended {
		s.Close()
		w.until(read, net.ErrClosed)
		return
	}
	if w.until(read, io.ErrUnexpectedEOF) {
		w.holds(read.Buf, "question")
	}
}

// echoBothEnds has both ends at one port.
func echoBothEnds(w *world) {
	l := w.listen("tcp4", "127.0.0.1:0")
	if l == nil {
		return
	}
	client, err := w.port.Socket("tcp")
	if !w.right(err, nil) {
		return
	}
	connect, accept := &ops.Connect{On: client, To: l.Addr()}, &ops.Accept{On: l}
	w.submit(connect)
	if !w.until(connect, nil) {
		return
	}
	w.submit(accept)
	if !w.until(accept, nil) {
		return
	}
	server := accept.Conn
	for _, message := range []string{"one", "two", "three"} {
		write := &ops.Write{To: client, Buf: completion.Own([]byte(message))}
		there := &ops.Read{From: server, Buf: completion.Own(make([]byte, len(message))), Full: true}
		back := &ops.Read{From: client, Buf: completion.Own(make([]byte, len(message))), Full: true}
		w.submit(there, back, write)
		if !w.until(write, nil) || !w.until(there, nil) {
			return
		}
		answer := &ops.Write{To: server, Buf: there.Buf}
		w.submit(answer)
		if !w.until(answer, nil) || !w.until(back, nil) {
			return
		}
		w.holds(back.Buf, message)
	}
}

func deadline(w *world) {
	s, peer, ok := w.pair()
	if !ok {
		return
	}
	read := &ops.Read{From: s, Buf: completion.Own(make([]byte, 8))}
	read.Deadline = completion.After(time.Millisecond)
	timer := &ops.Timer{After: time.Millisecond / 2}
	w.submit(read, timer)
	w.until(timer, nil)
	if !w.until(read, os.ErrDeadlineExceeded) {
		return
	}
	read.Deadline = completion.After(time.Hour)
	w.submit(read)
	w.port.SetDeadline(read, completion.After(time.Millisecond))
	if !w.until(read, os.ErrDeadlineExceeded) {
		return
	}
	read.Deadline = completion.After(time.Hour)
	w.submit(read)
	w.send(peer, "in time")
	if w.until(read, nil) {
		w.holds(read.Buf, "in time")
	}
}

// cancelQueued: the reads behind a cancelled one get the bytes.
func cancelQueued(w *world) {
	s, peer, ok := w.pair()
	if !ok {
		return
	}
	var reads [3]*ops.Read
	for i := range reads {
		reads[i] = &ops.Read{From: s, Buf: completion.Own(make([]byte, 3)), Full: true}
		w.submit(reads[i])
	}
	w.port.Cancel(reads[0])
	w.until(reads[0], completion.ErrCanceled)
	w.send(peer, "abcdef")
	for i, want := range []string{"abc", "def"} {
		if !w.until(reads[i+1], nil) {
			return
		}
		w.holds(reads[i+1].Buf, want)
	}
	l := w.listen("tcp4", "127.0.0.1:0")
	if l == nil {
		return
	}
	accept := &ops.Accept{On: l}
	w.submit(accept)
	w.port.Cancel(accept)
	w.until(accept, completion.ErrCanceled)
}

// closeHandle: both directions wait when the handle is closed.
func closeHandle(w *world) {
	s, _, ok := w.pair()
	if !ok {
		return
	}
	s.SetWriteBuffer(16 << 10)
	read := &ops.Read{From: s, Buf: completion.Own(make([]byte, 8))}
	more := &ops.Read{From: s, Buf: completion.Own(make([]byte, 8))}
	// More than both ends hold: the peer reads nothing.
	write := &ops.Write{To: s, Buf: completion.Own(make([]byte, 16<<20))}
	behind := &ops.Write{To: s, Buf: completion.Own(make([]byte, 8))}
	w.submit(read, more, write, behind)
	w.poll()
	s.Close()
	for _, op := range []completion.Operation{read, more, write} {
		w.until(op, net.ErrClosed)
	}
	if write.N() > 0 { // else it failed, and did not hold up what is behind it
		w.until(behind, net.ErrClosed)
	}
	w.submit(read)
	w.until(read, net.ErrClosed)
}

// shutdownWithWrites: what is queued is sent before the port closes.
func shutdownWithWrites(w *world) {
	s, peer, ok := w.pair()
	if !ok {
		return
	}
	s.SetWriteBuffer(16 << 10)
	first := &ops.Write{To: s, Buf: completion.Own(big(100_000, 3))}
	second := &ops.Write{To: s, Buf: completion.Own(big(50_000, 4))}
	read := &ops.Read{From: s, Buf: completion.Own(make([]byte, 8))}
	w.submit(first, second, read, &ops.Timer{After: time.Hour})
	all := w.drain(peer)
	if err := w.port.Shutdown(context.Background()); err != nil {
		w.Errorf("shutdown: %v", err)
	}
	w.until(first, nil)
	w.until(second, nil)
	w.until(read, net.ErrClosed)
	w.sent(first, second, all())
}

// awaitTogether has two goroutines that await, a third that waits for what it
// started, and one in Next.
func awaitTogether(w *world) {
	ctx := context.Background()
	var together sync.WaitGroup
	for range 2 {
		s, peer, ok := w.pair()
		if !ok {
			break
		}
		w.peers.Go(func() { sendBack(peer) })
		together.Go(func() {
			defer s.Close()
			for _, message := range []string{"one", "two"} {
				read := &ops.Read{From: s, Buf: completion.Own(make([]byte, len(message))), Full: true}
				if err := w.port.Start(read); err != nil {
					w.Error(err)
					return
				}
				write := &ops.Write{To: s, Buf: completion.Own([]byte(message))}
				if !w.right(w.port.Await(ctx, write), nil) {
					s.Close()
					w.right(w.port.Wait(ctx, read), net.ErrClosed)
					return
				}
				if !w.right(w.port.Wait(ctx, read), nil) {
					return
				}
				w.holds(read.Buf, message)
			}
		})
	}
	timer := &ops.Timer{After: time.Millisecond}
	w.submit(timer)
	w.until(timer, nil)
	together.Wait()
}
