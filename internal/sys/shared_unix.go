//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package sys

import (
	"sync"
	"sync/atomic"
)

// sharedSet are the descriptors whose sockets others may have, too, and can change
// behind the port's back: those that were adopted, those that were lent through
// SyscallConn, and, as options are inherited, what a listener among them has
// accepted. All others are as this package has made them. Only accepts, connects,
// closes and, on Linux, reads that find nothing look here, and only if somebody ever
// shared something it is more than a load.
//
// A descriptor is in it before anybody can learn its number, and until it is closed.
type sharedSet struct {
	count atomic.Int64
	set   sync.Map // by descriptor: whether it is a listener with a mark
}

func (s *sharedSet) add(fd int) {
	if _, known := s.set.LoadOrStore(fd, false); !known {
		s.count.Add(1)
	}
}

func (s *sharedSet) has(fd int) bool {
	if s.count.Load() == 0 {
		return false
	}
	_, ok := s.set.Load(fd)
	return ok
}

// mark marks a listener that is in the set: see AcceptNoDelay.
func (s *sharedSet) mark(fd int) { s.set.Store(fd, true) }

// isMarked tells whether it is.
func (s *sharedSet) isMarked(fd int) bool {
	marked, _ := s.set.Load(fd)
	return marked == true
}

// remove reports whether it was there.
func (s *sharedSet) remove(fd int) bool {
	if s.count.Load() == 0 {
		return false
	}
	_, ok := s.set.LoadAndDelete(fd)
	if ok {
		s.count.Add(-1)
	}
	return ok
}
