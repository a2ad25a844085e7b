//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package sys

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"syscall"
	"unsafe"

	"github.com/completionport/completion/internal/backend"
	"golang.org/x/sys/unix"
)

var _ backend.Messenger = (*Kernel)(nil)

// mostDescriptors is how many descriptors one message carries at most: SCM_MAX_FD of Linux.
// The BSDs have other limits, and some of them none.
const mostDescriptors = 253

// controlRoom is memory for control messages, aligned as their headers must be. It has room
// for the descriptors of one message and for credentials, so that the system has no reason to
// cut them: what the program has no room for is closed here.
type controlRoom [controlBytes / 8]uint64

func (r *controlRoom) bytes() []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(r)), unsafe.Sizeof(*r))
}

// putControl writes the header of a control message into room, and returns the place for its
// data and the room behind it.
func putControl(room []byte, level, kind, size int) (data, rest []byte) {
	h := (*unix.Cmsghdr)(unsafe.Pointer(unsafe.SliceData(room)))
	h.Level, h.Type = int32(level), int32(kind)
	h.SetLen(unix.CmsgLen(size))
	return room[unix.CmsgLen(0):unix.CmsgLen(size)], room[unix.CmsgSpace(size):]
}

// putInt writes a control message with an int.
func putInt(room []byte, level, kind, value int) (rest []byte) {
	data, rest := putControl(room, level, kind, 4)
	*(*int32)(unsafe.Pointer(unsafe.SliceData(data))) = int32(value)
	return rest
}

// putDescriptors writes a control message with descriptors.
func putDescriptors(room []byte, descriptors []int) (rest []byte) {
	data, rest := putControl(room, unix.SOL_SOCKET, unix.SCM_RIGHTS, 4*len(descriptors))
	for i, fd := range descriptors {
		*(*int32)(unsafe.Pointer(&data[4*i])) = int32(fd)
	}
	return rest
}

// haveControl stores the control messages that the system has returned with flags. Of a
// datagram that was cut, no descriptor is delivered. The length of a header does not include
// the bytes up to the next one, and systems disagree about their number.
func haveControl(c *backend.Control, room []byte, flags int, cut bool) {
	c.Clear()
	c.Truncated = flags&unix.MSG_CTRUNC != 0
	for len(room) >= unix.CmsgLen(0) {
		h := (*unix.Cmsghdr)(unsafe.Pointer(unsafe.SliceData(room)))
		size := there(int(h.Len), len(room), cutKeepsLength)
		if size < unix.CmsgLen(0) {
			break
		}
		data := room[unix.CmsgLen(0):size]
		if h.Level == unix.SOL_SOCKET && h.Type == unix.SCM_RIGHTS {
			keepDescriptors(c, data, cut)
		} else if len(data) > 0 {
			storeControl(c, int(h.Level), int(h.Type), data)
		}
		room = room[min(unix.CmsgSpace(len(data)), len(room)):]
	}
}

// there returns how many bytes of a control message there are, of the length that its header
// has, or 0 if it is to be left out. keeps reports whether the system keeps the length of a
// message that it has cut, and what is there is good. Elsewhere it closes the descriptors of such
// a message, so that their numbers may be those of others.
func there(length, room int, keeps bool) int {
	switch {
	case length <= room:
		return length
	case keeps:
		return room
	}
	return 0
}

// keepDescriptors makes the descriptors that have arrived the program's, as far as there is
// room, and closes the others.
func keepDescriptors(c *backend.Control, data []byte, cut bool) {
	for ; len(data) >= 4; data = data[4:] {
		fd := int(*(*int32)(unsafe.Pointer(unsafe.SliceData(data))))
		if cut || len(c.Descriptors) == cap(c.Descriptors) {
			unix.Close(fd)
			c.Truncated = true
			continue
		}
		if closeOnExec == 0 {
			unix.CloseOnExec(fd)
		}
		n := len(c.Descriptors)
		c.Descriptors = c.Descriptors[:n+1]
		c.Descriptors[n] = fd
	}
}

// number returns the int of a control message, or its only byte.
func number(data []byte) int {
	if len(data) >= 4 {
		return int(*(*int32)(unsafe.Pointer(unsafe.SliceData(data))))
	}
	return int(data[0])
}

// ecnOf returns the code point in a traffic class, plus 1.
func ecnOf(class int) uint8 { return uint8(class&3) + 1 }

// storeLocal6 stores an address in the form of IPv6 and the number of an interface.
func storeLocal6(c *backend.Control, addr [16]byte, index uint32) {
	c.Interface = int(index)
	c.Local = received6(addr, 0)
	if c.Local.IsLinkLocalUnicast() && c.Local.Is6() {
		c.Local = received6(addr, index)
	}
}

