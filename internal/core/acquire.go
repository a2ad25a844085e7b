package core

import "github.com/completionport/completion/internal/backend"

// acquireBuffer makes the port the owner of the operation's buffer, if it has one, and
// returns the flags that follow. It panics if the request is a mistake.
func (st *state) acquireBuffer(op Operation, req *Request) (flags slotFlags) {
	if req.Kind == backend.Borrow {
		if req.Buffer != nil {
			panic("completion: a borrow with a buffer; if Buf holds the buffer of its last use, call Release or set Buf to nil")
		}
		return pooled
	}
	if req.Kind == backend.Copy {
		copyingOf(op).check(st.port)
		return pooled
	}
	reads := req.Kind == backend.Read || req.Kind == backend.ReadAt
	if !reads && req.Kind != backend.Write && req.Kind != backend.WriteAt && req.Kind != backend.Append {
		return flagsOf(req) | st.acquireMessages(op, req)
	}
	flags = flagsOf(req)
	if req.Vector != nil {
		return flags | st.acquireVector(req)
	}
	checkBuffer(req, reads)
	if req.Pool != nil {
		req.Pool.checkFor(st.port)
		return flags | pooled
	}
	if mistake := req.Buffer.acquire(reads); mistake != "" {
		panic(mistake)
	}
	if reads && len(req.Buffer.data) == 0 {
		req.Buffer.giveBack()
		panic("completion: a read into a buffer without memory: it would end at once with no data")
	}
	return flags | lent | req.Until.check(req)
}

// acquireVector is acquireBuffer for an operation with several buffers, or with a source.
func (st *state) acquireVector(req *Request) slotFlags {
	if f, ok := req.Vector.File.(*File); ok && f.handle.port != st.port {
		panic("completion: the file belongs to another port")
	}
	return req.Vector.acquire(req.Kind)
}

// checkBuffer panics unless a read has a buffer or a pool, and a write a buffer.
func checkBuffer(req *Request, reads bool) {
	switch {
	case !reads && req.Buffer == nil:
		panic("completion: a write without a buffer")
	case req.Buffer == nil && req.Pool == nil:
		panic("completion: a read with neither a buffer nor a pool")
	case req.Buffer != nil && req.Pool != nil:
		panic("completion: a read with both a buffer and a pool; if Buf holds the buffer of its last use, call Release or set Buf to nil")
	case req.Pool != nil && req.Append:
		panic("completion: a pooled read with Append: a buffer from the pool has nothing to append to")
	}
}

// flagsOf returns the flags that the request asks for.
func flagsOf(req *Request) (flags slotFlags) {
	if req.Full {
		flags |= full
	}
	if req.Beneath {
		flags |= beneath
	}
	return flags
}

// fillBuffer sets the buffer of an operation that has one.
func (s *Slot) fillBuffer(rec *Record, req *Request) {
	switch s.kind {
	case backend.Read, backend.Borrow, backend.ReadAt:
		rec.buffer = req.Buffer
		switch {
		case s.flags&vectored != 0:
			rec.buffer = &req.Vector.place.placeholder
		case s.flags&pooled != 0:
			rec.buffer = &req.Pool.placeholder
		case !req.Append:
			rec.buffer.n = 0
		case req.Until != nil:
			s.beginUntil(rec, req)
		case rec.buffer.n == len(rec.buffer.data) && s.intent == noIntent:
			s.intent = toFull
		}
	case backend.Write:
		if rec.buffer = req.Buffer; s.flags&vectored != 0 {
			rec.buffer = &req.Vector.place.placeholder
		}
		if rec.buffer.n == 0 {
			s.flags |= vacant
		}
	case backend.WriteAt, backend.Append:
		rec.buffer = req.Buffer
	case backend.PollIn, backend.PollOut:
		if s.handle.Load().Layer() != nil {
			s.flags |= vacant
		}
	case backend.Receive, backend.Send:
		s.fillInMessages(rec, req)
	case backend.Copy:
		copyingOf(s.op).begin(s)
	}
}
