package sys

import (
	"net/netip"
	"syscall"
	"unsafe"

	"github.com/completionport/completion/internal/backend"
	"golang.org/x/sys/windows"
)

// Datagram is the memory of an operation on one datagram, as Transfer is of others.
type Datagram struct {
	Transfer
	address windows.RawSockaddrAny
	size    int32
	message *backend.Message
	control *controlBlock // of a Send with control messages
}

// MaybeQueued reports whether a call that began an operation has returned an errno and the
// operation may have a packet all the same: to the system, a datagram that is larger than its
// buffer is a warning and no failure.
func MaybeQueued(errno syscall.Errno) bool { return errno == windows.WSAEMSGSIZE }

// Receive begins to receive a datagram. Without memory for it, the operation ends when there
// is one, and leaves it there: then the system always finds that it does not fit. Its
// documentation says that MSG_PEEK is for operations that are not overlapped, but libuv and
// package net rely on it.
func (d *Datagram) Receive(fd int, m *backend.Message) syscall.Errno {
	d.begin(m.Data)
	d.message, d.size = m, int32(unsafe.Sizeof(d.address))
	o := begin(fd, &d.overlapped, 0)
	var err error
	if len(m.Data) == 0 {
		called("WSARecv")
		d.flags = windows.MSG_PEEK
		err = windows.WSARecv(windows.Handle(fd), &d.buffer, 1, nil, &d.flags, o, nil)
	} else {
		called("WSARecvFrom")
		err = windows.WSARecvFrom(windows.Handle(fd), &d.buffer, 1, nil, &d.flags, &d.address, &d.size, o, nil)
	}
	errno := asErrno(err)
	began(fd, &d.overlapped, errno)
	return errno
}

// Send begins to send a datagram.
func (d *Datagram) Send(fd int, m *backend.Message) syscall.Errno {
	d.begin(m.Data)
	d.message = m
	to, size, errno := d.setAddress(fd, m)
	if errno != 0 {
		return errno
	}
	if m.Control != nil {
		return d.sendControl(fd, m, size)
	}
	called("WSASendTo")
	o := begin(fd, &d.overlapped, len(m.Data))
	errno = asErrno(windows.WSASendTo(windows.Handle(fd), &d.buffer, 1, nil, 0, to, size, o, nil))
	began(fd, &d.overlapped, errno)
	return errno
}

func (d *Datagram) setAddress(fd int, m *backend.Message) (*windows.RawSockaddrAny, int32, syscall.Errno) {
	size, errno := setAddress(fd, &d.address, m)
	if size == 0 {
		return nil, 0, errno
	}
	return &d.address, size, errno
}

// Received stores the result of a Receive that has ended with the errno: 0 means that there is
// a datagram, also one that was larger than the memory for it, or that a Receive without
// memory has ended.
func (d *Datagram) Received(n int, errno syscall.Errno) syscall.Errno {
	m := d.message
	d.message = nil
	switch {
	case errno == Aborted:
		return errno
	case len(m.Data) == 0:
		return 0
	}
	return received(m, n, errno, &d.address)
}

// Sent stores the result of a Send that has ended.
func (d *Datagram) Sent(n int, errno syscall.Errno) syscall.Errno {
	d.message.N = n
	d.message = nil
	return datagramErrno(errno)
}

// received stores a datagram of n bytes.
func received(m *backend.Message, n int, errno syscall.Errno, from *windows.RawSockaddrAny) syscall.Errno {
	m.N, m.Truncated = min(n, len(m.Data)), errno == windows.WSAEMSGSIZE
	m.Addr, m.Path = netip.AddrPort{}, ""
	switch {
	case m.Truncated: // the count is not certain, but the memory is full
		m.N = len(m.Data)
	case errno != 0:
		return datagramErrno(errno)
	}
	switch from.Addr.Family {
	case windows.AF_INET:
		in4 := (*windows.RawSockaddrInet4)(unsafe.Pointer(from))
		m.Addr = netip.AddrPortFrom(netip.AddrFrom4(in4.Addr), bigEndian(int(in4.Port)))
	case windows.AF_INET6:
		in6 := (*windows.RawSockaddrInet6)(unsafe.Pointer(from))
		m.Addr = netip.AddrPortFrom(received6(in6.Addr, in6.Scope_id), bigEndian(int(in6.Port)))
	}
	return 0
}

