package sys

import (
	"errors"
	"fmt"
	"net/netip"
	"syscall"
	"unsafe"

	"github.com/completionport/completion/internal/backend"
	"golang.org/x/sys/windows"
)

// Options and control messages that package windows does not have.
const (
	ipRecvTTL    = 21
	ipv6HopLimit = 21 // the option and the message
	ipRecvTOS    = 40 // also of IPv6
	ipv6TClass   = 39
	ipECN        = 50 // the option and the message, also of IPv6
)

// controlRoom is memory for control messages, aligned as their headers must be.
type controlRoom [256 / 8]uint64

func (r *controlRoom) bytes() []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(r)), unsafe.Sizeof(*r))
}

// Headers and data begin at multiples of the size of a pointer.
const (
	controlMargin = int(unsafe.Sizeof(uintptr(0))) - 1
	controlHeader = (int(unsafe.Sizeof(windows.WSACMSGHDR{})) + controlMargin) &^ controlMargin
)

// controlSpace returns how many bytes a control message takes.
func controlSpace(size int) int { return controlHeader + (size+controlMargin)&^controlMargin }

// putControl writes the header of a control message into room, and returns the place for its
// data and the room behind it.
func putControl(room []byte, level, kind, size int) (data unsafe.Pointer, rest []byte) {
	h := (*windows.WSACMSGHDR)(unsafe.Pointer(unsafe.SliceData(room)))
	h.Level, h.Type, h.Len = int32(level), int32(kind), uintptr(controlHeader+size)
	return unsafe.Pointer(&room[controlHeader]), room[controlSpace(size):]
}

func putInt(room []byte, level, kind, value int) (rest []byte) {
	data, rest := putControl(room, level, kind, 4)
	*(*int32)(data) = int32(value)
	return rest
}

// haveControl stores the control messages that the system has returned with flags.
func haveControl(c *backend.Control, room []byte, flags uint32) {
	c.Clear()
	c.Truncated = flags&windows.MSG_CTRUNC != 0
	for len(room) >= controlHeader {
		h := (*windows.WSACMSGHDR)(unsafe.Pointer(unsafe.SliceData(room)))
		size := int(h.Len)
		if size < controlHeader || size > len(room) {
			break
		}
		if data := room[controlHeader:size]; len(data) >= 4 {
			storeControl(c, int(h.Level), int(h.Type), data)
		}
		room = room[min(controlSpace(size-controlHeader), len(room)):]
	}
}

func storeControl(c *backend.Control, level, kind int, data []byte) {
	at := unsafe.Pointer(unsafe.SliceData(data))
	number := int(*(*int32)(at))
	switch is4 := level == windows.IPPROTO_IP; {
	case is4 && kind == windows.IP_PKTINFO && len(data) >= int(unsafe.Sizeof(windows.IN_PKTINFO{})):
		info := (*windows.IN_PKTINFO)(at)
		c.Local, c.Interface = netip.AddrFrom4(info.Addr), int(info.Ifindex)
	case !is4 && kind == windows.IPV6_PKTINFO && len(data) >= int(unsafe.Sizeof(windows.IN6_PKTINFO{})):
		info := (*windows.IN6_PKTINFO)(at)
		c.Local, c.Interface = received6(info.Addr, 0), int(info.Ifindex)
		if c.Local.Is6() && c.Local.IsLinkLocalUnicast() {
			c.Local = received6(info.Addr, info.Ifindex)
		}
	case is4 && kind == windows.IP_TTL, !is4 && kind == ipv6HopLimit:
		c.TTL = number
	case kind == ipECN, is4 && kind == windows.IP_TOS, !is4 && kind == ipv6TClass:
		c.ECN = uint8(number&3) + 1
	}
}

// setControl fills room with the control messages of a datagram, and returns how many bytes
// they take.
func setControl(fd int, room []byte, m *backend.Message) (used int, errno syscall.Errno) {
	c, domain := m.Control, packetDomains.Get(fd)
	if c.HasRights() || c.SegmentSize > 0 || domain == nil {
		return 0, windows.WSAEOPNOTSUPP
	}
	rest := room
	is4 := *domain == windows.AF_INET || m.Addr.Addr().Unmap().Is4() || !m.Addr.IsValid() && c.Local.Is4()
	switch {
	case is4 && c.Local.Is6():
		return 0, windows.WSAEINVAL
	case is4:
		rest = setControl4(rest, c)
	default:
		rest = setControl6(rest, c)
	}
	return len(room) - len(rest), 0
}