// setControl fills room with the control messages of a datagram, and returns how many bytes
// they take.
func setControl(fd int, room []byte, m *backend.Message) (used int, errno syscall.Errno) {
	c, family := m.Control, 0
	switch {
	case m.Path != "":
		family = unix.AF_UNIX
	case !m.Addr.IsValid():
		family, _ = familyOf(fd)
	case m.Addr.Addr().Unmap().Is4():
		family = unix.AF_INET
	default:
		family = unix.AF_INET6
	}
	rest := room
	switch {
	case family != unix.AF_UNIX && c.HasRights():
		return 0, unix.EOPNOTSUPP
	case family == unix.AF_UNIX && (c.Local.IsValid() || c.Interface|c.TTL|c.SegmentSize != 0 || c.ECN != 0):
		return 0, unix.EOPNOTSUPP
	case family == unix.AF_UNIX:
		rest, errno = setRights(rest, c)
	case family == unix.AF_INET6 && c.Local.Is4(): // a socket of both families that is connected
		rest, errno = setControl4(rest, c)
	case family == unix.AF_INET6:
		rest, errno = setControl6(rest, c)
	default:
		rest, errno = setControl4(rest, c)
	}
	return len(room) - len(rest), errno
}

// setRights adds descriptors and credentials.
func setRights(room []byte, c *backend.Control) ([]byte, syscall.Errno) {
	if len(c.Descriptors) > mostDescriptors {
		return room, unix.EINVAL // as Linux says
	}
	for _, fd := range c.Descriptors {
		if int(int32(fd)) != fd { // the message would have another one
			return room, unix.EBADF
		}
	}
	if len(c.Descriptors) > 0 {
		room = putDescriptors(room, c.Descriptors)
	}
	if !c.Credentials.Valid {
		return room, 0
	}
	return putCredentials(room, c)
}

// setStreamControl fills room with the control messages for bytes of a stream, and returns how
// many bytes they take.
func setStreamControl(fd int, room []byte, c *backend.Control) (used int, errno syscall.Errno) {
	if family, err := familyOf(fd); err != nil || family != unix.AF_UNIX {
		return 0, unix.EOPNOTSUPP
	}
	rest, errno := setRights(room, c)
	return len(room) - len(rest), errno
}

// setLocal6 adds the source of a datagram over IPv6.
func setLocal6(room []byte, c *backend.Control) ([]byte, syscall.Errno) {
	if !c.Local.IsValid() && c.Interface == 0 {
		return room, 0
	}
	data, room := putControl(room, unix.IPPROTO_IPV6, unix.IPV6_PKTINFO, unix.SizeofInet6Pktinfo)
	info := (*unix.Inet6Pktinfo)(unsafe.Pointer(unsafe.SliceData(data)))
	*info = unix.Inet6Pktinfo{Ifindex: uint32(c.Interface)}
	if c.Local.IsValid() {
		info.Addr = c.Local.As16()
	}
	if c.Interface == 0 {
		info.Ifindex = zoneNumber(c.Local.Zone())
	}
	return room, 0
}

// setControl6 adds what accompanies a datagram over IPv6.
func setControl6(room []byte, c *backend.Control) ([]byte, syscall.Errno) {
	room, errno := setLocal6(room, c)
	if c.TTL > 0 {
		room = putInt(room, unix.IPPROTO_IPV6, unix.IPV6_HOPLIMIT, c.TTL)
	}
	if c.ECN > 0 {
		room = putInt(room, unix.IPPROTO_IPV6, unix.IPV6_TCLASS, int(c.ECN-1))
	}
	if c.SegmentSize > 0 {
		return putSegment(room, c.SegmentSize)
	}
	return room, errno
}

// reportOption is a socket option that makes the system report something.
type reportOption struct {
	report      backend.Reports
	domain      int // 0 for any
	level, name int
}

// SetReports sets the options that make the system report these, and clears the others. A
// socket of IPv6 gets those of IPv4, too, in case that it receives both.
func (*Kernel) SetReports(fd int, r backend.Reports) error {
	domain, err := familyOf(fd)
	if err != nil {
		return os.NewSyscallError("getsockopt", err)
	}
	left := r
	for _, o := range reportOptions {
		if o.domain == 0 || o.domain == domain {
			left &^= o.report
		}
	}
	if left != 0 {
		return fmt.Errorf("reports of the kind %#x on a socket of this kind on %s: %w", uint8(left), runtime.GOOS, errors.ErrUnsupported)
	}
	for _, o := range reportOptions {
		switch {
		case o.domain == 0 || o.domain == domain:
			if err := setInt(fd, o.level, o.name, toInt(r&o.report != 0)); err != nil && r&o.report != 0 {
				return err
			}
		case domain == unix.AF_INET6 && o.domain == unix.AF_INET:
			setInt(fd, o.level, o.name, toInt(r&o.report != 0)) // one that is for IPv6 only may refuse
		}
	}
	return nil
}
