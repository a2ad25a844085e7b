package main

import (
	"errors"
	"net/netip"
	"syscall"

	"github.com/completionport/completion/ops"
)

// lane sends the datagrams of one client in one direction, in their order. It has one
// WriteBatch, which is in flight as long as there are datagrams:
//
//	put ─▶ waiting ─▶ flush ─▶ write.Messages ─▶ sent ─▶ the rest of them, or those that wait
//
// A second WriteBatch in flight could not keep the order: if a datagram of the first fails,
// those behind it are sent again.
type lane struct {
	write   ops.WriteBatch
	waiting []ops.Message
	busy    bool // write is in flight
	retried bool // its first datagram was refused once
}

// put takes the buffer of a message, and lets it wait.
func (r *relay) put(l *lane, m *ops.Message, to netip.AddrPort) {
	buf := m.Buf
	if m.Buf = nil; buf == nil { // a datagram of 0 bytes
		buf = r.nothing
	}
	if len(l.waiting) == bufferCount { // the pool does not limit those of 0 bytes
		r.drop([]ops.Message{{Buf: buf}})
		return
	}
	l.waiting = append(l.waiting, ops.Message{Buf: buf, Addr: to})
}

// flush sends the datagrams that wait, up to a batch, unless the lane is sending already.
func (r *relay) flush(l *lane) {
	if l.busy || len(l.waiting) == 0 {
		return
	}
	n := min(len(l.waiting), r.batch)
	l.write.Messages = append(l.write.Messages[:0], l.waiting[:n]...)
	l.waiting = l.waiting[:copy(l.waiting, l.waiting[n:])]
	r.send(l)
}

func (r *relay) send(l *lane) {
	l.busy = true
	l.write.Timeout = patience
	if r.port.Submit(&l.write) != nil { // the port is closed
		l.busy = false
		r.drop(l.write.Messages)
		r.drop(l.waiting)
		l.waiting = l.waiting[:0]
	}
}

// sent goes on with the datagrams behind the one that could not be sent, or with those that
// wait.
func (r *relay) sent(l *lane) {
	n := l.write.Count
	r.release(l.write.Messages[:n])
	l.retried = l.retried && n == 0
	if n < len(l.write.Messages) && !r.mayRetry(l) {
		r.drop(l.write.Messages[n : n+1])
		n++
	}
	rest := copy(l.write.Messages, l.write.Messages[n:])
	l.write.Messages = l.write.Messages[:rest]
	if rest > 0 {
		r.send(l)
		return
	}
	l.busy = false
	if r.flush(l); !l.busy && cap(l.waiting) > r.batch { // a burst is over
		l.waiting = nil
	}
}

// mayRetry reports whether the first datagram that was not sent is tried again. If an earlier
// datagram went to a port without a socket, the system reports that as an error of the next
// call, which then sends nothing. Without another try, the relay would lose one datagram more
// for each that found no socket.
func (r *relay) mayRetry(l *lane) bool {
	l.retried = !l.retried && errors.Is(l.write.Err(), syscall.ECONNREFUSED)
	return l.retried
}

func (r *relay) drop(messages []ops.Message) {
	r.unsent += len(messages)
	r.release(messages)
}

func (r *relay) release(messages []ops.Message) {
	for i := range messages {
		if m := &messages[i]; m.Buf != r.nothing {
			m.Buf.Release()
		}
	}
}
