package completion_test

import (
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/completionport/completion"
	"github.com/completionport/completion/ops"
	"golang.org/x/sys/unix"
)

// ending is the environment variable of a process in which io_uring is forbidden after a port was
// opened: how its loop waits, and which calls are forbidden. With close, the port is closed then.
const ending = "COMPLETION_TEST_IO_URING_ENDS"

// If io_uring_enter(2) is forbidden after a port was opened, all operations that need it end with an
// error that says so, those inside the kernel as well as later ones. Timers and reads of files go on,
// and the port can be closed. The filter can't be removed, so the test runs in child processes.
func TestIOUringForbiddenLater(t *testing.T) {
	if how := os.Getenv(ending); how != "" {
		wait, calls, _ := strings.Cut(how, " ")
		t.Setenv("COMPLETIONDEBUG", "wait="+wait)
		forbiddenLater(t, calls)
		return
	}
	for _, how := range []string{"park enter", "block enter", "park all", "block all", "park close", "block close"} {
		t.Run(how, func(t *testing.T) {
			child := exec.Command(os.Args[0], "-test.run", "^TestIOUringForbiddenLater$", "-test.v", "-test.timeout", "5m")
			child.Env = append(os.Environ(), ending+"="+how, "COMPLETIONDEBUG=")
			out, err := child.CombinedOutput()
			if err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			if strings.Contains(string(out), "SKIP") {
				t.Skipf("%s", out)
			}
		})
	}
}

// ender is the port of a child process, and the operations that it has.
type ender struct {
	*testing.T
	port      *completion.Port
	listener  *completion.Listener
	packets   *completion.PacketSocket
	file      *completion.File
	delivered chan completion.Operation // by the loop
}

func forbiddenLater(t *testing.T, calls string) {
	p, err := completion.Open(&completion.Config{Backend: "io_uring"})
	if err != nil {
		t.Skip(err)
	}
	e := &ender{T: t, port: p, delivered: make(chan completion.Operation, 100)}
	e.open()
	go func() { // the loop
		defer close(e.delivered)
		for op := range p.Completions(context.Background()) {
			e.delivered <- op
		}
	}()
	hour := &ops.Timer{After: time.Hour}
	inside, awaited := e.begin(hour)
	switch forbid(t, unix.SYS_IO_URING_ENTER); calls {
	case "all":
		forbid(t, unix.SYS_IO_URING_REGISTER, unix.SYS_IO_URING_SETUP)
	case "close":
		e.close(len(inside)+1, awaited)
		return
	}
	e.goOn(inside, hour, awaited)
}

// goOn checks what is left of the port, and closes it.
func (e *ender) goOn(inside []completion.Operation, hour completion.Operation, awaited chan error) {
	p := e.port
	later := e.all()
	must(e.T, p.Submit(later...)) // the first call for the ring finds out
	e.allEnd(append(inside, later...))
	later = append(e.all(), e.quick()...)
	must(e.T, p.Submit(later...))
	e.allEnd(later)
	e.ended(awaited, <-awaited)
	e.goesOn()
	must(e.T, p.Close())
	for op := range e.delivered {
		if op != hour || !errors.Is(op.Err(), net.ErrClosed) {
			e.Errorf("%T ends with %v", op, op.Err())
		}
	}
}

// close closes the port, which finds out. So many operations are delivered, and all that were inside
// are closed.
func (e *ender) close(count int, awaited chan error) {
	must(e.T, e.port.Close())
	for op := range e.delivered {
		count--
		if !errors.Is(op.Err(), net.ErrClosed) {
			e.Errorf("%T ends with %v", op, op.Err())
		}
	}
	if err := <-awaited; !errors.Is(err, net.ErrClosed) || count != 0 {
		e.Errorf("the read ends with %v, and %d are missing", err, count)
	}
}

// begin submits operations that do not end by themselves, one of them with Await, and returns when
// the leader sleeps.
func (e *ender) begin(more completion.Operation) (inside []completion.Operation, awaited chan error) {
	inside = e.all()
	must(e.T, e.port.Submit(append(inside, more)...))
	awaited = make(chan error)
	read := &ops.Read{From: e.conn(), Buf: completion.Own(make([]byte, 8))}
	go func() { awaited <- e.port.Await(context.Background(), read) }()
	for s := e.port.Stats(); !s.Parked || s.InFlight != len(inside)+2; s = e.port.Stats() {
		runtime.Gosched()
	}
	return inside, awaited
}

