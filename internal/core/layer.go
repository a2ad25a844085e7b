package core

import (
	"errors"
	"io"

	"github.com/completionport/completion/internal/backend"
)

// Errors of layers.
var (
	// ErrBlocked: nothing can be done before an edge comes.
	ErrBlocked = errors.New("completion: a defect of a layer: the operation would block")
	// ErrShut: the sending side is shut.
	ErrShut = errors.New("completion: a defect of a layer: the sending side is shut")
)

// Layer returns the layer of the handle, nil for none. A closed handle has none, nor has
// nil.
func (h *Handle) Layer() Layer {
	if h == nil || h.port == nil {
		return nil
	}
	l, _ := h.port.layers.Load(h)
	layer, _ := l.(Layer)
	return layer
}

// Receive is a read for the layer. It returns io.EOF, ErrBlocked or an errno, and
// whether that is fatal.
func (h *Handle) Receive(p []byte) (n int, fatal bool, err error) {
	for {
		n, errno := h.port.kernel.Read(int(h.fd), p)
		switch {
		case errno == 0 && n == 0:
			return 0, true, io.EOF
		case errno == 0:
			return n, false, nil
		}
		switch h.port.kernel.Classify(backend.Read, errno) {
		case backend.Again:
			continue
		case backend.WouldBlock:
			return 0, false, ErrBlocked
		case backend.Fatal:
			return 0, true, errno
		}
		return 0, false, errno
	}
}

// Send is a write for the layer. It returns ErrBlocked or an errno, and whether that is
// fatal.
func (h *Handle) Send(p []byte) (n int, fatal bool, err error) {
	for {
		n, errno := h.port.kernel.Write(int(h.fd), p)
		if errno == 0 {
			return n, false, nil
		}
		switch h.port.kernel.Classify(backend.Write, errno) {
		case backend.Again:
			continue
		case backend.WouldBlock:
			return 0, false, ErrBlocked
		case backend.Fatal:
			return 0, true, errno
		}
		return 0, false, errno
	}
}

// passage is what a call through a layer needs to know of the state under the lock.
type passage struct {
	layer Layer
	ready bool // the direction may have something
	short bool // a short read of the system does not exhaust the direction
	again bool // the layer has taken bytes of the write in an earlier call
}

// callLayer is call for a handle with a layer. The lock is released during it.
func (h *locked) callLayer(d direction, s *Slot) (r callResult) {
	l := h.latch[d]
	by := passage{ready: l&ready != 0, short: l&stopsShort != 0, again: s.progress&cutShort != 0}
	h.latch[d] &^= ready | stopsShort
	if s.kind == backend.CloseWrite {
		s.progress |= shutting
		h.state |= finSent // writes find EPIPE from here on, also if it is cancelled
	}
	s.enter(Calling)
	h.mu.Unlock()
	by.layer = h.Layer()
	if h.port.observer == nil {
		r = h.pass(s, by)
	} else {
		r = h.observedCall(s, func(h *Handle, s *Slot) callResult { return h.pass(s, by) })
	}
	h.lockMutex()
	h.counts.calls++
	if r.verdict == wouldBlock {
		h.counts.wouldBlocks++
	}
	return r
}

// pass is perform for a handle with a layer: its operation is a read, a write or a half
// close, since a second connect is refused.
func (h *Handle) pass(s *Slot, by passage) callResult {
	isNative := h.port.native != nil
	switch {
	case s.kind == backend.CopyIn:
		return h.takeInLayer(s, by)
	case s.kind == backend.Copy:
		return h.sendOutLayer(s, by)
	case s.isPoll():
		return unsupported(s) // the layer began after the Submit: else endUncalled has ended it
	case s.kind == backend.Read && isNative && !by.ready:
		return h.startLayer(s, by, nil) // ends when there is data, as that of a pooled read
	case s.kind == backend.Read:
		return h.readLayer(s, by)
	case s.flags&vectored != 0 && s.vector().Source != nil:
		return h.passSource(s, by)
	case s.kind == backend.Write && s.hasRights():
		return h.systemFailure(s, backend.EOPNOTSUPP)
	case !isNative && s.kind == backend.Write:
		n, owes, err := by.layer.Write(s.rest(), by.again)
		return h.passed(s, n, owes, err)
	case !isNative:
		return h.passed(s, 0, false, by.layer.CloseWrite())
	}
	data, n, err := by.layer.Begin(s.rest(), by.again)
	if err != nil || len(data) == 0 {
		return h.passed(s, n, err != nil && by.again, err)
	}
	return h.startLayer(s, by, data)
}

