package core

import "github.com/completionport/completion/internal/backend"

// verdict says what a call means for the operation and for its direction.
type verdict uint8

const (
	ended                  verdict = iota // the operation has its outcome; more may be possible now
	endedAndExhausted                     // it has its outcome; an edge comes when more is possible
	progressed                            // part of it is done; more may be possible now
	progressedAndExhausted                // part of it is done; an edge comes when more is possible
	wouldBlock                            // nothing is done; an edge comes when more is possible
	begunInKernel                         // a Native kernel has taken it, and reports its end
	moved                                 // like ended, of datagrams, whose count may be 0
	movedAndExhausted                     // like endedAndExhausted, of a half of a Copy
)

// callResult is the result of one system call.
type callResult struct {
	verdict  verdict
	fatal    bool // the connection is gone, and failure says why
	gone     bool // it is gone (0 bytes read, EPIPE), and this call does not say why
	cut      bool // a write was cut short: n bytes are known to be sent; or it would be if it ended now
	n        int
	failure  *Failure
	accepted *Handle
	buffer   *Buffer // which a pooled read has got from its kernel
}

// isTransfer reports whether the call moved bytes and that ended the operation.
func (r *callResult) isTransfer() bool {
	return r.n > 0 && r.verdict <= endedAndExhausted && r.failure == nil && !r.gone
}

// systemFailure returns the result of a call that ended its operation with an errno. The
// caller owns the direction, which keeps the descriptor open, and no lock is held.
func (h *Handle) systemFailure(s *Slot, errno backend.Errno) callResult {
	f := &Failure{Code: System, Kind: s.kind, Call: h.port.endedBy(errno), Errno: errno, Handle: h}
	if s.kind == backend.Connect && h.port.explain != nil {
		// The error is made now. The operations that wait for the connect share it, and
		// some end in a later turn, when the program owns the Connect and its address.
		f.Target = s.target()
		f.Err = h.port.explain(f, int(h.fd))
		f.Target = nil
	}
	return callResult{verdict: ended, fatal: h.port.kernel.Classify(s.kind, errno) == backend.Fatal, failure: f}
}

// endedBy returns the call that has failed with this errno if a Mortal kernel has ended with it, and
// "" for an errno of an operation's own call.
func (p *Port) endedBy(errno backend.Errno) string {
	if p.mortal != nil {
		if call, of := p.mortal.Ended(); of == errno {
			return call
		}
	}
	return ""
}

func (h *Handle) read(s *Slot) callResult {
	rec := s.record()
	space := s.rest()
	n, errno := 0, backend.Errno(0)
	for {
		// If the kernel is Go code itself, the race detector sees it write the memory.
		rec.buffer.returnMemory()
		n, errno = h.port.kernel.Read(int(h.fd), space)
		rec.buffer.lendMemory(true)
		if errno == 0 {
			break
		}
		switch h.port.kernel.Classify(s.kind, errno) {
		case backend.Again:
			continue
		case backend.WouldBlock:
			return callResult{verdict: wouldBlock}
		}
		return h.systemFailure(s, errno)
	}
	return s.haveRead(n, len(space))
}

// haveRead returns the result of a read of n bytes into memory of space bytes.
func (s *Slot) haveRead(n, space int) callResult {
	switch {
	case n == 0:
		return callResult{verdict: ended, gone: true}
	case s.seeks():
		return s.haveSought(n, space, true)
	case n == space:
		return callResult{verdict: ended, n: n}
	case s.flags&full == 0:
		// A short read has emptied a stream socket, unless its latch has stopsShort:
		// the next byte causes an edge.
		return callResult{verdict: endedAndExhausted, n: n}
	}
	return callResult{verdict: progressedAndExhausted, n: n}
}

// haveSought is haveRead for a read that ends behind a delimiter. The caller owns the
// direction. What was read behind the delimiter does not count.
func (s *Slot) haveSought(n, space int, exhausted bool) callResult {
	rec, u := s.record(), untilOf(s.op)
	had := int(rec.n)
	u.held = had + n
	rec.buffer.returnMemory()
	end := u.find(rec.buffer.data[:u.held])
	rec.buffer.lendMemory(true)
	r := callResult{verdict: ended, n: n}
	exhausted = exhausted && n < space
	switch {
	case end > 0:
		u.taken, r.n = end, end-had
		if exhausted {
			r.verdict = endedAndExhausted
		}
	case n == space:
		r.failure = fullFailure
	case exhausted:
		r.verdict = progressedAndExhausted
	default:
		r.verdict = progressed
	}
	return r
}

func (h *Handle) write(s *Slot) callResult {
	rec := s.record()
	rest := rec.buffer.data[rec.n:rec.buffer.n]
	for {
		n, errno := h.port.direct.Write(int(h.fd), rest)
		if errno == 0 {
			return haveWritten(n, len(rest))
		}
		if r, again := h.writeRefused(s, errno); !again {
			return r
		}
	}
}

