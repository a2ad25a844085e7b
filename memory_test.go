package completion_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/completionport/completion"
	"github.com/completionport/completion/ops"
)

// memoryPort opens a port on a network, and a listener on it.
func memoryPort(t *testing.T) (*completion.Memory, *completion.Port, *completion.Listener) {
	t.Helper()
	network := new(completion.Memory)
	p, err := completion.Open(&completion.Config{Memory: network})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.Close()
		if n := completion.Descriptors(network); n != 0 {
			t.Errorf("%d descriptors left", n)
		}
	})
	l, err := p.Listen("tcp", "10.0.0.1:80")
	if err != nil {
		t.Fatal(err)
	}
	return network, p, l
}

// dialMemory connects the test to the listener of memoryPort.
func dialMemory(t *testing.T, m *completion.Memory) net.Conn {
	t.Helper()
	c, err := m.Dial("tcp", "10.0.0.1:80")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// awaits checks how an operation ends: nil, or what errors.Is finds.
func awaits(t *testing.T, p *completion.Port, op completion.Operation, want error) {
	t.Helper()
	if err := p.Await(context.Background(), op); err != want && (want == nil || !errors.Is(err, want)) {
		t.Fatalf("%T: %v, want %v", op, err, want)
	}
}

func TestMemoryAcceptWithoutDescriptors(t *testing.T) {
	m, p, l := memoryPort(t)
	m.Fail("accept", syscall.EMFILE, 2)
	a := &ops.Accept{On: l}
	p.Start(a)
	c := dialMemory(t, m)
	if err := p.Wait(t.Context(), a); !errors.Is(err, syscall.EMFILE) {
		t.Errorf("the accept that waited: %v", err)
	}
	awaits(t, p, a, syscall.EMFILE)
	awaits(t, p, a, nil) // it has waited in the backlog
	if a.Conn.RemoteAddr().String() != c.LocalAddr().String() {
		t.Errorf("accepted %v", a.Conn.RemoteAddr())
	}
}

// Each call fails as ordered, and works again.
func TestMemoryFail(t *testing.T) {
	m, p, l := memoryPort(t)
	fault := syscall.ENOMEM
	m.Fail("socket", fault, 1)
	if _, err := p.Socket("tcp"); !errors.Is(err, fault) {
		t.Errorf("socket: %v", err)
	}
	m.Fail("listen", fault, 1)
	if _, err := p.Listen("tcp", "10.0.0.2:80"); !errors.Is(err, fault) {
		t.Errorf("listen: %v", err)
	}
	s, err := p.Socket("tcp")
	if err != nil {
		t.Fatal(err)
	}
	m.Fail("connect", fault, 1)
	awaits(t, p, &ops.Connect{On: s, To: l.Addr()}, fault)

	c := dialMemory(t, m)
	a := &ops.Accept{On: l}
	awaits(t, p, a, nil)
	w, r := &ops.Write{To: a.Conn, Buf: completion.Own([]byte("abc"))}, &ops.Read{From: a.Conn, Buf: completion.Own(make([]byte, 3))}
	fin := &ops.CloseWrite{On: a.Conn}
	io.WriteString(c, "abc")
	for call, op := range map[string]completion.Operation{"write": w, "read": r, "closewrite": fin} {
		m.Fail(call, fault, 2)
		awaits(t, p, op, fault)
		awaits(t, p, op, fault)
	}
	awaits(t, p, r, nil)
	awaits(t, p, w, nil)
	awaits(t, p, fin, nil)
	if got, err := io.ReadAll(c); string(got) != "abc" || err != nil {
		t.Errorf("received %q, %v", got, err)
	}

	defer func() {
		if r := recover(); r == nil || !strings.Contains(r.(string), `"reed"`) {
			t.Errorf("panic: %v", r)
		}
	}()
	m.Fail("reed", fault, 1)
}

// What Fail's comment says of the calls that no system interrupts or lets wait: they
// fail. So does a connect with EAGAIN, which says that no edge will come.
func TestMemoryFailNoticed(t *testing.T) {
	for _, fault := range []syscall.Errno{syscall.EINTR, syscall.EAGAIN} {
		m, p, l := memoryPort(t)
		m.Fail("socket", fault, 1)
		if _, err := p.Socket("tcp"); !errors.Is(err, fault) {
			t.Errorf("socket: %v", err)
		}
		m.Fail("listen", fault, 1)
		if _, err := p.Listen("tcp", "10.0.0.2:80"); !errors.Is(err, fault) {
			t.Errorf("listen: %v", err)
		}
		dialMemory(t, m)
		a := &ops.Accept{On: l}
		awaits(t, p, a, nil)
		m.Fail("closewrite", fault, 1)
		fin := &ops.CloseWrite{On: a.Conn}
		awaits(t, p, fin, fault)
		awaits(t, p, fin, nil)
		if fault == syscall.EAGAIN {
			s, err := p.Socket("tcp")
			if err != nil {
				t.Fatal(err)
			}
			m.Fail("connect", fault, 1)
			awaits(t, p, &ops.Connect{On: s, To: l.Addr()}, fault)
		}
	}
}

// A second half close is fine until the connection has ended both ways, as on Linux.
func TestMemorySecondCloseWrite(t *testing.T) {
	var network completion.Memory
	config := &completion.Config{Memory: &network}
	t.Run("OurEndFirst", func(t *testing.T) { secondCloseWrite(t, config, network.Dial, false) })
	t.Run("TheirEndFirst", func(t *testing.T) { secondCloseWrite(t, config, network.Dial, true) })
	if runtime.GOOS == "linux" { // with their end first, when it has our end is its affair
		t.Run("Linux", func(t *testing.T) { secondCloseWrite(t, nil, net.Dial, false) })
	}
}

func secondCloseWrite(t *testing.T, config *completion.Config, dial func(network, address string) (net.Conn, error), theirsFirst bool) {
	p, err := completion.Open(config)
	must(t, err)
	defer p.Close()
	l, err := p.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	c, err := dial("tcp", l.Addr().String())
	must(t, err)
	defer c.Close()
	a := &ops.Accept{On: l}
	awaits(t, p, a, nil)
	fin, r := &ops.CloseWrite{On: a.Conn}, &ops.Read{From: a.Conn, Buf: completion.Own(make([]byte, 1))}
	if !theirsFirst {
		awaits(t, p, fin, nil)
		awaits(t, p, fin, nil)
	}
	must(t, c.(interface{ CloseWrite() error }).CloseWrite())
	awaits(t, p, r, io.EOF)
	if theirsFirst {
		awaits(t, p, fin, nil)
	}
	awaits(t, p, fin, syscall.ENOTCONN)
	awaits(t, p, r, io.EOF)
}

// It goes as long as our own end is under way, and always on a unix socket.
func TestMemoryCloseWriteAgain(t *testing.T) {
	m, p, _ := memoryPort(t)
	for _, at := range [][2]string{{"tcp", "10.0.0.1:81"}, {"unix", "somewhere"}} {
		l, err := p.Listen(at[0], at[1])
		must(t, err)
		c, err := m.Dial(at[0], at[1])
		must(t, err)
		a := &ops.Accept{On: l}
		awaits(t, p, a, nil)
		must(t, c.(interface{ CloseWrite() error }).CloseWrite())
		awaits(t, p, &ops.Read{From: a.Conn, Buf: completion.Own(make([]byte, 1))}, io.EOF)
		if at[0] == "tcp" {
			m.Delay(time.Hour)
		}
		for range 3 {
			awaits(t, p, &ops.CloseWrite{On: a.Conn}, nil)
		}
		m.Delay(0)
	}
}

// An interrupted call, and one that finds nothing though an edge came, go
// unnoticed.
func TestMemoryFailUnnoticed(t *testing.T) {
	for _, fault := range []syscall.Errno{syscall.EINTR, syscall.EAGAIN} {
		m, p, l := memoryPort(t)
		for _, call := range []string{"accept", "read", "write", "connect"} {
			if call != "connect" || fault == syscall.EINTR {
				m.Fail(call, fault, 3)
			}
		}
		s, err := p.Socket("tcp")
		if err != nil {
			t.Fatal(err)
		}
		a, c := &ops.Accept{On: l}, &ops.Connect{On: s, To: l.Addr()}
		p.Start(a)
		awaits(t, p, c, nil)
		if err := p.Wait(t.Context(), a); err != nil {
			t.Fatal(err)
		}
		r := &ops.Read{From: a.Conn, Buf: completion.Own(make([]byte, 3)), Full: true}
		p.Start(r)
		awaits(t, p, &ops.Write{To: s, Buf: completion.Own([]byte("abc"))}, nil)
		if err := p.Wait(t.Context(), r); err != nil || string(r.Buf.Bytes()) != "abc" {
			t.Errorf("%v: read %q, %v", fault, r.Buf.Bytes(), err)
		}
		m.Fail("connect", nil, 0)
	}
}

// However little a call moves, everything arrives.
func TestMemoryLimitTransfer(t *testing.T) {
	m, p, l := memoryPort(t)
	c := dialMemory(t, m)
	a := &ops.Accept{On: l}
	awaits(t, p, a, nil)
	m.LimitTransfer(3)
	message := bytes.Repeat([]byte("0123456789"), 1000)
	go c.Write(message)
	r := &ops.Read{From: a.Conn, Buf: completion.Own(make([]byte, len(message)))}
	awaits(t, p, r, nil)
	if r.N() != 3 {
		t.Errorf("read %d", r.N())
	}
	r.Buf = completion.Own(make([]byte, len(message)-3))
	r.Full = true
	awaits(t, p, r, nil)
	if !bytes.Equal(r.Buf.Bytes(), message[3:]) {
		t.Error("other bytes came")
	}
	w := &ops.Write{To: a.Conn, Buf: completion.Own(message)}
	p.Start(w)
	got := make([]byte, len(message))
	received := make(chan error, 1)
	go func() {
		_, err := io.ReadFull(c, got)
		received <- err
	}()
	if err := p.Wait(t.Context(), w); err != nil || w.N() != len(message) {
		t.Errorf("wrote %d, %v", w.N(), err)
	}
	if err := <-received; err != nil || !bytes.Equal(got, message) {
		t.Errorf("other bytes arrived: %v", err)
	}
	m.LimitTransfer(0)
	io.WriteString(c, "whole")
	r.Full = false
	awaits(t, p, r, nil)
	if r.N() != 5 {
		t.Errorf("read %d without a limit", r.N())
	}
}

func TestMemoryRefuse(t *testing.T) {
	m, p, l := memoryPort(t)
	refused := completion.Native(syscall.ECONNREFUSED)
	connect := func(deadline completion.Deadline) *ops.Connect {
		s, err := p.Socket("tcp")
		if err != nil {
			t.Fatal(err)
		}
		return &ops.Connect{Op: completion.Op{Deadline: deadline}, On: s, To: l.Addr()}
	}
	m.Refuse("tcp", "10.0.0.1:80")
	awaits(t, p, connect(0), refused)
	if _, err := m.Dial("tcp", "10.0.0.1:80"); !errors.Is(err, refused) {
		t.Errorf("dial: %v", err)
	}
	m.Ignore("tcp", "10.0.0.1:80")
	awaits(t, p, connect(completion.After(5*time.Millisecond)), os.ErrDeadlineExceeded)
	m.Restore("tcp", "10.0.0.1:80")
	awaits(t, p, connect(0), nil)

	if _, err := p.Listen("unix", "name"); err != nil {
		t.Fatal(err)
	}
	m.Refuse("unix", "name")
	if _, err := m.Dial("unix", "name"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("dial: %v", err)
	}
	for _, f := range []func(network, address string) error{m.Refuse, m.Ignore, m.Restore} {
		if err := f("tcp9", "10.0.0.1:80"); err == nil {
			t.Error("an unknown network is none to refuse")
		}
	}
}

func TestMemoryReset(t *testing.T) {
	m, p, l := memoryPort(t)
	c := dialMemory(t, m)
	a := &ops.Accept{On: l}
	awaits(t, p, a, nil)
	r := &ops.Read{From: a.Conn, Buf: completion.Own(make([]byte, 8))}
	p.Start(r)
	if err := m.Reset(c); err != nil {
		t.Fatal(err)
	}
	reset := completion.Native(syscall.ECONNRESET)
	if err := p.Wait(t.Context(), r); !errors.Is(err, reset) {
		t.Errorf("read: %v", err)
	}
	awaits(t, p, &ops.Write{To: a.Conn, Buf: completion.Own([]byte("abc"))}, reset)
	x, y := net.Pipe()
	defer y.Close()
	defer x.Close()
	stranger := dialMemory(t, m)
	for _, c := range []net.Conn{x, nil, stranger} {
		if err := new(completion.Memory).Reset(c); !errors.Is(err, errors.ErrUnsupported) {
			t.Errorf("reset of %T: %v", c, err)
		}
	}
}

// Two ports of one network talk to each other; another network is another
// world.
func TestMemoryNetworks(t *testing.T) {
	m, p, l := memoryPort(t)
	other, q, _ := memoryPort(t)
	second, err := completion.Open(&completion.Config{Memory: m, Backend: "memory"})
	if err != nil {
		t.Fatal(err)
	}
	defer second.Close()
	if second.Backend() != "memory" {
		t.Errorf("the backend is %q", second.Backend())
	}
	s, err := second.Socket("tcp")
	if err != nil {
		t.Fatal(err)
	}
	a := &ops.Accept{On: l}
	p.Start(a)
	awaits(t, second, &ops.Connect{On: s, To: l.Addr()}, nil)
	if err := p.Wait(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	awaits(t, second, &ops.Write{To: s, Buf: completion.Own([]byte("abc"))}, nil)
	r := &ops.Read{From: a.Conn, Buf: completion.Own(make([]byte, 8))}
	awaits(t, p, r, nil)

	c := dialMemory(t, m)
	if _, err := q.AdoptConn(c); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("adopted a connection of another network: %v", err)
	}
	if _, err := other.Dial("tcp", "10.0.0.7:80"); err == nil {
		t.Error("somebody listens there")
	}
}

// What needs the system says so.
func TestMemoryHasNoDescriptors(t *testing.T) {
	_, p, l := memoryPort(t)
	raw, err := l.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	err = raw.Control(func(uintptr) { t.Error("called") })
	if !errors.Is(err, errors.ErrUnsupported) || !strings.Contains(err.Error(), "no descriptor") {
		t.Errorf("control: %v", err)
	}
	real, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer real.Close()
	if _, err := p.AdoptListener(real); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("adopted a listener of the system: %v", err)
	}
}

