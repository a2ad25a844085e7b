package sys

import (
	"net/netip"
	"syscall"
	"time"
	"unsafe"

	"github.com/completionport/completion/internal/backend"
	"golang.org/x/sys/unix"
)

const (
	closeOnExec    = unix.MSG_CMSG_CLOEXEC // makes descriptors that arrive close-on-exec
	controlBytes   = 1280
	cutKeepsLength = false
)

var reportOptions = []reportOption{
	{backend.ReportLocal, unix.AF_INET, unix.IPPROTO_IP, unix.IP_PKTINFO},
	{backend.ReportLocal, unix.AF_INET6, unix.IPPROTO_IPV6, unix.IPV6_RECVPKTINFO},
	{backend.ReportTTL, unix.AF_INET, unix.IPPROTO_IP, unix.IP_RECVTTL},
	{backend.ReportTTL, unix.AF_INET6, unix.IPPROTO_IPV6, unix.IPV6_RECVHOPLIMIT},
	{backend.ReportECN, unix.AF_INET, unix.IPPROTO_IP, unix.IP_RECVTOS},
	{backend.ReportECN, unix.AF_INET6, unix.IPPROTO_IPV6, unix.IPV6_RECVTCLASS},
	{backend.ReportTime, 0, unix.SOL_SOCKET, unix.SO_TIMESTAMPNS},
	{backend.ReportSegments, unix.AF_INET, unix.IPPROTO_UDP, unix.UDP_GRO},
	{backend.ReportSegments, unix.AF_INET6, unix.IPPROTO_UDP, unix.UDP_GRO},
	{backend.ReportCredentials, unix.AF_UNIX, unix.SOL_SOCKET, unix.SO_PASSCRED},
}

// receiveControl is receiveOne by recvmsg(2), with what accompanies the datagram.
func receiveControl(fd int, m *backend.Message) syscall.Errno {
	var from rawAddress
	var room controlRoom
	vector := unix.Iovec{Base: unsafe.SliceData(m.Data)}
	vector.SetLen(len(m.Data))
	header := unix.Msghdr{Name: (*byte)(unsafe.Pointer(&from)), Namelen: uint32(unsafe.Sizeof(from)), Iov: &vector, Control: (*byte)(unsafe.Pointer(&room))}
	header.SetIovlen(1)
	header.SetControllen(int(unsafe.Sizeof(room)))
	const flags = unix.MSG_DONTWAIT | unix.MSG_TRUNC | closeOnExec
	n, _, errno := syscall.RawSyscall(unix.SYS_RECVMSG, uintptr(fd), uintptr(unsafe.Pointer(&header)), flags)
	if errno != 0 {
		return errno
	}
	from.received(m, int(n), header.Namelen, int(n) > len(m.Data))
	haveControl(m.Control, room.bytes()[:header.Controllen], int(header.Flags), m.Truncated)
	return 0
}

// sendControl is sendOne by sendmsg(2), with what accompanies the datagram.
func sendControl(fd int, m *backend.Message) syscall.Errno {
	if m.Control.SegmentSize == 0 {
		return sendWith(fd, m)
	}
	part := *m
	part.Data = part.Data[m.N:min(len(m.Data), m.N+segmented(m.Control.SegmentSize))]
	if len(part.Data) > m.Control.SegmentSize && segments(fd) {
		errno := sendWith(fd, &part)
		if errno == 0 {
			m.N += part.N
		}
		if !refusesSegments(errno) {
			return errno
		}
	}
	return sendSegments(fd, m)
}

// segmented returns how many bytes, in datagrams of this size, one call sends at most.
func segmented(size int) int { return min(mostSegments, mostSegmented/size) * size }