// writeRefused returns the result of a write that returned an errno, and whether the call
// is to be made again.
func (h *Handle) writeRefused(s *Slot, errno backend.Errno) (r callResult, again bool) {
	switch h.port.kernel.Classify(s.kind, errno) {
	case backend.Again:
		return r, true
	case backend.WouldBlock:
		return callResult{verdict: wouldBlock}, false
	case backend.BrokenPipe:
		return callResult{verdict: ended, gone: true}, false
	}
	return h.systemFailure(s, errno), false
}

// haveWritten returns the result of a write that took n of rest bytes.
func haveWritten(n, rest int) callResult {
	if n == rest {
		return callResult{verdict: ended, n: n}
	}
	// The socket buffer is full: room causes an edge.
	return callResult{verdict: progressedAndExhausted, n: n}
}

// accept accepts the next connection and makes a handle for it. A lack of descriptors
// ends this accept and leaves the listener as it was: there is no retry that could spin.
func (h *Handle) accept(s *Slot) callResult {
	for {
		fd, errno := h.port.direct.Accept(int(h.fd))
		if errno == 0 {
			return h.haveAccepted(fd)
		}
		switch h.port.kernel.Classify(s.kind, errno) {
		case backend.Again:
			continue
		case backend.WouldBlock:
			return callResult{verdict: wouldBlock}
		}
		return h.systemFailure(s, errno)
	}
}

// haveAccepted returns the result of an accept that returned fd.
func (h *Handle) haveAccepted(fd int) callResult {
	conn, failure := h.port.addHandle(fd, true, 0, nil, nil)
	if failure != nil && failure.Code == System {
		failure.Kind = backend.Accept
	}
	if conn != nil {
		if _, isUnix := h.Past(); isUnix {
			conn.SetUnix()
		}
	}
	return callResult{verdict: ended, accepted: conn, failure: failure}
}

// connect starts the connect the first time, and later asks how it has ended. It never
// starts it twice: on some systems a second call would start over.
func (h *Handle) connect(s *Slot) callResult {
	errno := backend.Errno(0)
	if rec := s.record(); rec.n == 0 {
		rec.n = 1 // started; finishResult resets it
		var req Request
		s.op.Describe(&req)
		if req.Address.BadPort {
			return h.systemFailure(s, backend.EINVAL)
		}
		errno = h.port.direct.Connect(int(h.fd), *req.Address)
	} else {
		errno = h.port.direct.Connected(int(h.fd))
	}
	switch {
	case errno == 0:
		return callResult{verdict: ended}
	case h.port.kernel.Classify(s.kind, errno) == backend.WouldBlock:
		return callResult{verdict: wouldBlock}
	}
	return h.systemFailure(s, errno)
}

func (h *Handle) closeWrite(s *Slot) callResult {
	if errno := h.port.kernel.CloseWrite(int(h.fd)); errno != 0 {
		return h.systemFailure(s, errno)
	}
	return callResult{verdict: ended}
}

// hasBuffer reports whether s has its buffer: it is no pooled read that waits without one.
func (s *Slot) hasBuffer() bool { return !s.record().buffer.isPlaceholder() }

// rest returns the memory that is still to be filled or sent. Of a write with several
// buffers, it is the rest of one of them. Of a read with several, there is none: as that of
// a pooled read without a buffer, it is given to a Native kernel to wait for data.
func (s *Slot) rest() []byte {
	rec := s.record()
	switch {
	case s.kind == backend.Write && s.flags&vectored == 0:
		return rec.buffer.data[rec.n:rec.buffer.n]
	case s.kind == backend.Read && s.hasBuffer():
		return rec.buffer.data[rec.buffer.n+int(rec.n):] // buffer.n is 0, or its old length with Append
	case s.kind == backend.Write:
		return s.vector().rest(int(rec.n))
	}
	return nil
}

// left returns how many bytes of a write are not sent yet.
func (s *Slot) left() int {
	rec := s.record()
	return rec.buffer.n - int(rec.n)
}

// observedCall makes a call and reports it to the observer. It does not report a call of
// a Native kernel that has taken the operation or moved nothing: another goroutine may
// own an operation that the kernel has taken.
func (h *Handle) observedCall(s *Slot, call func(*Handle, *Slot) callResult) callResult {
	p := h.port
	t := p.observer.trace(StepCalled, s)
	begin := p.kernel.Now()
	r := call(h, s)
	if r.verdict == begunInKernel || r.verdict == wouldBlock && p.native != nil {
		return r
	}
	t.Time = p.kernel.Now()
	t.Took, t.N = t.Time-begin, int64(r.n)
	if r.verdict == wouldBlock {
		t.Errno = backend.EAGAIN
	} else if r.failure != nil {
		t.Errno = r.failure.Errno
	}
	p.observer.tell(t)
	return r
}