// makeFolder makes one for files, also where a kernel has little around it.
func makeFolder() (string, error) {
	dir, err := os.MkdirTemp("", "completion")
	if err != nil {
		dir, err = os.MkdirTemp(".", "completion")
	}
	return dir, err
}

// No file is made, and none is removed.
func TestMemoryLeavesFilesAlone(t *testing.T) {
	_, p, _ := memoryPort(t)
	dir, err := makeFolder()
	if err != nil {
		t.Skipf("no place for a file: %v", err)
	}
	defer os.Remove(dir)
	path := filepath.Join(dir, "file")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	l, err := p.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	if err := os.Remove(path); err != nil {
		t.Error(err)
	}
}

// COMPLETIONDEBUG is for ports of the system: a test's own means what it says.
func TestMemoryBeforeDebug(t *testing.T) {
	t.Setenv("COMPLETIONDEBUG", "backend=pigeon,wait=long")
	memoryPort(t)
}

// A limited call that fills the buffers to the last byte is followed by an edge as soon as
// there is room again.
func TestMemoryLimitFillsBuffers(t *testing.T) {
	m, p, l := memoryPort(t)
	c := dialMemory(t, m)
	a := &ops.Accept{On: l}
	awaits(t, p, a, nil)
	m.LimitTransfer(16 << 10)
	w := &ops.Write{To: a.Conn, Buf: completion.Own(make([]byte, 1<<20))}
	p.Start(w)
	go io.ReadFull(c, make([]byte, 1<<20))
	if err := p.Wait(t.Context(), w); err != nil || w.N() != 1<<20 {
		t.Errorf("wrote %d, %v", w.N(), err)
	}
}
