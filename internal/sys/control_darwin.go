package sys

import (
	"net/netip"
	"syscall"
	"unsafe"

	"github.com/completionport/completion/internal/backend"
	"golang.org/x/sys/unix"
)

const (
	closeOnExec = 0               // no flag: the option is set afterwards
	classKind   = unix.IP_RECVTOS // of the control message with the traffic class
	classSize   = 4               // bytes of the control message to send

	// The kernel makes all descriptors of a message the program's (unp_externalize), and cuts
	// the list of their numbers afterwards: those that are cut off leak. A message has at most
	// MCLBYTES, which is 2,048, of control messages. It keeps its length when it is cut.
	controlBytes   = 2304
	cutKeepsLength = true
)

var (
	localOptions = []reportOption{{backend.ReportLocal, unix.AF_INET, unix.IPPROTO_IP, unix.IP_RECVPKTINFO}}
	classOptions = []reportOption{{backend.ReportECN, unix.AF_INET, unix.IPPROTO_IP, unix.IP_RECVTOS}}
)

func storeControl4(c *backend.Control, level, kind int, data []byte) {
	if level == unix.IPPROTO_IP && kind == unix.IP_PKTINFO && len(data) >= unix.SizeofInet4Pktinfo {
		info := (*unix.Inet4Pktinfo)(unsafe.Pointer(unsafe.SliceData(data)))
		c.Local, c.Interface = netip.AddrFrom4(info.Addr), int(info.Ifindex)
	}
}

// setLocal4 adds the source of a datagram over IPv4. With an interface, the kernel chooses the
// address itself (udp_check_pktinfo: ipi_ifindex takes precedence over ipi_spec_dst). So both
// together are refused: the datagram would come from an address that nobody has asked for.
func setLocal4(room []byte, c *backend.Control) ([]byte, syscall.Errno) {
	if !c.Local.IsValid() && c.Interface == 0 {
		return room, 0
	}
	if c.Local.IsValid() && c.Interface != 0 {
		return room, unix.EOPNOTSUPP
	}
	data, room := putControl(room, unix.IPPROTO_IP, unix.IP_PKTINFO, unix.SizeofInet4Pktinfo)
	info := (*unix.Inet4Pktinfo)(unsafe.Pointer(unsafe.SliceData(data)))
	*info = unix.Inet4Pktinfo{Ifindex: uint32(c.Interface)}
	if c.Local.IsValid() {
		info.Spec_dst = c.Local.As4()
	}
	return room, 0
}
