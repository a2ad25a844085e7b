package sys

import "golang.org/x/sys/unix"

// setGroup4 joins or leaves a group of IPv4 on the interface with this index.
func setGroup4(fd int, group [4]byte, index, option int) error {
	return unix.SetsockoptIPMreqn(fd, unix.IPPROTO_IP, option, &unix.IPMreqn{Multiaddr: group, Ifindex: int32(index)})
}
