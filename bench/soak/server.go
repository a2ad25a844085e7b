package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"

	"github.com/completionport/completion"
	"github.com/completionport/completion/ops"
)

// server echoes in both styles: each of its listeners has one style.
type server struct {
	*world
	port      *completion.Port
	pool      *completion.Pool
	addresses []net.Addr
	mailroom  *mailroom
	ended     sync.WaitGroup
}

// poolBuffers is far below the number of connections, so pooled reads must wait for each
// other.
const poolBuffers = 64

// listeners is the number of listeners. There are several, so that the addresses of
// closed connections do not run out.
const listeners = 8

// piece is how many bytes are echoed at once: few, so that messages come back in pieces.
const piece = 2048

func startServer(w *world, port *completion.Port) (*server, error) {
	s := &server{world: w, port: port, pool: port.NewPool(piece, poolBuffers)}
	for i := range listeners {
		l, err := port.Listen("tcp4", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		s.addresses = append(s.addresses, l.Addr())
		if i%2 == 0 {
			s.submit(&ops.Accept{On: l})
		} else {
			s.ended.Go(func() { s.awaitConnections(l) })
		}
	}
	var err error
	s.mailroom, err = startMailroom(w, port, w.serverFaults.mark, s.ended.Go)
	for range 2 {
		s.ended.Go(s.loop)
	}
	return s, err
}

// arrival is the first read of a connection in queue style. It reads the seed.
type arrival struct {
	ops.Read
	memory [header]byte
	buffer completion.Buffer
}

// visit is a connection in queue style: its read, and its write, which points back to the
// visit.
type visit struct {
	ops.Read
	write  answer
	record *record
	offset int64
}

type answer struct {
	ops.Write
	visit *visit
}

// loop handles all completions. Two loops share the queue.
func (s *server) loop() {
	for op := range s.port.Completions(context.Background()) {
		switch op := op.(type) {
		case *ops.Accept:
			s.accepted(op)
		case *arrival:
			s.arrived(op)
		case *visit:
			s.received(op)
		case *answer:
			s.answered(op)
		default:
			s.mailroom.handle(op)
		}
	}
}

// submit gives an operation to the port, which may be closing.
func (s *server) submit(op completion.Operation) {
	if err := s.port.Submit(op); err != nil && !errors.Is(err, net.ErrClosed) {
		s.fail(fmt.Errorf("server: submit: %w", err))
	}
}

func (s *server) accepted(op *ops.Accept) {
	switch err := op.Err(); {
	case err == nil:
		s.limitBuffers(op.Conn)
		a := &arrival{Read: ops.Read{From: op.Conn, Full: true}}
		a.buffer.Set(a.memory[:])
		a.Buf = &a.buffer
		s.submit(a)
	case errors.Is(err, net.ErrClosed):
		return
	case !isOneOf(err, lost):
		s.fail(fmt.Errorf("server: accept: %w", err))
	}
	s.submit(op)
}

// begin finds the record of a connection by its seed. Before that, only the client judges
// a failure of the connection.
func (s *server) begin(conn *completion.Socket, seed []byte) *record {
	raw, _ := conn.SyscallConn()
	raw.Control(s.serverFaults.mark)
	if r := s.records.find(binary.BigEndian.Uint64(seed)); r != nil {
		return r
	}
	gone := &record{}
	gone.disturbed.Store(true)
	return gone
}

func (s *server) arrived(a *arrival) {
	if a.Err() != nil {
		a.From.Close()
		return
	}
	v := &visit{Read: ops.Read{From: a.From, Pool: s.pool}, record: s.begin(a.From, a.memory[:])}
	v.write = answer{Write: ops.Write{To: a.From, Buf: a.Buf}, visit: v}
	s.submit(&v.write)
}

// took checks the result of a read, and reports whether the connection goes on.
func (s *server) took(r *record, read *ops.Read, offset int64) bool {
	err := read.Err()
	if r.seed != 0 && read.N() > 0 {
		if err := check(read.Buf.Bytes(), r.seed, offset); err != nil {
			s.fail(fmt.Errorf("%v: the server's %w", r, err))
			return false
		}
	}
	if err == nil {
		return true
	}
	sent := r.sent.Load()
	if err == io.EOF && sent == offset {
		return false
	}
	s.judge(r, "the server's read", err)
	return false
}

func (s *server) received(v *visit) {
	goesOn := s.took(v.record, &v.Read, v.offset+header)
	v.offset += int64(v.N())
	if !goesOn {
		if v.Buf != nil {
			v.Buf.Release()
		}
		v.From.Close()
		return
	}
	v.write.Buf, v.Buf = v.Buf, nil
	s.submit(&v.write)
}

func (s *server) answered(a *answer) {
	v, err := a.visit, a.Err()
	a.Buf.Release()
	if err != nil {
		s.judge(v.record, "the server's write", err)
		v.From.Close()
		return
	}
	s.submit(v)
}

// awaitConnections is the other style.
func (s *server) awaitConnections(l *completion.Listener) {
	for {
		op := &ops.Accept{On: l}
		err := s.port.Await(context.Background(), op)
		switch {
		case err == nil:
			s.ended.Go(func() { s.serve(op.Conn) })
		case errors.Is(err, net.ErrClosed):
			return
		case !isOneOf(err, lost):
			s.fail(fmt.Errorf("server: accept: %w", err))
			return
		}
	}
}

// serve echoes one connection.
func (s *server) serve(conn *completion.Socket) {
	defer conn.Close()
	s.limitBuffers(conn)
	ctx := context.Background()
	buffer := completion.Own(make([]byte, piece))
	first := completion.Own(make([]byte, header))
	read := &ops.Read{From: conn, Buf: first, Full: true}
	write := &ops.Write{To: conn, Buf: first}
	if s.port.Await(ctx, read) != nil {
		return
	}
	r := s.begin(conn, first.Bytes())
	for offset := int64(header); ; {
		if err := s.port.Await(ctx, write); err != nil {
			s.judge(r, "the server's write", err)
			return
		}
		read.Full, read.Buf, write.Buf = false, buffer, buffer
		if errors.Is(s.port.Await(ctx, read), net.ErrClosed) || !s.took(r, read, offset) {
			return
		}
		offset += int64(read.N())
	}
}
