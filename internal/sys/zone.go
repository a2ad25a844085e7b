package sys

import (
	"net"
	"strconv"
)

// zone returns the number of the interface with this name. The name may also be the number
// itself. zone returns 0 if there is no such interface.
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