func (e *ender) open() {
	e.Helper()
	var err error
	e.listener, err = e.port.Listen("tcp4", "127.0.0.1:0")
	must(e.T, err)
	e.packets, err = e.port.ListenPacket("udp4", "127.0.0.1:0")
	must(e.T, err)
	path := filepath.Join(e.TempDir(), "file")
	must(e.T, os.WriteFile(path, make([]byte, 16<<10), 0o600))
	e.file, err = e.port.OpenFile(path, os.O_RDONLY|syscall.O_DIRECT, 0)
	if errors.Is(err, syscall.EINVAL) {
		e.file, err = e.port.OpenFile(path, os.O_RDONLY, 0)
	}
	must(e.T, err)
}

// conn returns a connection whose peer does nothing.
func (e *ender) conn() *completion.Socket {
	ends, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	must(e.T, err)
	file := os.NewFile(uintptr(ends[0]), "")
	defer file.Close()
	e.Cleanup(func() { syscall.Close(ends[1]) })
	c, err := net.FileConn(file)
	must(e.T, err)
	s, err := e.port.AdoptConn(c)
	must(e.T, err)
	return s
}

// all returns an operation of each kind that does not end by itself.
func (e *ender) all() []completion.Operation {
	const much = 16 << 20 // for which a connection has no room
	buffer := func(n int) *completion.Buffer { return completion.Own(make([]byte, n)) }
	pool := e.port.NewPool(4096, 64)
	return []completion.Operation{
		&ops.Accept{On: e.listener},
		&ops.Read{From: e.conn(), Buf: buffer(8)},
		&ops.Read{From: e.conn(), Pool: pool},
		&ops.Read{From: e.conn(), Buf: buffer(8), Full: true},
		&ops.ReadV{From: e.conn(), Bufs: []*completion.Buffer{buffer(8), buffer(8)}},
		&ops.Write{To: e.conn(), Buf: buffer(much)},
		&ops.WriteV{To: e.conn(), Bufs: []*completion.Buffer{buffer(much), buffer(much)}},
		&ops.ReadFrom{From: e.packets, Buf: buffer(8)},
		&ops.Poll{On: e.conn()},
		&ops.Copy{From: e.conn(), To: e.conn()},
	}
}

// quick returns operations that would end at once.
func (e *ender) quick() []completion.Operation {
	x := func() *completion.Buffer { return completion.Own([]byte("x")) }
	return []completion.Operation{
		&ops.Write{To: e.conn(), Buf: x()},
		&ops.WriteV{To: e.conn(), Bufs: []*completion.Buffer{x(), x()}},
		&ops.WriteTo{To: e.packets, Buf: x(), Addr: e.packets.LocalAddr().(*net.UDPAddr).AddrPort()},
		&ops.Poll{On: e.conn(), Write: true},
		&ops.CloseWrite{On: e.conn()},
	}
}

// allEnd checks that the operations are delivered, and why they end.
func (e *ender) allEnd(all []completion.Operation) {
	e.Helper()
	for range all {
		op := <-e.delivered
		e.ended(op, op.Err())
		if read, ok := op.(*ops.Read); ok && read.Pool != nil && (read.Buf != nil || read.Pool.Lent() != 0) {
			e.Errorf("the read has %v, and %d buffers are lent", read.Buf, read.Pool.Lent())
		}
	}
}

// ended checks the error of an operation that needs the ring.
func (e *ender) ended(what any, err error) {
	e.Helper()
	var call *os.SyscallError
	if !errors.Is(err, syscall.EPERM) || !errors.As(err, &call) || call.Syscall != "io_uring_enter" {
		e.Errorf("%T ends with %v", what, err)
	}
}

// goesOn checks what needs no ring.
func (e *ender) goesOn() {
	e.Helper()
	read := &ops.ReadAt{From: e.file, Pool: e.port.NewAlignedPool(4096, 1, 4096)}
	for _, op := range []completion.Operation{read, &ops.Timer{After: time.Millisecond}, &ops.Post{}} {
		must(e.T, e.port.Await(context.Background(), op))
	}
	_, err := e.port.Dial(context.Background(), "tcp4", e.listener.Addr().String())
	e.ended(e.listener, err)
	if read.N() != 4096 {
		e.Errorf("read %d bytes", read.N())
	}
}