func setControl4(room []byte, c *backend.Control) []byte {
	if c.Local.IsValid() || c.Interface != 0 {
		data, rest := putControl(room, windows.IPPROTO_IP, windows.IP_PKTINFO, int(unsafe.Sizeof(windows.IN_PKTINFO{})))
		info := (*windows.IN_PKTINFO)(data)
		*info = windows.IN_PKTINFO{Ifindex: uint32(c.Interface)}
		if c.Local.IsValid() {
			info.Addr = c.Local.As4()
		}
		room = rest
	}
	if c.TTL > 0 {
		room = putInt(room, windows.IPPROTO_IP, windows.IP_TTL, c.TTL)
	}
	if c.ECN > 0 {
		room = putInt(room, windows.IPPROTO_IP, ipECN, int(c.ECN-1))
	}
	return room
}

func setControl6(room []byte, c *backend.Control) []byte {
	if c.Local.IsValid() || c.Interface != 0 {
		data, rest := putControl(room, windows.IPPROTO_IPV6, windows.IPV6_PKTINFO, int(unsafe.Sizeof(windows.IN6_PKTINFO{})))
		info := (*windows.IN6_PKTINFO)(data)
		*info = windows.IN6_PKTINFO{Ifindex: uint32(c.Interface)}
		if c.Local.IsValid() {
			info.Addr = c.Local.As16()
		}
		if c.Interface == 0 {
			info.Ifindex = zoneNumber(c.Local.Zone())
		}
		room = rest
	}
	if c.TTL > 0 {
		room = putInt(room, windows.IPPROTO_IPV6, ipv6HopLimit, c.TTL)
	}
	if c.ECN > 0 {
		room = putInt(room, windows.IPPROTO_IPV6, ipECN, int(c.ECN-1))
	}
	return room
}

// receiveControl is receiveOne by WSARecvMsg, with what accompanies the datagram.
func receiveControl(fd int, m *backend.Message) syscall.Errno {
	var from windows.RawSockaddrAny
	room := new(controlRoom).bytes()
	buffer := windows.WSABuf{Len: uint32(len(m.Data)), Buf: unsafe.SliceData(m.Data)}
	message := windows.WSAMsg{Name: (*syscall.RawSockaddrAny)(unsafe.Pointer(&from)), Namelen: int32(unsafe.Sizeof(from)), Buffers: &buffer, BufferCount: 1,
		Control: windows.WSABuf{Len: uint32(len(room)), Buf: unsafe.SliceData(room)}}
	var n uint32
	called("WSARecvMsg")
	failed, _, e := syscall.SyscallN(wsaRecvMsg, uintptr(fd), uintptr(unsafe.Pointer(&message)), uintptr(unsafe.Pointer(&n)), 0, 0)
	errno := whyCut(errnoIf(failed, e), message.Flags)
	if errno != 0 && errno != windows.WSAEMSGSIZE {
		return datagramErrno(errno)
	}
	haveControl(m.Control, room[:min(int(message.Control.Len), len(room))], message.Flags)
	return received(m, int(n), errno, &from)
}

// whyCut returns the errno of a WSARecvMsg that has returned flags. WSAEMSGSIZE may also mean
// that only the control messages had no room, and the datagram is whole ("WSAMSG structure":
// the flags tell which of the two was cut).
func whyCut(errno syscall.Errno, flags uint32) syscall.Errno {
	switch isCut := flags&windows.MSG_TRUNC != 0; {
	case errno == 0 && isCut:
		return windows.WSAEMSGSIZE
	case errno == windows.WSAEMSGSIZE && !isCut && flags&windows.MSG_CTRUNC != 0:
		return 0
	}
	return errno
}

