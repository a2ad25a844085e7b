//go:build darwin || dragonfly || freebsd || netbsd || openbsd

package sys

// setGroup4 joins or leaves a group of IPv4. These systems take an interface by an address
// of it. macOS, and FreeBSD before 13, accept a structure with an index, too, but do not read
// the index: they would choose the interface themselves.
func setGroup4(fd int, group [4]byte, index, option int) error {
	return groupByAddress(fd, group, index, option)
}
