package echo

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"runtime"
	"runtime/debug"
	"time"

	"github.com/completionport/completion/bench/internal/stat"
	"github.com/completionport/completion/bench/internal/system"
	"golang.org/x/sys/unix"
)

// patience is how long the load waits for any answer before it gives up.
const patience = 2 * time.Minute

// piece is the most that is sent at once of a message that is verified. Bytes that do not
// fit are generated again for the next send.
const piece = 256 << 10

// load is the client: one thread that blocks in epoll_wait. It allocates
// nothing while it measures.
type load struct {
	target  unix.SockaddrInet4
	epoll   int
	conns   []loadConn
	events  [256]unix.EpollEvent
	payload []byte
	scratch []byte
	began   time.Time

	work     Work
	left     int // messages not yet begun
	underWay int
	key      int // of the last request
	latency  stat.Histogram
}

// loadConn is a connection and its message under way.
type loadConn struct {
	fd       int
	serial   int // messages so far
	sent     int
	received int
	blocked  bool // waits for the socket to take more
	start    time.Duration
}

// runLoad is the main of a load process.
func runLoad(target string) error {
	runtime.LockOSThread()
	runtime.GOMAXPROCS(2) // so that the thread finds its processor again after a wait
	debug.SetGCPercent(-1)
	addr, err := netip.ParseAddrPort(target)
	if err != nil {
		return err
	}
	l := &load{target: unix.SockaddrInet4{Addr: addr.Addr().As4(), Port: int(addr.Port())}, began: time.Now()}
	if l.epoll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return os.NewSyscallError("epoll_create1", err)
	}
	return obey(func(c command) (any, error) {
		switch {
		case c.Name == "connect":
			return nil, l.connect(c.Conns, c.Keys)
		case c.Name == "run" && c.Work != nil:
			return l.run(*c.Work)
		}
		return nil, fmt.Errorf("unknown command %q", c.Name)
	})
}

func (l *load) now() time.Duration { return time.Since(l.began) }

// connect makes connections one after the other, and echoes one byte on each.
func (l *load) connect(count, keys int) error {
	l.work = Work{Size: 1}
	if keys > 0 {
		l.work = Work{Size: RequestSize, Keys: keys}
	}
	l.makeRoom()
	already := len(l.conns)
	for range count {
		l.conns = append(l.conns, loadConn{fd: -1})
		i := len(l.conns) - 1
		err := l.open(i)
		if err == nil {
			err = l.first(l.conns[i].fd)
		}
		if err != nil {
			return fmt.Errorf("connection %d of %d: %w", i+1, already+count, err)
		}
	}
	return nil
}

// first sends one byte, or one request, and waits for the answer.
func (l *load) first(fd int) error {
	size := l.work.Size
	if n, err := sendto(fd, l.payload[:size]); n != size {
		return fmt.Errorf("the first byte: %w", os.NewSyscallError("sendto", err))
	}
	n, err := unix.Read(fd, l.scratch)
	for err == unix.EINTR { // Go's scheduler sends signals to threads
		n, err = unix.Read(fd, l.scratch)
	}
	switch {
	case err != nil:
		return fmt.Errorf("the first byte's echo: %w", os.NewSyscallError("read", err))
	case n != size || l.work.Keys == 0 && l.scratch[0] != l.payload[0]:
		return fmt.Errorf("the first byte came back as %d bytes", n)
	}
	return nil
}

// open connects conns[i]. The socket is blocking, with a time-out, but measured calls on
// it do not block.
func (l *load) open(i int) error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return os.NewSyscallError("socket", err)
	}
	l.conns[i].fd, l.conns[i].blocked = fd, false
	timeout := unix.NsecToTimeval(int64(patience))
	if err := errors.Join(
		unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1),
		unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_SNDTIMEO, &timeout),
		unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &timeout),
		// Reset on close: no TIME_WAIT that would use up the ports.
		unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1}),
	); err != nil {
		return os.NewSyscallError("setsockopt", err)
	}
	err = unix.Connect(fd, &l.target)
	for err == unix.EINTR || err == unix.EALREADY { // the connect goes on in the background
		err = unix.Connect(fd, &l.target)
	}
	if err != nil && err != unix.EISCONN {
		return os.NewSyscallError("connect", err)
	}
	return l.register(unix.EPOLL_CTL_ADD, i, unix.EPOLLIN)
}

func (l *load) register(op, i int, events uint32) error {
	e := unix.EpollEvent{Events: events, Fd: int32(i)}
	return os.NewSyscallError("epoll_ctl", unix.EpollCtl(l.epoll, op, l.conns[i].fd, &e))
}

// makeRoom makes the buffers fit the work. The scratch has room for one byte more, so
// that a byte too many is noticed.
func (l *load) makeRoom() {
	if size := l.work.Size; len(l.payload) < size {
		l.payload, l.scratch = make([]byte, size), make([]byte, size+1)
	}
	switch {
	case l.work.Keys > 0:
		copy(l.payload, requestOf(0))
	case len(l.payload) > 0:
		l.payload[0] = 'x'
	}
}