func sendWith(fd int, m *backend.Message) syscall.Errno {
	var to rawAddress
	var room controlRoom
	size, errno := to.set(m)
	if errno != 0 {
		return errno
	}
	used, errno := setControl(fd, room.bytes(), m)
	if errno != 0 {
		return errno
	}
	vector := unix.Iovec{Base: unsafe.SliceData(m.Data)}
	vector.SetLen(len(m.Data))
	header := unix.Msghdr{Iov: &vector}
	header.SetIovlen(1)
	if size > 0 {
		header.Name, header.Namelen = (*byte)(unsafe.Pointer(&to)), size
	}
	if used > 0 {
		header.Control = (*byte)(unsafe.Pointer(&room))
		header.SetControllen(used)
	}
	n, _, errno := syscall.RawSyscall(unix.SYS_SENDMSG, uintptr(fd), uintptr(unsafe.Pointer(&header)), sendFlags)
	if errno != 0 {
		return unixShortage(m, errno)
	}
	m.N = int(n)
	return 0
}

// smallRooms are the control messages of a call for several datagrams. With more descriptors
// than there is room for, the system does not deliver the others, and sets MSG_CTRUNC.
type smallRooms [perCall]smallRoom

type smallRoom [256 / 8]uint64

func (r *smallRoom) bytes() []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(r)), unsafe.Sizeof(*r))
}

// set is setControl with the room.
func (r *smallRoom) set(fd int, m *backend.Message) (used int, errno syscall.Errno) {
	if len(m.Control.Descriptors) > smallDescriptors {
		return 0, unix.EINVAL
	}
	return setControl(fd, r.bytes(), m)
}

// smallDescriptors is how many descriptors go with one of several datagrams at most.
const smallDescriptors = 32

// hasControl reports whether something accompanies one of the messages.
func hasControl(messages []backend.Message) bool {
	for i := range messages {
		if messages[i].Control != nil {
			return true
		}
	}
	return false
}

// receivePart is receiveMany with room for what accompanies the datagrams.
func receivePart(fd int, messages []backend.Message) (int, syscall.Errno) {
	if !hasControl(messages) {
		return receiveMany(fd, messages, nil)
	}
	var rooms smallRooms
	return receiveMany(fd, messages, &rooms)
}

// sendPart is sendMany with room for what accompanies the datagrams.
func sendPart(fd int, messages []backend.Message) (int, syscall.Errno) {
	if !hasControl(messages) {
		return sendMany(fd, messages, nil)
	}
	var rooms smallRooms
	return sendMany(fd, messages, &rooms)
}

// ReadControl is ReadV with what accompanies the bytes.
func (k *Kernel) ReadControl(fd int, parts [][]byte, c *backend.Control) (n int, errno syscall.Errno) {
	n, errno = readControl(fd, parts, c)
	switch {
	case errno == unix.EAGAIN && k.mayBeAtUrgent(fd):
		return readBehindUrgent(fd, func() (int, syscall.Errno) { return readControl(fd, parts, c) })
	case errno == unix.ENOTSOCK:
		return readStreamV(fd, parts)
	}
	return n, errno
}

func readControl(fd int, parts [][]byte, c *backend.Control) (int, syscall.Errno) {
	var iov iovecs
	var room controlRoom
	m := unix.Msghdr{Iov: &iov[0], Control: (*byte)(unsafe.Pointer(&room))}
	m.SetIovlen(iov.set(parts, largestMessage))
	m.SetControllen(int(unsafe.Sizeof(room)))
	n, _, errno := unix.Syscall(unix.SYS_RECVMSG, uintptr(fd), uintptr(unsafe.Pointer(&m)), unix.MSG_DONTWAIT|closeOnExec)
	if errno != 0 {
		return 0, errno
	}
	haveControl(c, room.bytes()[:m.Controllen], int(m.Flags), n == 0)
	return int(n), 0
}

// WriteControl is WriteV with what accompanies the bytes. For a socket that is no unix socket,
// the system would ignore it.
func (*Kernel) WriteControl(fd int, parts [][]byte, c *backend.Control) (int, syscall.Errno) {
	var iov iovecs
	var room controlRoom
	used, errno := setStreamControl(fd, room.bytes(), c)
	if errno != 0 {
		return 0, errno
	}
	m := unix.Msghdr{Iov: &iov[0], Control: (*byte)(unsafe.Pointer(&room))}
	m.SetIovlen(iov.set(parts, largestMessage))
	m.SetControllen(used)
	n, _, errno := unix.Syscall(unix.SYS_SENDMSG, uintptr(fd), uintptr(unsafe.Pointer(&m)), sendFlags)
	if errno != 0 {
		return 0, errno
	}
	return int(n), 0
}

