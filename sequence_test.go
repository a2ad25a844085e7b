package completion_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/completionport/completion"
	"github.com/completionport/completion/ops"
	"github.com/completionport/completion/porttest"
)

// FuzzSequences lets the same operations meet the same peers on the system's
// backend and on Memory, and compares what became of each of them, step by
// step. What the two may do differently is left out: how much fits into a
// socket that nobody reads.
func FuzzSequences(f *testing.F) {
	f.Add([]byte{0, 5, 4, 5, 3, 9, 10, 0, 1, 30, 4, 7, 5, 0})
	f.Add([]byte{2, 0, 2, 0, 4, 40, 9, 1, 4, 3, 6, 0, 3, 8, 3, 8})
	f.Add([]byte{7, 0, 3, 4, 0, 1, 8, 0, 0, 1, 9, 0, 11, 0})
	f.Add([]byte{1, 9, 4, 4, 12, 0, 0, 3, 4, 9, 5, 1, 2, 1, 13, 2})
	f.Fuzz(func(t *testing.T, program []byte) {
		program = program[:min(len(program), 64)]
		var network completion.Memory
		var want []string
		system := func(*completion.Config) (*completion.Port, error) {
			return completion.Open(&completion.Config{Backend: systemBackend})
		}
		if p, err := system(nil); errors.Is(err, errors.ErrUnsupported) {
			t.Skip("there is no other backend on this system")
		} else {
			p.Close()
		}
		want = newSequence(t, system, net.Dial).run(program)
		got := newSequence(t, onMemory(&network), network.Dial).run(program)
		if !slices.Equal(got, want) {
			t.Errorf("memory:\n%s\nthe system:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	})
}

// systemBackend is epoll on Linux, where what has arrived is seen at once. With io_uring, it is seen
// when a thread has run that may be busy.
var systemBackend = map[string]string{"linux": "epoll"}[runtime.GOOS]

// sequence is a program of operations on two connections.
type sequence struct {
	t       *testing.T
	port    *completion.Port
	pool    *completion.Pool
	sockets [2]*completion.Socket
	peers   [2]net.Conn
	shut    [2]bool
	ops     []completion.Operation // all that were submitted
	log     []string
}

func newSequence(t *testing.T, open porttest.Open, dial func(network, address string) (net.Conn, error)) *sequence {
	s := &sequence{t: t}
	var err error
	if s.port, err = open(nil); err != nil {
		t.Fatal(err)
	}
	s.pool = s.port.NewPool(16, 2)
	l, err := s.port.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for i := range s.sockets {
		accept := &ops.Accept{On: l}
		s.port.Submit(accept)
		if s.peers[i], err = dial("tcp4", l.Addr().String()); err != nil {
			t.Fatal(err)
		}
		if _, err := s.port.Next(context.Background()); err != nil || accept.Err() != nil {
			t.Fatal(err, accept.Err())
		}
		s.sockets[i] = accept.Conn
	}
	return s
}

// run executes two bytes at a time: what to do, and with what.
func (s *sequence) run(program []byte) []string {
	for i := 0; i+1 < len(program); i += 2 {
		s.log = append(s.log, fmt.Sprintf("step %d:", i/2))
		s.step(program[i]%14, program[i+1])
		s.settle()
	}
	s.port.Close()
	for _, p := range s.peers {
		p.Close()
	}
	s.log = append(s.log, "the end:")
	var ended []string
	for op := range s.port.Completions(context.Background()) {
		ended = append(ended, s.describe(op))
	}
	slices.Sort(ended)
	if st := s.port.Stats(); st.InFlight != 0 || st.Queued != 0 || st.Handles != 0 || s.pool.Lent() != 0 {
		s.t.Errorf("left: %+v, %d buffers lent", st, s.pool.Lent())
	}
	return append(s.log, ended...)
}

func (s *sequence) step(what, arg byte) {
	i := arg & 1
	socket, peer, n := s.sockets[i], s.peers[i], int(arg)
	switch what {
	case 0:
		s.submit(&ops.Read{From: socket, Buf: completion.Own(make([]byte, max(n, 1)))})
	case 1:
		s.submit(&ops.Read{From: socket, Buf: completion.Own(make([]byte, max(n, 1))), Full: true})
	case 2:
		s.submit(&ops.Read{From: socket, Pool: s.pool})
	case 3:
		s.submit(&ops.Write{To: socket, Buf: completion.Own(make([]byte, n))})
	case 4:
		peer.Write(pattern(n))
	case 5:
		peer.(interface{ CloseWrite() error }).CloseWrite()
	case 6:
		peer.(interface{ SetLinger(int) error }).SetLinger(0)
		peer.Close()
	case 7:
		if !s.shut[i] { // what a second one says depends on when the last ACK comes
			s.shut[i] = true
			s.submit(&ops.CloseWrite{On: socket})
		}
	case 8:
		socket.Close()
	case 9:
		if len(s.ops) > 0 {
			s.port.Cancel(s.ops[n%len(s.ops)])
		}
	case 10:
		if len(s.ops) > 0 {
			s.port.SetDeadline(s.ops[n%len(s.ops)], completion.After(-1))
		}
	case 11:
		s.submit(&ops.Connect{On: socket, To: peer.LocalAddr()})
	case 12:
		batch := []completion.Operation{
			&ops.Read{From: socket, Buf: completion.Own(make([]byte, 1))},
			&ops.Write{To: socket, Buf: completion.Own(make([]byte, n))},
			&ops.Read{From: s.sockets[1-i], Buf: completion.Own(make([]byte, 2)), Full: true},
		}
		s.submit(batch...)
	case 13:
		s.submit(&ops.Post{})
	}
}

func (s *sequence) submit(batch ...completion.Operation) {
	s.ops = append(s.ops, batch...)
	if err := s.port.Submit(batch...); err != nil {
		s.t.Fatal(err)
	}
}

// settleTime is more than what was sent takes to arrive. On Linux it has arrived
// when the call returns; elsewhere threads of the kernel carry it on.
var settleTime = func() time.Duration {
	if runtime.GOOS == "linux" {
		return 20 * time.Microsecond
	}
	return 2 * time.Millisecond
}()

// settle lets the port see all that has happened: a timer that is dequeued says
// that it has looked, and a second one that it has worked on what it saw.
func (s *sequence) settle() {
	var ended []string
	for range 2 {
		timer := &ops.Timer{After: settleTime}
		s.port.Submit(timer)
		for {
			op, err := s.port.Next(context.Background())
			if err != nil {
				s.t.Fatal(err)
			}
			if op == completion.Operation(timer) {
				break
			}
			ended = append(ended, s.describe(op))
		}
	}
	slices.Sort(ended) // different connections keep no order
	s.log = append(s.log, ended...)
}

// describe tells the outcome of an operation.
func (s *sequence) describe(op completion.Operation) string {
	i := slices.Index(s.ops, op)
	o := op.(interface {
		N() int
		Err() error
	})
	text := fmt.Sprintf("  %T %d: N=%d %s", op, i, o.N(), class(o.Err()))
	if read, ok := op.(*ops.Read); ok && read.Buf != nil {
		text += fmt.Sprintf(" %x", read.Buf.Bytes())
		if read.Pool != nil {
			read.Buf.Release()
		}
	}
	return text
}

func pattern(n int) []byte {
	p := make([]byte, n)
	for i := range p {
		p[i] = byte(i)
	}
	return p
}

// class is what a program may rely on.
func class(err error) string {
	for _, known := range []error{
		io.ErrUnexpectedEOF, io.EOF, net.ErrClosed, os.ErrDeadlineExceeded, completion.ErrCanceled,
		completion.ErrWriteAborted,
	} {
		if errors.Is(err, known) {
			return known.Error()
		}
	}
	if errno := syscall.Errno(0); errors.As(err, &errno) {
		return errno.Error() // without the addresses
	}
	return fmt.Sprint(err)
}
