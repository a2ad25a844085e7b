//go:build darwin || dragonfly || freebsd || netbsd || openbsd

package sys

import (
	"net/netip"
	"syscall"
	"time"
	"unsafe"

	"github.com/completionport/completion/internal/backend"
	"golang.org/x/sys/unix"
)

// The options of IPv6 are those of RFC 3542 everywhere. Those of IPv4 are not standardized:
// control_darwin.go and control_dstaddr.go have what differs.
var reportOptions = append([]reportOption{
	{backend.ReportLocal, unix.AF_INET6, unix.IPPROTO_IPV6, unix.IPV6_RECVPKTINFO},
	{backend.ReportTTL, unix.AF_INET, unix.IPPROTO_IP, unix.IP_RECVTTL},
	{backend.ReportTTL, unix.AF_INET6, unix.IPPROTO_IPV6, unix.IPV6_RECVHOPLIMIT},
	{backend.ReportECN, unix.AF_INET6, unix.IPPROTO_IPV6, unix.IPV6_RECVTCLASS},
	{backend.ReportTime, 0, unix.SOL_SOCKET, unix.SO_TIMESTAMP},
}, append(localOptions, classOptions...)...)

// ReadControl is ReadV with what accompanies the bytes.
func (*Kernel) ReadControl(fd int, parts [][]byte, c *backend.Control) (int, syscall.Errno) {
	room := new(controlRoom).bytes()
	n, used, flags, _, err := unix.RecvmsgBuffers(fd, parts, room, unix.MSG_DONTWAIT|closeOnExec)
	switch err {
	case nil:
	case unix.ENOTSOCK:
		return readStreamV(fd, parts)
	default:
		return 0, asErrno(err)
	}
	haveControl(c, room[:used], flags, n == 0)
	return n, 0
}

// WriteControl is WriteV with what accompanies the bytes.
func (*Kernel) WriteControl(fd int, parts [][]byte, c *backend.Control) (int, syscall.Errno) {
	room := new(controlRoom).bytes()
	used, errno := setStreamControl(fd, room, c)
	if errno != 0 {
		return 0, errno
	}
	n, err := unix.SendmsgBuffers(fd, parts, room[:used], nil, packetFlags)
	return sent(fd, n, asErrno(err))
}

// storeControl stores one control message. Those of IPv4 have the numbers of the options that
// ask for them, and TTL and traffic class are single bytes.
func storeControl(c *backend.Control, level, kind int, data []byte) {
	at := unsafe.Pointer(unsafe.SliceData(data))
	switch {
	case level == unix.IPPROTO_IP && kind == unix.IP_RECVDSTADDR && len(data) >= 4:
		c.Local = netip.AddrFrom4(*(*[4]byte)(at))
	case level == unix.IPPROTO_IP && kind == unix.IP_RECVIF && len(data) >= 4:
		c.Interface = int((*unix.RawSockaddrDatalink)(at).Index)
	case level == unix.IPPROTO_IPV6 && kind == unix.IPV6_PKTINFO && len(data) >= unix.SizeofInet6Pktinfo:
		info := (*unix.Inet6Pktinfo)(at)
		storeLocal6(c, info.Addr, info.Ifindex)
	case level == unix.IPPROTO_IP && kind == unix.IP_RECVTTL, level == unix.IPPROTO_IPV6 && kind == unix.IPV6_HOPLIMIT:
		c.TTL = number(data)
	case level == unix.IPPROTO_IP && kind == classKind, level == unix.IPPROTO_IPV6 && kind == unix.IPV6_TCLASS:
		c.ECN = ecnOf(number(data))
	case level == unix.SOL_SOCKET && kind == unix.SCM_TIMESTAMP && len(data) >= int(unsafe.Sizeof(unix.Timeval{})):
		c.Time = time.Unix((*unix.Timeval)(at).Unix())
	default:
		storeControl4(c, level, kind, data)
	}
}

// setControl4 adds what accompanies a datagram over IPv4. No such system takes a TTL for one
// datagram.
func setControl4(room []byte, c *backend.Control) ([]byte, syscall.Errno) {
	switch {
	case c.Local.Is6():
		return room, unix.EINVAL
	case c.TTL > 0 || c.ECN > 0 && classSize == 0:
		return room, unix.EOPNOTSUPP
	case c.SegmentSize > 0:
		return putSegment(room, c.SegmentSize)
	}
	room, errno := setLocal4(room, c)
	if c.ECN == 0 || errno != 0 {
		return room, errno
	}
	data, room := putControl(room, unix.IPPROTO_IP, unix.IP_TOS, classSize)
	if classSize == 4 {
		*(*int32)(unsafe.Pointer(unsafe.SliceData(data))) = int32(c.ECN - 1)
	} else {
		data[0] = c.ECN - 1
	}
	return room, 0
}

func putCredentials(room []byte, _ *backend.Control) ([]byte, syscall.Errno) {
	return room, unix.EOPNOTSUPP
}

func putSegment(room []byte, _ int) ([]byte, syscall.Errno) { return room, unix.EOPNOTSUPP }
