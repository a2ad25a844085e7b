//go:build linux || darwin || openbsd

package sys

import "slices"

// within returns the first bytes of parts, at most limit, where package unix describes parts
// to libc. It allocates if it must cut one.
func within(parts [][]byte, limit int) [][]byte {
	for i, p := range parts {
		switch {
		case len(p) <= limit:
			limit -= len(p)
		case limit == 0:
			return parts[:i]
		default:
			return append(slices.Clone(parts[:i]), p[:limit])
		}
	}
	return parts
}
