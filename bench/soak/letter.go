package main

import (
	"encoding/binary"
	"fmt"
)

// A datagram begins with the seed of its sender and its number. The rest of its bytes, and
// how many there are, depend on both.
const (
	letterHeader  = 16
	largestLetter = 1400
	largestBatch  = 40 // more than one system call moves
)

// letterSize returns the size of a datagram.
func letterSize(seed, number uint64) int {
	return letterHeader + int(mix(seed+number)%(largestLetter-letterHeader+1))
}

// fillLetter puts a datagram into p and returns it.
func fillLetter(p []byte, seed, number uint64) []byte {
	p = p[:letterSize(seed, number)]
	binary.BigEndian.PutUint64(p, seed)
	binary.BigEndian.PutUint64(p[8:], number)
	fill(p[letterHeader:], mix(seed^number), 0)
	return p
}

// checkLetter returns the number of a datagram. It must be one of the sender with this seed,
// and whole.
func checkLetter(p []byte, seed uint64) (number uint64, err error) {
	if len(p) < letterHeader {
		return 0, fmt.Errorf("a datagram has %d bytes", len(p))
	}
	if s := binary.BigEndian.Uint64(p); s != seed {
		return 0, fmt.Errorf("a datagram has the seed %x, not %x", s, seed)
	}
	number = binary.BigEndian.Uint64(p[8:])
	if want := letterSize(seed, number); len(p) != want {
		return 0, fmt.Errorf("datagram %d has %d bytes, not %d", number, len(p), want)
	}
	return number, check(p[letterHeader:], mix(seed^number), 0)
}
