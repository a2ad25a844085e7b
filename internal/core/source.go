package core

import (
	"errors"
	"io"
	"io/fs"

	"github.com/completionport/completion/internal/backend"
)

// sendSource makes one call for a write from a source, or finds out that it has ended. If
// there is no room, a Native kernel goes on with the bytes that were copied.
func (h *Handle) sendSource(s *Slot) callResult {
	v := s.vector()
	if r, over := h.checkSource(s, v); over {
		return r
	}
	at := v.Offset + s.record().n
	if sender, ok := h.port.kernel.(backend.FileSender); ok && !v.copied.only {
		moved, errno, supported := v.Source.SendFile(sender, int(h.fd), at, min(s.left(), sourceBytes))
		if supported {
			return h.sourceSent(s, moved, errno)
		}
		v.copied.only = true
	}
	if err := v.copied.read(v.Source, at, s.left()); err != nil {
		v.copied.free()
		return v.sourceEnded(s, err)
	}
	r := h.sendCopied(s)
	if r.verdict != wouldBlock || h.port.native == nil {
		v.copied.free()
	}
	return r
}

// checkSource returns the result of a write from a source that makes no call.
func (h *Handle) checkSource(s *Slot, v *Vector) (r callResult, over bool) {
	switch {
	case v.isRefused():
		return callResult{verdict: ended, failure: fileClosedFailure}, true
	case v.Offset < 0 || v.Count < 0:
		return h.systemFailure(s, backend.EINVAL), true
	}
	return r, false
}

// sourceSent returns the result of a call that sent from the source.
func (h *Handle) sourceSent(s *Slot, n int, errno backend.Errno) callResult {
	switch {
	case errno == 0 && n == 0:
		return s.vector().sourceEnded(s, io.EOF)
	case errno == 0 && n < s.left():
		// The call moved what it was asked for, or there was no more room, or no more of the
		// file. Only the next one knows.
		return callResult{verdict: progressed, n: n}
	case errno == 0:
		return callResult{verdict: ended, n: n}
	}
	r, again := h.writeRefused(s, errno)
	if again {
		return callResult{verdict: progressed}
	}
	if r.failure != nil && r.failure.Call == "" {
		r.failure.Call = "sendfile"
	}
	return r
}

// sendCopied sends the bytes that were copied.
func (h *Handle) sendCopied(s *Slot) callResult {
	g := newGathering()
	defer g.free()
	g.add(s.vector().copied.bytes())
	r := h.send(s, g)
	if r.verdict == ended && r.n == g.total && r.n < s.left() {
		r.verdict = progressed
	}
	return r
}

// sourceEnded returns the result of a write whose source has returned an error.
func (v *Vector) sourceEnded(s *Slot, err error) callResult {
	switch {
	case v.File != nil && errors.Is(err, fs.ErrClosed):
		return callResult{verdict: ended, failure: fileClosedFailure}
	case err != io.EOF:
		return foreign(err)
	case v.Count > 0:
		return callResult{verdict: ended, failure: unexpectedEndOfFile}
	}
	return callResult{verdict: ended}
}

// foreign returns the result of a call that failed with an error that is no errno.
func foreign(err error) callResult {
	return callResult{verdict: ended, failure: &Failure{Code: Foreign, Err: err}}
}

// send makes the call. s is the operation that an errno belongs to. The caller owns the
// direction; no lock is held.
func (h *Handle) send(s *Slot, g *gathering) callResult {
	for {
		n, errno := h.writeParts(s, g.parts[:g.used])
		if errno == 0 {
			return haveWritten(n, g.total)
		}
		if r, again := h.writeRefused(s, errno); !again {
			return r
		}
	}
}

// writeParts is WriteV, with what accompanies the bytes of s.
func (h *Handle) writeParts(s *Slot, parts [][]byte) (int, backend.Errno) {
	if !s.hasRights() || s.record().n > 0 { // they have gone with the first byte
		return h.port.kernel.WriteV(int(h.fd), parts)
	}
	if m, ok := h.port.kernel.(backend.Messenger); ok {
		return m.WriteControl(int(h.fd), parts, s.vector().Control)
	}
	return 0, backend.EOPNOTSUPP
}

// hasRights reports whether s is a write with descriptors or credentials.
func (s *Slot) hasRights() bool {
	return s.flags&vectored != 0 && s.vector().Control != nil && s.vector().Control.HasRights()
}
