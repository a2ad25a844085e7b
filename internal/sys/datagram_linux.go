package sys

import (
	"net/netip"
	"syscall"
	"unsafe"

	"github.com/completionport/completion/internal/backend"
	"golang.org/x/sys/unix"
)

// perCall is how many datagrams one system call moves: the headers of so many are on the
// stack.
const perCall = 32

// Receive is recvfrom(2) for one message and recvmmsg(2) for more, with MSG_DONTWAIT.
// recvmmsg keeps the errno of the datagram behind those that it has received for the next
// call.
func (*Kernel) Receive(fd int, messages []backend.Message) (n int, errno syscall.Errno) {
	if len(messages) == 1 {
		if errno = receiveOne(fd, &messages[0]); errno != 0 {
			return 0, errno
		}
		return 1, 0
	}
	for n < len(messages) {
		part := messages[n:min(n+perCall, len(messages))]
		got, errno := receivePart(fd, part)
		if errno != 0 && (n == 0 || errno != unix.EAGAIN && errno != unix.EINTR) {
			return n, errno
		}
		n += got
		if got < len(part) {
			break
		}
	}
	return n, 0
}

// receiveOne receives one datagram. With MSG_TRUNC the count is that of the whole datagram.
func receiveOne(fd int, m *backend.Message) syscall.Errno {
	if m.Control != nil {
		return receiveControl(fd, m)
	}
	var from rawAddress
	size := uint32(unsafe.Sizeof(from))
	const flags = unix.MSG_DONTWAIT | unix.MSG_TRUNC
	n, _, errno := syscall.RawSyscall6(unix.SYS_RECVFROM, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(m.Data))), uintptr(len(m.Data)), flags,
		uintptr(unsafe.Pointer(&from)), uintptr(unsafe.Pointer(&size)))
	if errno != 0 {
		return errno
	}
	from.received(m, int(n), size, int(n) > len(m.Data))
	return 0
}

// mmsghdr is the message of recvmmsg(2) and sendmmsg(2).
type mmsghdr struct {
	header unix.Msghdr
	count  uint32
}

// The headers of one call, and what they point to, are local variables, so that they stay on
// the stack: with pointers to the headers, or a method, they would escape.

func receiveMany(fd int, messages []backend.Message, rooms *smallRooms) (int, syscall.Errno) {
	var headers [perCall]mmsghdr
	var vectors [perCall]unix.Iovec
	var addresses [perCall]rawAddress
	for i := range messages {
		vectors[i].Base = unsafe.SliceData(messages[i].Data)
		vectors[i].SetLen(len(messages[i].Data))
		headers[i].header.Iov = &vectors[i]
		headers[i].header.SetIovlen(1)
		headers[i].header.Name = (*byte)(unsafe.Pointer(&addresses[i]))
		headers[i].header.Namelen = uint32(unsafe.Sizeof(addresses[i]))
		if messages[i].Control != nil {
			headers[i].header.Control = (*byte)(unsafe.Pointer(&rooms[i]))
			headers[i].header.SetControllen(int(unsafe.Sizeof(rooms[i])))
		}
	}
	n, _, errno := unix.Syscall6(unix.SYS_RECVMMSG, uintptr(fd), uintptr(unsafe.Pointer(&headers)), uintptr(len(messages)), unix.MSG_DONTWAIT|closeOnExec, 0, 0)
	if errno != 0 {
		return 0, errno
	}
	for i := range messages[:n] {
		got := &headers[i]
		addresses[i].received(&messages[i], int(got.count), got.header.Namelen, got.header.Flags&unix.MSG_TRUNC != 0)
		if c := messages[i].Control; c != nil {
			haveControl(c, rooms[i].bytes()[:got.header.Controllen], int(got.header.Flags), messages[i].Truncated)
		}
	}
	return int(n), 0
}

