//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package sys

import (
	"net"

	"golang.org/x/sys/unix"
)

// groupByAddress joins or leaves a group of IPv4 on an interface that is given by an address
// of it.
func groupByAddress(fd int, group [4]byte, index, option int) error {
	mreq := &unix.IPMreq{Multiaddr: group}
	if index != 0 {
		ifi, err := net.InterfaceByIndex(index)
		if err != nil {
			return unix.EADDRNOTAVAIL
		}
		addrs, _ := ifi.Addrs()
		found := false
		for _, a := range addrs {
			if ip, ok := a.(*net.IPNet); ok && ip.IP.To4() != nil {
				mreq.Interface, found = [4]byte(ip.IP.To4()), true
				break
			}
		}
		if !found {
			return unix.EADDRNOTAVAIL
		}
	}
	return unix.SetsockoptIPMreq(fd, unix.IPPROTO_IP, option, mreq)
}
