package sim

import (
	"syscall"

	"github.com/completionport/completion/internal/backend"
	"github.com/completionport/completion/internal/core"
)

// part is what one write has in a call.
type part struct {
	use   *use
	bytes []byte
}

func sizeOf(parts []part) (n int) {
	for _, p := range parts {
		n += len(p.bytes)
	}
	return n
}

// ReadV is a read of an operation with two buffers, whose memories lie side by side.
func (k *kernel) ReadV(fd int, list [][]byte) (int, syscall.Errno) {
	s, u := k.call(fd, backend.Read)
	if u == nil {
		return 0, syscall.EBADF
	}
	p := u.memory[u.moved:]
	if u.join(list) != len(list) || len(p) != u.total-u.moved {
		k.w.fail("%v is to read into %v", u, list)
	}
	return k.receive(s, u, p)
}

// join returns how many of the first parts of list are the memory of u that is still to be
// moved, 0 if they are other memory or not all of it.
func (u *use) join(list [][]byte) (n int) {
	for rest := u.memory[u.moved:u.total]; len(rest) > 0; n++ {
		if n == len(list) || len(list[n]) == 0 || len(list[n]) > len(rest) || &list[n][0] != &rest[0] {
			return 0
		}
		rest = rest[len(list[n]):]
	}
	return n
}

// WriteV is a call of several writes, which leave together, or of one with two buffers.
func (k *kernel) WriteV(fd int, list [][]byte) (int, syscall.Errno) {
	s := k.begin(fd, backend.Write)
	if s == nil {
		return 0, syscall.EBADF
	}
	parts := k.w.partsOf(s, list)
	if parts == nil {
		return 0, syscall.EBADF
	}
	for i, p := range parts {
		k.w.checkWrite(p.use, s, p.bytes)
		k.w.checkOrder(p.use, s, parts[:i]...)
	}
	n, errno := k.send(s, parts...)
	if len(parts) > 1 {
		k.w.fired[gathered]++
		if errno == 0 && n < sizeOf(parts) && n > len(parts[0].bytes) {
			k.w.fired[gatheredShort]++
		}
	}
	return n, errno
}

// partsOf finds the writes that the parts of a call belong to: all that are Calling. Writes
// of one shared buffer are of one batch, so their order is known.
func (w *world) partsOf(s *socket, list [][]byte) (parts []part) {
	calling := map[*use]bool{}
	for _, u := range s.uses {
		if !u.handedOut && sideOf(u.kind) == 1 && u.phase() == core.Calling {
			calling[u] = true
		}
	}
	for len(list) > 0 {
		u, n := w.writeOf(s, list, calling)
		if u == nil {
			w.fail("socket %d: %v belongs to no write that is calling", s.number, list[0])
			return nil
		}
		delete(calling, u)
		u.lastAt = w.steps
		p := part{u, list[0]}
		if !u.isSend() {
			p.bytes = u.memory[u.moved:u.total]
		}
		parts = append(parts, p)
		list = list[n:]
	}
	if len(calling) > 0 || len(parts) == 0 {
		w.fail("a call of %d writes on socket %d, and %d more are calling", len(parts), s.number, len(calling))
		return nil
	}
	return parts
}

// writeOf returns the first of the writes that are calling whose rest is at the front of
// list, and how many parts it has there.
func (w *world) writeOf(s *socket, list [][]byte, calling map[*use]bool) (*use, int) {
	for _, u := range s.uses {
		if calling[u] && u.isSend() && len(list) == 1 {
			return u, 1
		}
		if calling[u] && u.kind == backend.Write {
			if n := u.join(list); n > 0 {
				return u, n
			}
		}
	}
	return nil, 0
}

// deliverParts moves the first n bytes to the other side: all that there is room for.
func (k *kernel) deliverParts(s *socket, parts []part, n int) int {
	s.full = n < sizeOf(parts)
	left := n
	for _, p := range parts {
		if size := min(left, len(p.bytes)); size > 0 {
			k.deliver(s, p.bytes[:size])
			k.w.wasWritten(p.use, s, size)
			left -= size
		}
	}
	return n
}