// Send is sendto(2) for one message and sendmmsg(2) for more, with MSG_DONTWAIT.
func (k *Kernel) Send(fd int, messages []backend.Message) (n int, errno syscall.Errno) {
	if len(messages) == 1 {
		if errno = sendOne(fd, &messages[0]); errno != 0 || !isSent(&messages[0]) {
			return 0, errno
		}
		return 1, 0
	}
	for n < len(messages) {
		sent, tried, errno := k.sendSome(fd, messages[n:])
		if errno != 0 && n == 0 {
			return 0, errno
		}
		n += sent
		if errno != 0 || sent < tried {
			break // the next call begins with the message that has failed
		}
	}
	return n, 0
}

// sendOne sends one datagram. Go's scheduler is not told of the call, as for a write.
func sendOne(fd int, m *backend.Message) syscall.Errno {
	if m.Control != nil {
		return sendControl(fd, m)
	}
	var to rawAddress
	size, errno := to.set(m)
	if errno != 0 {
		return errno
	}
	address := unsafe.Pointer(&to)
	if size == 0 {
		address = nil
	}
	n, _, errno := syscall.RawSyscall6(unix.SYS_SENDTO, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(m.Data))), uintptr(len(m.Data)), sendFlags,
		uintptr(address), uintptr(size))
	if errno != 0 {
		return unixShortage(m, errno)
	}
	m.N = int(n)
	return 0
}

func sendMany(fd int, messages []backend.Message, rooms *smallRooms) (int, syscall.Errno) {
	var headers [perCall]mmsghdr
	var vectors [perCall]unix.Iovec
	var addresses [perCall]rawAddress
	var sizes, used [perCall]int
	n, errno := prepare(fd, messages, &addresses, rooms, &sizes, &used)
	if n == 0 {
		return 0, errno
	}
	messages = messages[:n]
	for i := range messages {
		vectors[i].Base = unsafe.SliceData(messages[i].Data)
		vectors[i].SetLen(len(messages[i].Data))
		headers[i].header.Iov = &vectors[i]
		headers[i].header.SetIovlen(1)
		if sizes[i] > 0 {
			headers[i].header.Name, headers[i].header.Namelen = (*byte)(unsafe.Pointer(&addresses[i])), uint32(sizes[i])
		}
		if used[i] > 0 {
			headers[i].header.Control = (*byte)(unsafe.Pointer(&rooms[i]))
			headers[i].header.SetControllen(used[i])
		}
	}
	sent, _, errno := unix.Syscall6(unix.SYS_SENDMMSG, uintptr(fd), uintptr(unsafe.Pointer(&headers)), uintptr(len(messages)), sendFlags, 0, 0)
	if errno != 0 {
		return 0, unixShortage(&messages[0], errno)
	}
	for i := range messages[:sent] {
		messages[i].N = int(headers[i].count)
	}
	return int(sent), 0
}

// prepare stores the addresses of messages and what accompanies them, and how many bytes
// these take. n is the number of messages before one that can't be sent, with the errno: the
// next call returns it unless n is 0.
func prepare(fd int, messages []backend.Message, addresses *[perCall]rawAddress, rooms *smallRooms, sizes, used *[perCall]int) (n int, errno syscall.Errno) {
	for i := range messages {
		size, errno := addresses[i].set(&messages[i])
		if errno == 0 && messages[i].Control != nil {
			used[i], errno = rooms[i].set(fd, &messages[i])
		}
		if errno != 0 {
			return i, errno
		}
		sizes[i] = int(size)
	}
	return len(messages), 0
}

// unixShortage replaces the EAGAIN of a datagram to a path by ENOBUFS, which the BSDs
// return: the queue of the receiver is full, and no edge of this socket tells when it has
// room again, unless the socket is connected to it.
func unixShortage(m *backend.Message, errno syscall.Errno) syscall.Errno {
	if errno == unix.EAGAIN && m.Path != "" {
		return unix.ENOBUFS
	}
	return errno
}