// readLayer performs a read through a layer, if there may be data.
func (h *Handle) readLayer(s *Slot, by passage) callResult {
	rec := s.record()
	space, b := s.rest(), rec.buffer
	if s.flags&vectored != 0 {
		space, b = s.vector().rest(int(rec.n)), s.vector().current()
	}
	// The race detector sees the layer write the memory.
	b.returnMemory()
	n, drained, err := by.layer.Read(space, by.short)
	b.lendMemory(true)
	switch {
	case err != nil:
		return h.layerFailure(s, err)
	case n == 0:
		return callResult{verdict: progressed}
	case s.seeks():
		return s.haveSought(n, len(space), drained)
	case n == len(space) && !s.goesOn(n) || s.flags&full == 0 && !drained:
		return callResult{verdict: ended, n: n}
	case s.flags&full == 0:
		return callResult{verdict: endedAndExhausted, n: n}
	case drained:
		return callResult{verdict: progressedAndExhausted, n: n}
	}
	return callResult{verdict: progressed, n: n}
}

// passed returns the result of a call of a layer for a write or a half close, which has
// moved n bytes and returned err.
func (h *Handle) passed(s *Slot, n int, owes bool, err error) (r callResult) {
	switch {
	case err == ErrBlocked && n > 0:
		r = callResult{verdict: progressedAndExhausted}
	case err != nil:
		r = h.layerFailure(s, err)
	case s.kind == backend.Copy:
		return copyingOf(s.op).sentThrough(s, n, owes)
	case !owes && (s.kind == backend.CloseWrite || n == s.left()):
		r = callResult{verdict: ended}
	default:
		r = callResult{verdict: progressed}
	}
	r.n, r.cut = n, owes
	return r
}

// layerFailure returns the result of a call of a layer that has returned an error.
func (h *Handle) layerFailure(s *Slot, err error) callResult {
	if err == ErrBlocked {
		return callResult{verdict: wouldBlock}
	}
	if err == io.ErrUnexpectedEOF || err == ErrShut {
		return callResult{verdict: ended, gone: true}
	}
	if err == io.EOF {
		if s.record().n > 0 && s.kind != backend.CopyIn {
			return callResult{verdict: ended, failure: unexpectedEndOfFile}
		}
		return callResult{verdict: ended, failure: endOfFile}
	}
	if errno, ok := err.(backend.Errno); ok {
		if s.sends() && h.port.kernel.Classify(backend.Write, errno) == backend.BrokenPipe {
			return callResult{verdict: ended, gone: true}
		}
		return h.systemFailure(s, errno)
	}
	return callResult{verdict: ended, failure: &Failure{Code: Foreign, Err: err}}
}

// nativeKind returns the kind of the operation that a Native kernel performs for s: the
// half close of a layer is a write, so is the half of a Copy that sends, and readiness is the
// end of a read of no bytes.
func (s *Slot) nativeKind() backend.Kind {
	switch s.kind {
	case backend.CloseWrite, backend.Copy:
		return backend.Write
	case backend.CopyIn, backend.PollIn:
		return backend.Read
	}
	return s.kind
}

// startLayer gives data to a Native kernel for a write or a half close, or makes it wait
// for data for a read.
func (h *Handle) startLayer(s *Slot, by passage, data []byte) callResult {
	n, errno, isPending := h.port.native.Start(int(h.fd), s.nativeKind(), data, nil)
	if isPending {
		return callResult{verdict: begunInKernel}
	}
	return h.layerEnded(s, by.layer, n, errno)
}

