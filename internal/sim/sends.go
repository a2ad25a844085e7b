package sim

import (
	"fmt"
	"io"
	"io/fs"
	"slices"
	"syscall"

	"github.com/completionport/completion/internal/backend"
	"github.com/completionport/completion/internal/core"
)

var (
	_ backend.FileSender = (*kernel)(nil)
	_ core.Source        = (*operation)(nil)
)

// The largest numbers of bytes of a file that the engine sends in one call, copies, and gives to
// a layer.
const (
	sentBytes     = 256 << 10
	sourcedBytes  = 64 << 10
	bytesOfALayer = 16 << 10
)

// setFile prepares a write from a file.
func (o *operation) setFile(p *operationPlan) {
	o.source, o.offset, o.count = at(o.world.files, 0).socket.file, p.offset, p.count
}

// describeSend sets what the engine needs to know of a write from a file.
func (o *operation) describeSend(r *core.Request) {
	r.Buffer, r.Vector = nil, &o.vector
	o.vector.Source, o.vector.File, o.vector.Offset, o.vector.Count = o, o.source.core, o.offset, o.count
}

// byteOf is the byte of the file at a position.
func byteOf(at int) byte { return byte(at*7 + 0x31) }

// part returns the bytes of the file that a write is to send.
func (f *file) part(offset, count int64) (p []byte) {
	if offset < 0 || count < 0 {
		return nil
	}
	for i := int(offset); i < f.size && (count == 0 || int64(len(p)) < count); i++ {
		p = append(p, byteOf(i))
	}
	return p
}

// isSend reports whether u is a write from a file.
func (u *use) isSend() bool { return u.op.source != nil }

// mostOfSend returns how many bytes the engine may ask for.
func (u *use) mostOfSend(most int) int {
	if u.op.count > 0 {
		return min(most, int(u.op.count)-u.moved)
	}
	return most
}

// ReadAt is that of the file.
func (o *operation) ReadAt(p []byte, at int64) (n int, err error) {
	w, u := o.world, o.use
	most := sourcedBytes
	if u.socket.layer != nil {
		most = bytesOfALayer
	}
	w.checkSourced(u, at, len(p), most)
	w.trace("%v reads its file at %d", u, at)
	w.pause()
	if o.source.closed > 0 {
		return 0, fmt.Errorf("read: %w", fs.ErrClosed)
	}
	rest := u.expect[u.moved:]
	if w.fires(sourceFails) {
		n = w.schedule.pick(len(rest) + 1)
		u.sourceFailed = n == 0
		err = errDisk
	} else if n = len(rest); n < len(p) {
		err = io.EOF
	}
	u.sourced = copy(p, rest[:n])
	return n, err
}

// SendFile asks the system to send from the file.
func (o *operation) SendFile(k backend.FileSender, fd int, at int64, n int) (int, syscall.Errno, bool) {
	if o.source.closed > 0 {
		return 0, 0, false
	}
	o.world.checkSourced(o.use, at, n, sentBytes)
	return k.SendFile(fd, 0, at, n)
}

// checkSourced: a write from a file asks for what it has not sent yet.
func (w *world) checkSourced(u *use, at int64, n, most int) {
	if u == nil || u.handedOut || u.phase() != core.Calling {
		w.fail("%v uses its file and is not calling", u)
		return
	}
	if at != u.op.offset+int64(u.moved) || n != u.mostOfSend(most) || n <= 0 || u.op.offset < 0 || u.op.count < 0 {
		w.fail("%v asks for %d bytes at %d, with %d of %d at %d sent", u, n, at, u.moved, u.op.count, u.op.offset)
	}
}

func (k *kernel) SendFile(fd int, _ uintptr, _ int64, n int) (int, syscall.Errno, bool) {
	s, u := k.call(fd, backend.Write)
	how := k.w.plan.sends
	switch {
	case u == nil:
		return 0, syscall.EBADF, true
	case how == noSplices || how == someSplices && s.number%2 == 0 || k.w.fires(notSendable):
		return 0, 0, false
	}
	p := u.expect[u.moved:]
	if p = p[:min(n, len(p))]; len(p) == 0 {
		k.w.fired[sentToTheEnd]++
		k.w.trace("%v: its file ends", u)
		return 0, 0, true
	}
	k.w.checkAborted(u, s)
	n, errno := k.send(s, part{u, p})
	return n, errno, true
}

// checkSent: a write from a file ends well only if the file has what it was to send.
func (w *world) checkSent(u *use) {
	if u.op.offset < 0 || u.op.count < 0 || u.op.count > int64(u.total) {
		w.fail("%v ends well, it was to send %d at %d of a file of %d", u, u.op.count, u.op.offset, u.op.source.size)
	}
}

// failsBySource reports whether a write from a file has this outcome because of the file.
func (w *world) failsBySource(u *use, code core.Code) bool {
	switch code {
	case core.Foreign:
		return u.sourceFailed
	case core.UnexpectedEndOfFile:
		return u.moved == u.total && int64(u.total) < u.op.count
	case core.FileClosed:
		return w.closeTried || w.shutTried || u.op.source.socket.conn.closeTried || u.isBehindAClose(nil)
	}
	return false
}

// isBehindAClose reports whether a CloseFile other than one may be ahead of a write from its file,
// which ends then, also if the CloseFile is cancelled later.
func (u *use) isBehindAClose(one *use) bool {
	return slices.ContainsFunc(u.op.source.socket.uses, func(v *use) bool {
		isOver := v.handedOut && v.failure != nil && v.taken < u.began // and has closed nothing
		return v.kind == backend.CloseFile && v != one && !isOver && !u.before(v)
	})
}

// sendsLeft returns a write from f that has not ended, or nil. One that isCertain is waited for by
// u, a CloseFile.
func (w *world) sendsLeft(f *file, u *use, isCertain bool) *use {
	for _, v := range w.uses {
		if v.op.source == f && f != nil && v.unfinished() && (!isCertain || v.before(u) && !v.isBehindAClose(u)) {
			return v
		}
	}
	return nil
}

// checkSends: nothing was sent of a file behind what closes it.
func (w *world) checkSends() {
	for _, u := range w.uses {
		if !u.isSend() || u.failure != nil && u.n == 0 {
			continue
		}
		for _, v := range u.op.source.socket.uses {
			if v.kind == backend.CloseFile && v.failure == nil && v.before(u) {
				w.fail("%v has sent %d bytes behind %v", u, u.n, v)
			}
		}
	}
}

// given returns the bytes of a write of a layer. Of a write from a file, of which it owes a
// part, the engine gives it their number only.
func (l *layer) given(u *use, p []byte, again bool) []byte {
	switch {
	case !u.isSend():
		return p
	case !again:
		l.has = slices.Clone(p)
	case len(p) > len(l.has):
		l.w.fail("%v: the layer is given %d bytes again, it has %d", u, len(p), len(l.has))
		return p
	}
	return l.has[len(l.has)-len(p):]
}