// run performs the work.
func (l *load) run(w Work) (Result, error) {
	if len(l.conns) == 0 || w.Messages < 1 || w.Size < 1 {
		return Result{}, fmt.Errorf("%d messages of %d bytes on %d connections make no work", w.Messages, w.Size, len(l.conns))
	}
	l.work, l.left, l.underWay = w, w.Messages, 0
	l.makeRoom()
	l.latency.Reset()
	cpu, err := system.OwnCPU()
	if err != nil {
		return Result{}, err
	}
	start := l.now()
	if err := l.loop(); err != nil {
		return Result{}, err
	}
	r := Result{Elapsed: l.now() - start, P50: l.latency.Quantile(0.5), P99: l.latency.Quantile(0.99), P999: l.latency.Quantile(0.999), Max: l.latency.Max()}
	after, err := system.OwnCPU()
	r.CPU = after - cpu
	return r, err
}

func (l *load) loop() error {
	for i := 0; i < len(l.conns) && l.left > 0; i++ {
		if err := l.begin(i, l.now()); err != nil {
			return l.failed(i, err)
		}
	}
	for l.underWay > 0 {
		n, err := unix.EpollWait(l.epoll, l.events[:], int(patience/time.Millisecond))
		switch {
		case err == unix.EINTR:
			continue
		case err != nil:
			return os.NewSyscallError("epoll_wait", err)
		case n == 0:
			return fmt.Errorf("no answer for %v: %d messages are under way on %d connections, %d were not begun",
				patience, l.underWay, len(l.conns), l.left)
		}
		for _, e := range l.events[:n] {
			if err := l.step(int(e.Fd)); err != nil {
				return l.failed(int(e.Fd), err)
			}
		}
	}
	return nil
}

func (l *load) failed(i int, err error) error {
	return fmt.Errorf("connection %d of %d, message %d: %w", i+1, len(l.conns), l.conns[i].serial, err)
}

// begin starts a message on conns[i] at the time now, if there are any left.
func (l *load) begin(i int, now time.Duration) error {
	if l.left == 0 {
		return nil
	}
	c := &l.conns[i]
	if l.work.Renew {
		unix.Close(c.fd)
		if err := l.open(i); err != nil {
			return err
		}
	}
	l.left--
	l.underWay++
	c.serial++
	c.sent, c.received, c.start = 0, 0, now
	return l.send(i)
}

// step sends the rest of a message, reads what has come back, and begins the next
// message.
func (l *load) step(i int) error {
	c := &l.conns[i]
	if c.blocked {
		if err := l.send(i); err != nil {
			return err
		}
	}
	n, err := recvfrom(c.fd, l.scratch)
	switch {
	case err == unix.EAGAIN || err == unix.EINTR:
		return nil
	case err != 0:
		return os.NewSyscallError("recvfrom", err)
	case n == 0:
		return errors.New("the server has closed it")
	case c.received+n > c.sent:
		return fmt.Errorf("%d bytes came back, %d were sent", c.received+n, c.sent)
	}
	if err := l.check(i, l.scratch[:n]); err != nil {
		return err
	}
	if c.received += n; c.received < l.work.Size {
		return nil
	}
	now := l.now()
	l.latency.Record(now - c.start)
	l.underWay--
	return l.begin(i, now)
}

// send sends as much of the message as the socket takes, and requests an event if bytes
// are left.
func (l *load) send(i int) error {
	c := &l.conns[i]
	p := l.payload[c.sent:l.work.Size]
	if l.work.Verify {
		p = p[:min(len(p), piece)]
		for k := range p {
			p[k] = pattern(i, c.serial, c.sent+k)
		}
	}
	if l.work.Keys > 0 && c.sent == 0 {
		l.key = (l.key + 7919) % l.work.Keys
		putKey(l.payload, l.key)
	}
	n, err := sendto(c.fd, p)
	switch {
	case err == unix.EAGAIN || err == unix.EINTR:
	case err != 0:
		return os.NewSyscallError("sendto", err)
	default:
		c.sent += n
	}
	blocked := c.sent < l.work.Size
	if blocked == c.blocked {
		return nil
	}
	c.blocked = blocked
	events := uint32(unix.EPOLLIN)
	if blocked {
		events |= unix.EPOLLOUT
	}
	return l.register(unix.EPOLL_CTL_MOD, i, events)
}

// answerStart is the beginning of the answer to requestOf for a known key.
var answerStart = []byte("$57\r\n")

// check compares the bytes that have come back.
func (l *load) check(i int, got []byte) error {
	if l.work.Keys > 0 && !bytes.HasPrefix(got, answerStart) {
		return fmt.Errorf("the answer is %q", got)
	}
	if !l.work.Verify {
		return nil
	}
	c := &l.conns[i]
	for k, b := range got {
		if at := c.received + k; b != pattern(i, c.serial, at) {
			return fmt.Errorf("byte %d came back changed", at)
		}
	}
	return nil
}
