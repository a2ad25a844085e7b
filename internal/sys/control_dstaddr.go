//go:build dragonfly || freebsd || netbsd || openbsd

package sys

import (
	"syscall"

	"github.com/completionport/completion/internal/backend"
	"golang.org/x/sys/unix"
)

const (
	closeOnExec    = unix.MSG_CMSG_CLOEXEC
	controlBytes   = 1280
	cutKeepsLength = false
)

var localOptions = []reportOption{
	{backend.ReportLocal, unix.AF_INET, unix.IPPROTO_IP, unix.IP_RECVDSTADDR},
	{backend.ReportLocal, unix.AF_INET, unix.IPPROTO_IP, unix.IP_RECVIF},
}

func storeControl4(*backend.Control, int, int, []byte) {}

// setLocal4 adds the source of a datagram over IPv4. IP_SENDSRCADDR has the number of
// IP_RECVDSTADDR. There is nothing for the interface.
func setLocal4(room []byte, c *backend.Control) ([]byte, syscall.Errno) {
	switch {
	case c.Interface != 0:
		return room, unix.EOPNOTSUPP
	case !c.Local.IsValid():
		return room, 0
	}
	data, room := putControl(room, unix.IPPROTO_IP, unix.IP_RECVDSTADDR, 4)
	addr := c.Local.As4()
	copy(data, addr[:])
	return room, 0
}