// datagramErrno returns the errno of a datagram socket. Winsock reports a port that nobody has
// as a reset of the connection.
func datagramErrno(errno syscall.Errno) syscall.Errno {
	if errno == windows.WSAECONNRESET {
		return windows.WSAECONNREFUSED
	}
	return errno
}

// Receive is a WSARecvFrom for each message that is not overlapped: it takes what is there.
func (Kernel) Receive(fd int, messages []backend.Message) (n int, errno syscall.Errno) {
	for n < len(messages) {
		if errno = receiveOne(fd, &messages[n]); errno != 0 {
			break
		}
		n++
	}
	if n > 0 && (errno == windows.WSAEWOULDBLOCK || errno == windows.WSAEINTR) {
		errno = 0
	}
	return n, errno
}

func receiveOne(fd int, m *backend.Message) syscall.Errno {
	if m.Control != nil {
		return receiveControl(fd, m)
	}
	var from windows.RawSockaddrAny
	size := int32(unsafe.Sizeof(from))
	buffer := windows.WSABuf{Len: uint32(len(m.Data)), Buf: unsafe.SliceData(m.Data)}
	var n, flags uint32
	called("WSARecvFrom")
	err := windows.WSARecvFrom(windows.Handle(fd), &buffer, 1, &n, &flags, &from, &size, nil, nil)
	return received(m, int(n), asErrno(err), &from)
}

// Send is a WSASendTo for each message that is not overlapped: it sends what there is room
// for.
func (Kernel) Send(fd int, messages []backend.Message) (n int, errno syscall.Errno) {
	for n < len(messages) {
		if errno = sendOne(fd, &messages[n]); errno != 0 || !isSent(&messages[n]) {
			break
		}
		n++
	}
	if n > 0 {
		errno = 0
	}
	return n, errno
}

func sendOne(fd int, m *backend.Message) syscall.Errno {
	if m.Control != nil {
		return sendControl(fd, m)
	}
	var address windows.RawSockaddrAny
	to := &address
	size, errno := setAddress(fd, to, m)
	switch {
	case errno != 0:
		return errno
	case size == 0:
		to = nil
	}
	buffer := windows.WSABuf{Len: uint32(len(m.Data)), Buf: unsafe.SliceData(m.Data)}
	var n uint32
	called("WSASendTo")
	errno = asErrno(windows.WSASendTo(windows.Handle(fd), &buffer, 1, &n, 0, to, size, nil, nil))
	m.N = int(n)
	if size == 0 && (errno == windows.WSAENOTCONN || errno == windows.WSAEINVAL) {
		return windows.WSAEDESTADDRREQ // as other systems say
	}
	return datagramErrno(errno)
}

// setAddress stores the address of a message in the form of the socket's family. size is 0 if
// it has none.
func setAddress(fd int, any *windows.RawSockaddrAny, m *backend.Message) (size int32, errno syscall.Errno) {
	if m.Addr == (netip.AddrPort{}) && m.Path == "" {
		return 0, 0
	}
	addr := m.Addr.Addr()
	if addr.IsValid() {
		addr = loopbackFor(addr.Unmap())
	}
	domain := packetDomains.Get(fd)
	switch {
	case domain == nil || !addr.IsValid():
	case *domain == windows.AF_INET && addr.Is4():
		r := (*windows.RawSockaddrInet4)(unsafe.Pointer(any))
		r.Family, r.Port, r.Addr = windows.AF_INET, bigEndian(int(m.Addr.Port())), addr.As4()
		return int32(unsafe.Sizeof(*r)), 0
	case *domain == windows.AF_INET6:
		r := (*windows.RawSockaddrInet6)(unsafe.Pointer(any))
		r.Family, r.Port, r.Addr = windows.AF_INET6, bigEndian(int(m.Addr.Port())), addr.As16()
		r.Scope_id = zoneNumber(addr.Zone())
		return int32(unsafe.Sizeof(*r)), 0
	}
	return 0, windows.WSAEAFNOSUPPORT
}

// classifyDatagram classifies the errnos of a datagram socket. None of them concerns more than
// one datagram.
func classifyDatagram(errno syscall.Errno) backend.Class {
	switch errno {
	case windows.WSAEWOULDBLOCK:
		return backend.WouldBlock
	case Aborted, windows.WSAEINTR:
		return backend.Again
	}
	return backend.Failed
}