// storeControl stores one control message. A socket of both families reports those of IPv4
// for a datagram over IPv4, but its addresses in the form of IPv6.
func storeControl(c *backend.Control, level, kind int, data []byte) {
	at := unsafe.Pointer(unsafe.SliceData(data))
	switch {
	case level == unix.IPPROTO_IP && kind == unix.IP_PKTINFO && len(data) >= unix.SizeofInet4Pktinfo:
		info := (*unix.Inet4Pktinfo)(at)
		c.Local, c.Interface = netip.AddrFrom4(info.Addr), int(info.Ifindex)
	case level == unix.IPPROTO_IPV6 && kind == unix.IPV6_PKTINFO && len(data) >= unix.SizeofInet6Pktinfo:
		info := (*unix.Inet6Pktinfo)(at)
		storeLocal6(c, info.Addr, info.Ifindex)
	case level == unix.IPPROTO_IP && kind == unix.IP_TTL, level == unix.IPPROTO_IPV6 && kind == unix.IPV6_HOPLIMIT:
		c.TTL = number(data)
	case level == unix.IPPROTO_IP && kind == unix.IP_TOS, level == unix.IPPROTO_IPV6 && kind == unix.IPV6_TCLASS:
		c.ECN = ecnOf(number(data))
	case level == unix.IPPROTO_UDP && kind == unix.UDP_GRO:
		c.SegmentSize = number(data)
	case level == unix.SOL_SOCKET && kind == unix.SCM_TIMESTAMPNS && len(data) >= int(unsafe.Sizeof(unix.Timespec{})):
		c.Time = time.Unix((*unix.Timespec)(at).Unix())
	case level == unix.SOL_SOCKET && kind == unix.SCM_CREDENTIALS && len(data) >= unix.SizeofUcred:
		cred := (*unix.Ucred)(at)
		c.Credentials = backend.Credentials{PID: int(cred.Pid), UID: int(cred.Uid), GID: int(cred.Gid), Valid: true}
	}
}

// setControl4 adds what accompanies a datagram over IPv4.
func setControl4(room []byte, c *backend.Control) ([]byte, syscall.Errno) {
	if c.Local.Is6() {
		return room, unix.EINVAL
	}
	if c.Local.IsValid() || c.Interface != 0 {
		data, rest := putControl(room, unix.IPPROTO_IP, unix.IP_PKTINFO, unix.SizeofInet4Pktinfo)
		info := (*unix.Inet4Pktinfo)(unsafe.Pointer(unsafe.SliceData(data)))
		*info = unix.Inet4Pktinfo{Ifindex: int32(c.Interface)}
		if c.Local.IsValid() {
			info.Spec_dst = c.Local.As4()
		}
		room = rest
	}
	if c.TTL > 0 {
		room = putInt(room, unix.IPPROTO_IP, unix.IP_TTL, c.TTL)
	}
	if c.ECN > 0 {
		room = putInt(room, unix.IPPROTO_IP, unix.IP_TOS, int(c.ECN-1))
	}
	if c.SegmentSize > 0 {
		return putSegment(room, c.SegmentSize)
	}
	return room, 0
}

// putCredentials adds the credentials of the sender, which the system checks.
func putCredentials(room []byte, c *backend.Control) ([]byte, syscall.Errno) {
	data, room := putControl(room, unix.SOL_SOCKET, unix.SCM_CREDENTIALS, unix.SizeofUcred)
	*(*unix.Ucred)(unsafe.Pointer(unsafe.SliceData(data))) = unix.Ucred{Pid: int32(c.Credentials.PID), Uid: uint32(c.Credentials.UID), Gid: uint32(c.Credentials.GID)}
	return room, 0
}

// putSegment adds the size of each datagram.
func putSegment(room []byte, size int) ([]byte, syscall.Errno) {
	if size > 1<<16-1 {
		return room, unix.EMSGSIZE
	}
	data, room := putControl(room, unix.IPPROTO_UDP, unix.UDP_SEGMENT, 2)
	*(*uint16)(unsafe.Pointer(unsafe.SliceData(data))) = uint16(size)
	return room, 0
}