// sendControl is sendOne by WSASendMsg, with what accompanies the datagram.
func sendControl(fd int, m *backend.Message) syscall.Errno {
	if m.Control.SegmentSize > 0 {
		errno := sendSegments(fd, m)
		if errno == windows.WSAEWOULDBLOCK && m.N > 0 { // what is sent can't be sent again
			return windows.WSAENOBUFS
		}
		return errno
	}
	var address windows.RawSockaddrAny
	size, errno := setAddress(fd, &address, m)
	if errno != 0 {
		return errno
	}
	room := new(controlRoom).bytes()
	buffer := windows.WSABuf{Len: uint32(len(m.Data)), Buf: unsafe.SliceData(m.Data)}
	message, errno := controlled(fd, m, room, &address, size)
	if errno != 0 {
		return errno
	}
	message.Buffers, message.BufferCount = &buffer, 1
	var n uint32
	called("WSASendMsg")
	failed, _, e := syscall.SyscallN(wsaSendMsg, uintptr(fd), uintptr(unsafe.Pointer(&message)), 0, uintptr(unsafe.Pointer(&n)), 0, 0)
	errno = errnoIf(failed, e)
	m.N = int(n)
	if size == 0 && (errno == windows.WSAENOTCONN || errno == windows.WSAEINVAL) {
		return windows.WSAEDESTADDRREQ // as other systems say
	}
	return datagramErrno(errno)
}

// errnoIf returns the errno of a call that has returned failed.
func errnoIf(failed uintptr, errno syscall.Errno) syscall.Errno {
	if failed == 0 {
		return 0
	}
	return winsockOf(errno)
}

// controlBlock is what the system uses of a Send with control messages until it has ended.
type controlBlock struct {
	message windows.WSAMsg
	room    controlRoom
}

// sendControl is Send by WSASendMsg. The address is in d.
func (d *Datagram) sendControl(fd int, m *backend.Message, size int32) (errno syscall.Errno) {
	if d.control == nil {
		d.control = new(controlBlock)
	}
	b := d.control
	if b.message, errno = controlled(fd, m, b.room.bytes(), &d.address, size); errno != 0 {
		return errno
	}
	b.message.Buffers, b.message.BufferCount = &d.buffer, 1
	called("WSASendMsg")
	o := begin(fd, &d.overlapped, len(m.Data))
	failed, _, e := syscall.SyscallN(wsaSendMsg, uintptr(fd), uintptr(unsafe.Pointer(&b.message)), 0, 0, uintptr(unsafe.Pointer(o)), 0)
	errno = errnoIf(failed, e)
	began(fd, &d.overlapped, errno)
	return errno
}

// controlled returns a message with an address and control messages, without its data.
func controlled(fd int, m *backend.Message, room []byte, address *windows.RawSockaddrAny, size int32) (message windows.WSAMsg, errno syscall.Errno) {
	used, errno := setControl(fd, room, m)
	if errno != 0 {
		return message, errno
	}
	if used > 0 {
		message.Control = windows.WSABuf{Len: uint32(used), Buf: unsafe.SliceData(room)}
	}
	if size > 0 {
		message.Name, message.Namelen = (*syscall.RawSockaddrAny)(unsafe.Pointer(address)), size
	}
	return message, 0
}

// SetReports sets the options that make the system report these, and clears the others. A
// socket of IPv6 gets those of IPv4, too, in case that it receives both.
func (Kernel) SetReports(fd int, r backend.Reports) error {
	const known = backend.ReportLocal | backend.ReportTTL | backend.ReportECN
	domain := packetDomains.Get(fd)
	if domain == nil || r&^known != 0 {
		return fmt.Errorf("reports of the kind %#x on Windows: %w", uint8(r&^known), errors.ErrUnsupported)
	}
	for _, o := range [...]struct {
		report backend.Reports
		level  int
		name   int
	}{
		{backend.ReportLocal, windows.IPPROTO_IP, windows.IP_PKTINFO},
		{backend.ReportLocal, windows.IPPROTO_IPV6, windows.IPV6_PKTINFO},
		{backend.ReportTTL, windows.IPPROTO_IP, ipRecvTTL},
		{backend.ReportTTL, windows.IPPROTO_IPV6, ipv6HopLimit},
		{backend.ReportECN, windows.IPPROTO_IP, ipECN},
		{backend.ReportECN, windows.IPPROTO_IPV6, ipECN},
	} {
		is4 := o.level == windows.IPPROTO_IP
		if *domain == windows.AF_INET && !is4 {
			continue
		}
		value := toInt(r&o.report != 0)
		err := setInt(fd, o.level, o.name, value)
		if err != nil && o.name == ipECN { // Wine has this instead, and so has Windows 11
			err = setInt(fd, o.level, ipRecvTOS, value)
		}
		if err != nil && value != 0 && is4 == (*domain == windows.AF_INET) {
			return err
		}
	}
	return nil
}