// rawAddress has room for any address of a datagram socket.
type rawAddress unix.RawSockaddrUnix

func (a *rawAddress) in4() *unix.RawSockaddrInet4 { return (*unix.RawSockaddrInet4)(unsafe.Pointer(a)) }
func (a *rawAddress) in6() *unix.RawSockaddrInet6 { return (*unix.RawSockaddrInet6)(unsafe.Pointer(a)) }

// received stores in m what the system has returned: n bytes from the address.
func (a *rawAddress) received(m *backend.Message, n int, size uint32, truncated bool) {
	m.N, m.Truncated = min(n, len(m.Data)), truncated
	m.Addr, m.Path = netip.AddrPort{}, ""
	if size < 2 { // of a unix socket without an address, some versions return nothing
		return
	}
	switch a.Family {
	case unix.AF_INET:
		in4 := a.in4()
		m.Addr = netip.AddrPortFrom(netip.AddrFrom4(in4.Addr), uint16(port(&in4.Port)))
	case unix.AF_INET6:
		in6 := a.in6()
		m.Addr = netip.AddrPortFrom(received6(in6.Addr, in6.Scope_id), uint16(port(&in6.Port)))
	case unix.AF_UNIX:
		m.Path = a.path(size)
	}
}

// path returns the path of a unix address of so many bytes, in the form of package net: a
// name in the abstract namespace begins with @. Linux counts a zero byte behind a path that
// fills the address, which has no room for it.
func (a *rawAddress) path(size uint32) string {
	room := uint32(len(a.Path))
	bytes := unsafe.Slice((*byte)(unsafe.Pointer(&a.Path)), room)[:min(max(size, 2)-2, room)]
	if len(bytes) == 0 {
		return ""
	}
	if bytes[0] == 0 {
		return "@" + string(bytes[1:])
	}
	for i, b := range bytes {
		if b == 0 {
			bytes = bytes[:i]
			break
		}
	}
	return string(bytes)
}

// set stores the address of a message that is to be sent. size is 0 if it has none. A
// socket of IPv6 accepts an IPv4 address as such.
func (a *rawAddress) set(m *backend.Message) (size uint32, errno syscall.Errno) {
	if m.Path != "" {
		return a.setPath(m.Path)
	}
	if m.Addr == (netip.AddrPort{}) {
		return 0, 0
	}
	switch addr := m.Addr.Addr().Unmap(); {
	case addr.Is4():
		in4 := a.in4()
		in4.Family, in4.Addr = unix.AF_INET, loopbackFor(addr).As4()
		setPort(&in4.Port, m.Addr.Port())
		return unix.SizeofSockaddrInet4, 0
	case addr.Is6():
		in6 := a.in6()
		in6.Family, in6.Addr, in6.Scope_id = unix.AF_INET6, loopbackFor(addr).As16(), zoneNumber(addr.Zone())
		setPort(&in6.Port, m.Addr.Port())
		return unix.SizeofSockaddrInet6, 0
	}
	return 0, unix.EAFNOSUPPORT
}

func (a *rawAddress) setPath(path string) (uint32, syscall.Errno) {
	if len(path) > len(a.Path) {
		return 0, unix.EINVAL
	}
	a.Family = unix.AF_UNIX
	for i := range len(path) {
		a.Path[i] = int8(path[i])
	}
	if path[0] == '@' {
		a.Path[0] = 0
		return uint32(2 + len(path)), 0
	}
	return uint32(min(2+len(path)+1, unix.SizeofSockaddrUnix)), 0 // with a zero byte, if there is room
}

// setPort stores a port in network byte order.
func setPort(p *uint16, port uint16) {
	b := (*[2]byte)(unsafe.Pointer(p))
	b[0], b[1] = byte(port>>8), byte(port)
}

// shareMulticast lets several sockets receive from one group and port.
func shareMulticast(fd int) error { return setInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1) }
