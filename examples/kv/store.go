package main

import (
	"container/heap"
	"errors"
	"math"
	"strconv"
	"sync"

	"github.com/completionport/completion"
)

// store holds the keys. Its lock is held for a few accesses to a map, not while values are
// copied: a value never changes, a key gets another one. So several workers seldom wait for
// the lock, and MSET and MGET see all their keys at one moment.
type store struct {
	mu       sync.Mutex
	entries  map[string]*entry
	expiring expiring // the entries that expire, the next one first

	// startSweeps is called with the lock held when there is an entry that expires. From
	// then on sweep is called from time to time, until it returns false.
	startSweeps func()
	sweeping    bool
}

// entry is a key with its value.
type entry struct {
	key     string
	value   []byte
	expires completion.Deadline // zero if never
	place   int                 // in store.expiring, if it expires
}

func newStore() *store {
	return &store{entries: make(map[string]*entry), startSweeps: func() {}}
}

// locked is a store whose lock is held.
type locked struct{ *store }

func (s *store) lock() locked {
	s.mu.Lock()
	return locked{s}
}

func (s locked) unlock() { s.mu.Unlock() }

// find returns the entry of a key, or nil. It removes an entry that has expired.
func (s locked) find(key []byte) *entry {
	e := s.entries[string(key)]
	if e != nil && e.expires != 0 && e.expires <= completion.Now() {
		s.remove(e)
		return nil
	}
	return e
}

func (s locked) remove(e *entry) {
	s.expireAt(e, 0)
	delete(s.entries, e.key)
}

// put sets the value of a key. e is its entry, or nil if there is none.
func (s locked) put(e *entry, key, value []byte, expires completion.Deadline) {
	if e == nil {
		e = &entry{key: string(key)}
		s.entries[e.key] = e
	}
	e.value = value
	s.expireAt(e, expires)
}

// expireAt changes when an entry expires.
func (s locked) expireAt(e *entry, at completion.Deadline) {
	before := e.expires
	e.expires = at
	switch {
	case before == 0 && at != 0:
		heap.Push(&s.expiring, e)
		if !s.sweeping {
			s.sweeping = true
			s.startSweeps()
		}
	case before != 0 && at == 0:
		heap.Remove(&s.expiring, e.place)
	case before != at:
		heap.Fix(&s.expiring, e.place)
	}
}

// get returns the value of a key. The caller must not change it.
func (s *store) get(key []byte) (value []byte, ok bool) {
	l := s.lock()
	defer l.unlock()
	if e := l.find(key); e != nil {
		return e.value, true
	}
	return nil, false
}

// getAll appends the values of all keys, nil for a missing one, and returns how many bytes
// they have.
func (s *store) getAll(values [][]byte, keys [][]byte) (all [][]byte, total int) {
	l := s.lock()
	defer l.unlock()
	for _, key := range keys {
		var value []byte
		if e := l.find(key); e != nil {
			value = e.value
		}
		values = append(values, value)
		total += len(value)
	}
	return values, total
}

// condition says when set does something.
type condition int

const (
	always    condition = iota
	ifMissing           // NX
	ifPresent           // XX
)

// set sets a key to a copy of a value, if the condition holds, and returns whether it held.
func (s *store) set(key, value []byte, when condition, expires completion.Deadline) bool {
	value = copyOf(value)
	l := s.lock()
	defer l.unlock()
	e := l.find(key)
	if when == ifMissing && e != nil || when == ifPresent && e == nil {
		return false
	}
	l.put(e, key, value, expires)
	return true
}

// copyOf returns a copy that is not nil: nil is for a missing key.
func copyOf(value []byte) []byte { return append(make([]byte, 0, len(value)), value...) }

// setAll sets keys to values, which alternate in pairs.
func (s *store) setAll(pairs [][]byte) {
	values := make([][]byte, 0, len(pairs)/2)
	for i := 1; i < len(pairs); i += 2 {
		values = append(values, copyOf(pairs[i]))
	}
	l := s.lock()
	defer l.unlock()
	for i, value := range values {
		key := pairs[2*i]
		l.put(l.find(key), key, value, 0)
	}
}

// count returns how many of the keys exist.
func (s *store) count(keys [][]byte) (n int) {
	l := s.lock()
	defer l.unlock()
	for _, key := range keys {
		if l.find(key) != nil {
			n++
		}
	}
	return n
}

// del removes keys, and returns how many existed.
func (s *store) del(keys [][]byte) (n int) {
	l := s.lock()
	defer l.unlock()
	for _, key := range keys {
		if e := l.find(key); e != nil {
			l.remove(e)
			n++
		}
	}
	return n
}

var (
	errNoInteger = errors.New("value is not an integer or out of range")
	errOverflow  = errors.New("increment or decrement would overflow")
)

// increment adds 1 to the number that is the value of a key, or 0 if the key is missing.
func (s *store) increment(key []byte) (n int64, err error) {
	l := s.lock()
	defer l.unlock()
	e := l.find(key)
	var expires completion.Deadline
	if e != nil {
		var ok bool
		switch n, ok = parseInt(e.value); {
		case !ok:
			return 0, errNoInteger
		case n == math.MaxInt64:
			return 0, errOverflow
		}
		expires = e.expires
	}
	n++
	l.put(e, key, strconv.AppendInt(nil, n, 10), expires)
	return n, nil
}

// expire makes a key expire at a moment, or at once if that has passed. It returns false if
// the key is missing.
func (s *store) expire(key []byte, at completion.Deadline) bool {
	l := s.lock()
	defer l.unlock()
	e := l.find(key)
	switch {
	case e == nil:
		return false
	case at <= completion.Now():
		l.remove(e)
	default:
		l.expireAt(e, at)
	}
	return true
}

// expiry returns when a key expires, zero if never. It returns false if the key is missing.
func (s *store) expiry(key []byte) (at completion.Deadline, ok bool) {
	l := s.lock()
	defer l.unlock()
	if e := l.find(key); e != nil {
		return e.expires, true
	}
	return 0, false
}

// size returns how many keys there are, and how many of them expire.
func (s *store) size() (keys, expiring int) {
	l := s.lock()
	defer l.unlock()
	return len(l.entries), len(l.expiring)
}

// sweep removes entries that have expired, at most most. It returns how many it removed, and
// whether another sweep is necessary. If not, it does not count on one: startSweeps may have
// been called again when sweep returns.
func (s *store) sweep(most int) (n int, again bool) {
	now := completion.Now()
	l := s.lock()
	defer l.unlock()
	for n < most && len(l.expiring) > 0 && l.expiring[0].expires <= now {
		l.remove(l.expiring[0])
		n++
	}
	s.sweeping = len(l.expiring) > 0
	return n, s.sweeping
}

// expiring is a heap of entries, for package heap.
type expiring []*entry

func (h expiring) Len() int           { return len(h) }
func (h expiring) Less(i, j int) bool { return h[i].expires < h[j].expires }
func (h expiring) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].place, h[j].place = i, j
}

func (h *expiring) Push(e any) {
	e.(*entry).place = len(*h)
	*h = append(*h, e.(*entry))
}

func (h *expiring) Pop() any {
	last := len(*h) - 1
	e := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	return e
}
