package echo

import (
	"net"
	"net/netip"
	"os"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// floor is the minimal program in Go with the system calls that the port makes: a bare
// loop over edges. It waits like the port, parked in Go's own poller, where the epoll
// descriptor is registered.
type floor struct {
	epoll    int
	file     *os.File
	raw      syscall.RawConn
	listener int
	addr     string
	conns    []floorConn // by descriptor
	buffer   []byte
	events   [128]unix.EpollEvent // as many as one poll of the port takes
	n        int
	ended    chan struct{}
}

// floorConn is the entry of a descriptor's number. For a connection it has the bytes that
// could not be sent, and whether the peer has sent its last byte.
type floorConn struct {
	rest   []byte
	open   bool
	hungUp bool
}

func serveFloor(buffer int) (Serving, error) {
	f := &floor{epoll: -1, listener: -1, buffer: make([]byte, buffer), ended: make(chan struct{})}
	if err := f.open(); err != nil {
		unix.Close(f.listener)
		if f.file != nil {
			f.file.Close()
		} else {
			unix.Close(f.epoll)
		}
		return nil, err
	}
	go f.run()
	return f, nil
}

func (f *floor) open() (err error) {
	if f.listener, err = unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0); err != nil {
		return os.NewSyscallError("socket", err)
	}
	loopback := &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}
	if err := unix.Bind(f.listener, loopback); err != nil {
		return os.NewSyscallError("bind", err)
	}
	if err := unix.SetsockoptInt(f.listener, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1); err != nil {
		return os.NewSyscallError("setsockopt", err)
	}
	if err := unix.Listen(f.listener, 1<<16-1); err != nil {
		return os.NewSyscallError("listen", err)
	}
	name, err := unix.Getsockname(f.listener)
	if err != nil {
		return os.NewSyscallError("getsockname", err)
	}
	port := name.(*unix.SockaddrInet4).Port
	f.addr = netip.AddrPortFrom(netip.AddrFrom4(loopback.Addr), uint16(port)).String()
	return f.openEpoll()
}

func (f *floor) openEpoll() (err error) {
	if f.epoll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return os.NewSyscallError("epoll_create1", err)
	}
	if err := unix.SetNonblock(f.epoll, true); err != nil { // or os.NewFile does not register it
		return os.NewSyscallError("fcntl", err)
	}
	f.file = os.NewFile(uintptr(f.epoll), "epoll")
	if f.raw, err = f.file.SyscallConn(); err != nil {
		return err
	}
	return f.add(f.listener)
}

// add registers fd for its whole life.
func (f *floor) add(fd int) error {
	for fd >= len(f.conns) {
		f.conns = append(f.conns, floorConn{})
	}
	f.conns[fd] = floorConn{open: true}
	e := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLOUT | unix.EPOLLRDHUP | unix.EPOLLET&0xffffffff, Fd: int32(fd)}
	return os.NewSyscallError("epoll_ctl", unix.EpollCtl(f.epoll, unix.EPOLL_CTL_ADD, fd, &e))
}

func (f *floor) Addr() string { return f.addr }

func (f *floor) Close() {
	f.file.Close()
	<-f.ended
	for fd := range f.conns {
		if f.conns[fd].open {
			unix.Close(fd)
		}
	}
}

func (f *floor) run() {
	defer close(f.ended)
	look := f.look // bound once: each binding allocates
	for f.raw.Read(look) == nil {
		for i := range f.events[:f.n] {
			f.serve(&f.events[i])
		}
	}
}

// look asks epoll without waiting, and reports whether there were events.
func (f *floor) look(uintptr) bool {
	n, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(f.epoll), uintptr(unsafe.Pointer(&f.events[0])), uintptr(len(f.events)), 0, 0, 0)
	f.n = int(n)
	if errno != 0 {
		f.n = 0
	}
	return f.n > 0
}

func (f *floor) serve(e *unix.EpollEvent) {
	fd := int(e.Fd)
	if fd == f.listener {
		f.accept()
		return
	}
	c := &f.conns[fd]
	c.hungUp = c.hungUp || e.Events&(unix.EPOLLRDHUP|unix.EPOLLHUP|unix.EPOLLERR) != 0
	if len(c.rest) > 0 && !f.send(fd, c, c.rest) {
		return
	}
	f.echo(fd, c)
}

func (f *floor) accept() {
	for {
		fd, _, errno := unix.RawSyscall6(unix.SYS_ACCEPT4, uintptr(f.listener), 0, 0, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0, 0)
		switch errno {
		case 0:
			if err := f.add(int(fd)); err != nil {
				acceptFailed(err)
			}
		case unix.EAGAIN:
			return
		case unix.EINTR, unix.ECONNABORTED:
		default:
			acceptFailed(&net.OpError{Op: "accept", Err: errno})
			return
		}
	}
}

// echo sends back the data that is there. A short read means that no data is left.
func (f *floor) echo(fd int, c *floorConn) {
	for {
		n, _, errno := unix.RawSyscall(unix.SYS_READ, uintptr(fd), uintptr(unsafe.Pointer(&f.buffer[0])), uintptr(len(f.buffer)))
		switch {
		case errno == unix.EINTR:
			continue
		case errno == unix.EAGAIN:
			return
		case errno != 0 || n == 0:
			f.drop(fd)
			return
		}
		if !f.send(fd, c, f.buffer[:n]) || int(n) < len(f.buffer) && !c.hungUp {
			return
		}
	}
}

// send sends p and reports whether reading may go on. Bytes that the socket does not take
// wait for the next edge.
func (f *floor) send(fd int, c *floorConn, p []byte) bool {
	for len(p) > 0 {
		n, _, errno := unix.RawSyscall6(unix.SYS_SENDTO, uintptr(fd), uintptr(unsafe.Pointer(&p[0])), uintptr(len(p)), unix.MSG_NOSIGNAL, 0, 0)
		switch errno {
		case 0:
			p = p[n:]
		case unix.EINTR:
		case unix.EAGAIN:
			c.rest = append([]byte(nil), p...)
			return false
		default:
			f.drop(fd)
			return false
		}
	}
	c.rest = nil
	return true
}

func (f *floor) drop(fd int) {
	f.conns[fd] = floorConn{}
	unix.Close(fd)
}
