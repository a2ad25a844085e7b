package sys

import (
	"net"
	"os"
	"runtime"
	"syscall"
	"testing"

	"github.com/completionport/completion/internal/backend"
	"golang.org/x/sys/unix"
)

// TestReadAtUrgentDataUnderSignals: a read that begins where urgent data was
// brings what is behind it, also while signals come, as those of Go's runtime may
// at any time. Without the second look about one in a thousand of these reads
// brings EAGAIN.
func TestReadAtUrgentDataUnderSignals(t *testing.T) {
	reader, writer := pairOfTCP(t)
	defer urgent.Store(urgent.Swap(true)) // as SawUrgent
	everyReadBehindUrgent(t, &Kernel{}, reader, writer, false)
}

// Of an adopted socket no event may tell: who had it before has received the urgent
// byte, and reads stop where it was all the same.
func TestReadOfAdoptedBehindUrgentData(t *testing.T) {
	defer urgent.Store(urgent.Swap(false))
	a, b := connsOfTCP(t)
	kernel := &Kernel{}
	reader, err := kernel.Adopt(a, backend.StreamSocket)
	a.Close()
	if err != nil {
		t.Fatal(err)
	}
	defer kernel.Close(reader)
	if !kernel.mayBeAtUrgent(reader) {
		t.Error("its EAGAIN is believed")
	}
	everyReadBehindUrgent(t, kernel, reader, descriptorOf(t, b), true)
}

// Where urgent data begins, splice(2) takes the end of the stream for the place, if that has arrived.
func TestSpliceAtUrgentData(t *testing.T) {
	reader, writer := pairOfTCP(t)
	defer urgent.Store(urgent.Swap(true)) // for Read
	kernel := &Kernel{}
	pipe, errno := kernel.OpenPipe()
	if errno != 0 {
		t.Fatal(errno)
	}
	defer kernel.ClosePipe(pipe)
	send(t, writer, "abX", unix.MSG_OOB)
	send(t, writer, "cd", 0)
	if err := unix.Shutdown(writer, unix.SHUT_WR); err != nil {
		t.Fatal(err)
	}
	err := ignoringEINTR(func() error {
		_, err := unix.Poll([]unix.PollFd{{Fd: int32(reader), Events: unix.POLLRDHUP}}, -1)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if n, errno, supported := kernel.SpliceIn(reader, pipe, 10); n != 2 || errno != 0 || !supported {
		t.Fatalf("%d bytes before the urgent one, %v, %v", n, errno, supported)
	}
	if n, errno, supported := kernel.SpliceIn(reader, pipe, 10); supported {
		t.Errorf("%d bytes at the urgent one, %v: it is no end", n, errno)
	}
	var b [16]byte
	if n, errno := kernel.Read(reader, b[:]); n != 2 || errno != 0 {
		t.Errorf("%d bytes behind the urgent one, %v", n, errno)
	}
}

// everyReadBehindUrgent sends urgent data, receives the urgent byte if take says so, and
// reads what is behind it.
func everyReadBehindUrgent(t *testing.T, kernel *Kernel, reader, writer int, take bool) {
	t.Helper()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	stop := signalAllTheTime(unix.Gettid())
	defer stop()
	var b [16]byte
	for i := range 20_000 {
		send(t, writer, "abX", unix.MSG_OOB)
		if n := readSoon(t, kernel, reader, b[:]); n != 2 {
			t.Fatalf("round %d: %d bytes before the urgent one, want 2", i, n)
		}
		if take {
			if _, _, err := unix.Recvfrom(reader, b[:1], unix.MSG_OOB); err != nil || b[0] != 'X' {
				t.Fatalf("round %d: the urgent byte is %q, %v", i, b[0], err)
			}
		}
		send(t, writer, "cd", 0)
		// The rest has come, or comes soon: then poll(2) says so.
		for !readable(reader) {
			runtime.Gosched()
		}
		if n, errno := kernel.Read(reader, b[:]); n != 2 || errno != 0 {
			t.Fatalf("round %d: %d bytes behind the urgent one and %v, want 2", i, n, errno)
		}
	}
}

func send(t *testing.T, fd int, bytes string, flags int) {
	t.Helper()
	if err := ignoringEINTR(func() error { return unix.Sendto(fd, []byte(bytes), flags, nil) }); err != nil {
		t.Fatal(err)
	}
}

// readSoon reads as soon as there is something.
func readSoon(t *testing.T, kernel *Kernel, fd int, b []byte) int {
	t.Helper()
	for {
		switch n, errno := kernel.Read(fd, b); errno {
		case 0:
			return n
		case unix.EAGAIN, unix.EINTR:
			runtime.Gosched()
		default:
			t.Fatal(errno)
		}
	}
}

// signalAllTheTime sends a thread the signal that Go's runtime uses, until stop.
func signalAllTheTime(thread int) (stop func()) {
	over, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for {
			select {
			case <-over:
				return
			default:
				unix.Tgkill(os.Getpid(), thread, unix.SIGURG)
			}
		}
	}()
	return func() {
		close(over)
		<-ended
	}
}

func ignoringEINTR(f func() error) error {
	for {
		if err := f(); err != unix.EINTR {
			return err
		}
	}
}

// pairOfTCP returns two descriptors that don't block.
func pairOfTCP(t *testing.T) (a, b int) {
	t.Helper()
	c, d := connsOfTCP(t)
	return descriptorOf(t, c), descriptorOf(t, d)
}

// connsOfTCP returns both ends of a connection.
func connsOfTCP(t *testing.T) (c, d net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if c, err = net.Dial("tcp4", l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if d, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	return c, d
}

// descriptorOf is a duplicate; c is closed.
func descriptorOf(t *testing.T, c net.Conn) int {
	t.Helper()
	fd := -1
	raw, err := c.(syscall.Conn).SyscallConn()
	if err == nil {
		err = raw.Control(func(s uintptr) { fd, _ = unix.FcntlInt(s, unix.F_DUPFD_CLOEXEC, 0) })
	}
	c.Close()
	if err != nil || fd < 0 {
		t.Fatal("no descriptor", err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	return fd
}