// finishLayer is callFinish for a handle with a layer.
func (h *Handle) finishLayer(s *Slot) callResult {
	n, errno := h.port.native.Finish(int(h.fd), s.nativeKind())
	return h.layerEnded(s, h.Layer(), n, errno)
}

// layerEnded is outcomeOf for a handle with a layer.
func (h *Handle) layerEnded(s *Slot, layer Layer, n int, errno backend.Errno) callResult {
	class := backend.Class(0)
	if errno != 0 {
		class = h.port.kernel.Classify(s.nativeKind(), errno)
	}
	isAgain := errno != 0 && (class == backend.Again || class == backend.WouldBlock)
	if s.nativeKind() == backend.Read {
		switch {
		case errno == 0:
			return callResult{verdict: progressed} // counts as an edge
		case isAgain:
			return callResult{verdict: wouldBlock}
		}
		return h.systemFailure(s, errno)
	}
	// Of what was cancelled, nobody knows how much was sent.
	n, owes := layer.Ended(n, errno != 0 && class == backend.Again)
	switch {
	case errno == 0:
		return h.passed(s, n, owes, nil)
	case isAgain:
		return h.passed(s, n, owes, ErrBlocked)
	}
	return h.passed(s, n, owes, errno)
}

// passSource is sendSource for a handle with a layer. If the layer owes a part of what it was
// given, it has these bytes and needs their number only. The file may have become shorter.
func (h *Handle) passSource(s *Slot, by passage) callResult {
	v := s.vector()
	if r, over := h.checkSource(s, v); over {
		return r
	}
	moved := s.record().n
	defer v.copied.free()
	if by.again {
		v.copied.memory = copies.Get().(*[copiedBytes]byte)
		v.copied.used = int(v.copied.passed - moved)
	} else if err := v.copied.read(v.Source, v.Offset+moved, min(s.left(), passedBytes)); err != nil {
		return v.sourceEnded(s, err)
	}
	p := v.copied.bytes()
	v.copied.passed = moved + int64(len(p))
	if h.port.native == nil {
		n, owes, err := by.layer.Write(p, by.again)
		return h.passed(s, n, owes, err)
	}
	data, n, err := by.layer.Begin(p, by.again)
	if err != nil || len(data) == 0 {
		return h.passed(s, n, err != nil && by.again, err)
	}
	return h.startLayer(s, by, data)
}

// takeInLayer is takeIn for a handle with a layer.
func (h *Handle) takeInLayer(s *Slot, by passage) callResult {
	c := copyingOf(s.op)
	if h.port.native != nil && !by.ready {
		return h.startLayer(s, by, nil) // ends when there is data
	}
	c.memory = copies.Get().(*[copiedBytes]byte)
	n, _, err := by.layer.Read(c.memory[:c.most(copiedBytes)], by.short)
	if err == nil && n > 0 {
		c.used = n
		return c.took(callResult{verdict: progressed, n: n})
	}
	c.freeMemory()
	if err != nil {
		return c.took(h.layerFailure(s, err))
	}
	return callResult{verdict: progressed}
}

// sendOutLayer is sendOut for a handle with a layer.
func (h *Handle) sendOutLayer(s *Slot, by passage) callResult {
	c := copyingOf(s.op)
	held := c.held(s)
	if held == 0 {
		return h.nothingHeld(s, c)
	}
	p := c.rest(held)
	if h.port.native == nil {
		n, owes, err := by.layer.Write(p, by.again)
		return h.passed(s, n, owes, err)
	}
	data, n, err := by.layer.Begin(p, by.again)
	if err != nil || len(data) == 0 {
		return h.passed(s, n, err != nil && by.again, err)
	}
	return h.startLayer(s, by, data)
}

// sentThrough returns the result of a call of a layer for the half out, which has sent n bytes.
func (c *Copying) sentThrough(s *Slot, n int, owes bool) callResult {
	if !owes {
		return c.sent(s, n)
	}
	return callResult{verdict: progressed, n: n, cut: true}
}
