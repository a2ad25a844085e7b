//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package sys

import (
	"sync"
	"sync/atomic"
)

// sharedSet is the set of descriptors whose sockets others may have, too, and may change
// without the port's knowledge: descriptors that were adopted, those that were lent through
// SyscallConn and, since options are inherited, those that a listener in the set has
// accepted. All other sockets are as this package has made them.
//
// Only accepts, connects, closes and, on Linux, reads that find nothing look here. A look
// is one load as long as the set is empty.
//
// A descriptor is added before others can learn its number, and stays until it is closed.
type sharedSet struct {
	count atomic.Int64
	set   sync.Map // by descriptor: whether it is a listener with a mark, or foreign
}

type foreign struct{}

func (s *sharedSet) add(fd int) { s.addAs(fd, false) }

// addForeign adds a duplicate of a descriptor whose owner keeps it.
func (s *sharedSet) addForeign(fd int) { s.addAs(fd, foreign{}) }

// isForeign reports whether the owner of another descriptor keeps it.
func (s *sharedSet) isForeign(fd int) bool {
	what, _ := s.set.Load(fd)
	return what == foreign{}
}

func (s *sharedSet) addAs(fd int, what any) {
	if _, known := s.set.LoadOrStore(fd, what); !known {
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

// isMarked reports whether fd is a listener with a mark.
func (s *sharedSet) isMarked(fd int) bool {
	marked, _ := s.set.Load(fd)
	return marked == true
}

// remove removes fd, and reports whether its socket was in the set and is ours.
func (s *sharedSet) remove(fd int) bool {
	if s.count.Load() == 0 {
		return false
	}
	what, ok := s.set.LoadAndDelete(fd)
	if ok {
		s.count.Add(-1)
	}
	return ok && what != foreign{}
}
