package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"

	"github.com/completionport/completion"
	"github.com/completionport/completion/ops"
)

// mailroom sends each datagram back to its sender. Each of its sockets has one style.
type mailroom struct {
	*world
	port      *completion.Port
	mark      func(fd uintptr) // see saboteur
	goes      func(func())     // starts a goroutine that ends with the port
	buffers   *completion.Pool // of all sockets: fewer than there are reads
	addresses []netip.AddrPort
}

const mailSockets = 3

// startMailroom opens the sockets. Completions of the port that are none of the caller's
// go to handle.
func startMailroom(w *world, port *completion.Port, mark func(uintptr), goes func(func())) (*mailroom, error) {
	m := &mailroom{world: w, port: port, mark: mark, goes: goes, buffers: port.NewPool(largestLetter+1, largestBatch)}
	for i := range mailSockets {
		s, err := port.ListenPacket("udp4", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		s.SetReadBuffer(1 << 20)
		raw, _ := s.SyscallConn()
		raw.Control(mark)
		m.addresses = append(m.addresses, s.LocalAddr().(*net.UDPAddr).AddrPort())
		switch i {
		case 0:
			m.queue(s)
		case 1:
			goes(func() { m.echo(s) })
		default:
			goes(func() { m.echoBatches(s) })
		}
	}
	return m, nil
}

// incoming is a read in queue style, and its answer, which points back to it.
type incoming struct {
	ops.ReadFrom
	answer outgoing
	empty  completion.Buffer
}

type outgoing struct {
	ops.WriteTo
	read *incoming
}

// queue submits several reads of one socket.
func (m *mailroom) queue(s *completion.PacketSocket) {
	for range 8 {
		in := &incoming{ReadFrom: ops.ReadFrom{From: s, Pool: m.buffers}}
		in.answer = outgoing{ops.WriteTo{To: s}, in}
		m.submit(in)
	}
}

// submit gives an operation to the port, which may be closing.
func (m *mailroom) submit(op completion.Operation) {
	if err := m.port.Submit(op); err != nil && !errors.Is(err, net.ErrClosed) {
		m.fail(fmt.Errorf("mailroom: submit: %w", err))
	}
}

// goesOn judges an error of a socket. A fault ends one operation: the next one goes on.
func (m *mailroom) goesOn(what string, err error) bool {
	switch {
	case err == nil:
		return true
	case m.faults > 0 && isOneOf(err, lost):
		m.mail.hit.Add(1)
		return true
	case !errors.Is(err, net.ErrClosed):
		m.fail(fmt.Errorf("mailroom: %s: %w", what, err))
	}
	return false
}

// handle handles the completions of queue style.
func (m *mailroom) handle(op completion.Operation) {
	switch op := op.(type) {
	case *incoming:
		switch err := op.Err(); {
		case !m.goesOn("read", err):
		case err != nil:
			m.submit(op)
		default:
			op.answer.Addr, op.answer.Buf = op.Addr, &op.empty // of a datagram without bytes
			if op.Buf != nil {
				op.answer.Buf = op.Buf
			}
			m.submit(&op.answer)
		}
	case *outgoing:
		op.read.Release()
		if m.goesOn("answer", op.Err()) {
			m.submit(op.read)
		}
	}
}

// echo awaits one datagram at a time.
func (m *mailroom) echo(s *completion.PacketSocket) {
	ctx := context.Background()
	read := &ops.ReadFrom{From: s, Buf: completion.Own(make([]byte, largestLetter+1))}
	for {
		err := m.port.Await(ctx, read)
		switch {
		case !m.goesOn("read", err):
			return
		case err != nil:
			continue
		}
		if !m.goesOn("answer", m.port.Await(ctx, &ops.WriteTo{To: s, Buf: read.Buf, Addr: read.Addr})) {
			return
		}
	}
}

// echoBatches awaits batches, and sends what it has got from the same buffers.
func (m *mailroom) echoBatches(s *completion.PacketSocket) {
	ctx := context.Background()
	read := &ops.ReadBatch{From: s, Pool: m.buffers, Messages: make([]ops.Message, largestBatch)}
	for {
		if !m.goesOn("batch", m.port.Await(ctx, read)) {
			return
		}
		write := &ops.WriteBatch{To: s, Messages: append([]ops.Message(nil), read.Messages[:read.Count]...)}
		for i := range write.Messages {
			if write.Messages[i].Buf == nil { // a datagram without bytes
				write.Messages[i].Buf = completion.Own(nil)
			}
		}
		m.answerBatch(write)
		read.Release()
		if errors.Is(write.Err(), net.ErrClosed) {
			return
		}
	}
}

// answerBatch sends a batch. Behind a datagram that a fault has hit it goes on.
func (m *mailroom) answerBatch(write *ops.WriteBatch) {
	for len(write.Messages) > 0 {
		err := m.port.Await(context.Background(), write)
		if !m.goesOn("batch of answers", err) {
			return
		}
		write.Messages = write.Messages[write.Count:]
		if err != nil { // the first was not sent
			write.Messages = write.Messages[1:]
		}
	}
}
