package core

import "bytes"

// UntilOf returns the state of an operation that embeds Seeker.
func UntilOf(s *Seeker) *Until { return &s.until }

func (s *Seeker) seeking() *Until { return &s.until }

// untilOf returns the state of a read that seeks.
func untilOf(op Operation) *Until { return op.(interface{ seeking() *Until }).seeking() }

// seeks reports whether s is a read that ends behind a delimiter.
func (s *Slot) seeks() bool { return s.flags&(full|seeking) == full|seeking }

// Rest returns the bytes that the next use keeps, if it reads from h into b. It panics if b is a
// mistake.
func (u *Until) Rest(h *Handle, b *Buffer) []byte {
	switch {
	case u.held == u.taken || u.from != h:
		return nil
	case b == nil || !u.isIn(b.data):
		panic(otherMemory)
	}
	return b.Memory()[u.taken:u.held]
}

const otherMemory = "completion: a ReadUntil with other memory, and bytes that it keeps are in the last: Skip them"

// isIn reports whether p is the memory of the last use.
func (u *Until) isIn(p []byte) bool { return len(u.memory) == len(p) && &u.memory[0] == &p[0] }

// Skip makes the next use keep n bytes fewer.
func (u *Until) Skip(n int) {
	if n < 0 || n > u.held-u.taken {
		panic("completion: Skip beyond the bytes that were read")
	}
	u.taken += n
}

// check returns the flag of a read that seeks, none for another. If the request is a mistake,
// it gives the buffer back and panics.
func (u *Until) check(req *Request) slotFlags {
	if u == nil {
		return 0
	}
	p, mistake := req.Buffer.data, ""
	switch {
	case u.Delimiter == "":
		mistake = "completion: a ReadUntil without a delimiter"
	case u.from != req.Handle || u.held == u.taken:
	case !u.isIn(p):
		mistake = otherMemory
	}
	if mistake != "" {
		req.Buffer.giveBack()
		panic(mistake)
	}
	return seeking
}

// beginUntil drops the last message, and ends the read if what is left has a delimiter or
// fills the memory. The bytes that are left count as moved by s.
func (s *Slot) beginUntil(rec *Record, req *Request) {
	u, b := req.Until, req.Buffer
	if u.from != req.Handle || u.held == u.taken {
		u.held, u.taken = 0, 0 // they are from another stream, or none in memory that may be gone
	}
	b.n, u.from, u.memory, u.scanned = 0, req.Handle, b.data, 0
	b.returnMemory()
	u.held = copy(b.data, b.data[u.taken:u.held])
	u.taken = 0
	rec.n = int64(u.held)
	if s.intent == noIntent {
		switch end := u.find(b.data[:u.held]); {
		case end > 0:
			u.taken, rec.n, s.intent = end, int64(end), toFound
		case u.held == len(b.data):
			s.intent = toFull
		}
	}
	b.lendMemory(true)
}

// find returns where the first delimiter in p ends, 0 if there is none. It does not look again
// at what it has seen.
func (u *Until) find(p []byte) (end int) {
	last := len(u.Delimiter) - 1
	for i := max(u.scanned, last); i < len(p); i++ {
		n := bytes.IndexByte(p[i:], u.Delimiter[last])
		if n < 0 {
			break
		}
		if i += n; string(p[i-last:i+1]) == u.Delimiter {
			return i + 1
		}
	}
	u.scanned = len(p)
	return 0
}

// keep makes the next use of a read that has failed go on with all bytes so far.
func (u *Until) keep(rec *Record) { u.held, u.taken = int(rec.n), 0 }
