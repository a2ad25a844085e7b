package main

import (
	"errors"
	"net"

	"github.com/completionport/completion"
	"github.com/completionport/completion/ops"
)

// turn answers a batch of queries over UDP, again and again:
//
//	read ─▶ write ─▶ read ─▶ …
//
// Its buffers are its own: a turn that waits for queries needs the room for them.
type turn struct {
	*server
	read    ops.ReadBatch
	write   ops.WriteBatch
	answers []ops.Message // write has the first of them
}

func (s *server) newTurn() {
	t := &turn{server: s, answers: make([]ops.Message, s.batch)}
	t.read.From, t.read.Value, t.read.Messages = s.socket, t, make([]ops.Message, s.batch)
	t.write.To, t.write.Value = s.socket, t
	for i := range s.batch {
		t.read.Messages[i].Buf = completion.Own(make([]byte, udpSize))
		t.answers[i].Buf = completion.Own(make([]byte, udpSize))
	}
	s.port.Submit(&t.read)
}

// received sends the answers to all queries together. An error does not concern the next
// datagram, except that of a closed socket.
func (t *turn) received() {
	n := 0
	for i := range t.read.Messages[:t.read.Count] {
		query, answer := &t.read.Messages[i], &t.answers[n]
		bytes := t.answer(answer.Buf.Memory()[:0], query.Buf.Bytes(), false)
		if query.Truncated || len(bytes) == 0 { // it has no answer
			continue
		}
		answer.Buf.Resize(len(bytes))
		answer.Addr = query.Addr
		n++
	}
	switch {
	case n > 0:
		t.write.Messages, t.write.Timeout = t.answers[:n], patience
		t.port.Submit(&t.write)
	case !errors.Is(t.read.Err(), net.ErrClosed):
		t.port.Submit(&t.read)
	}
}

// sent receives the next queries. The answers behind one that can't be sent are sent first.
func (t *turn) sent() {
	t.datagrams.Add(int64(t.write.Count))
	if t.write.Err() != nil && t.write.Count < len(t.write.Messages) {
		t.unsent.Add(1)
		t.write.Messages = t.write.Messages[t.write.Count+1:]
		if len(t.write.Messages) > 0 {
			t.port.Submit(&t.write)
			return
		}
	}
	t.port.Submit(&t.read)
}
