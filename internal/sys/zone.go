package sys

import (
	"net"
	"strconv"
)

// zone is the number of the interface that an IPv6 address names, or is the
// number itself; 0 if there is no such interface.
func zone(name string) uint32 {
	if name == "" {
		return 0
	}
	if ifi, err := net.InterfaceByName(name); err == nil {
		return uint32(ifi.Index)
	}
	n, _ := strconv.ParseUint(name, 10, 32)
	return uint32(n)
}
