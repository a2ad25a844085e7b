package sim

import (
	"syscall"

	"github.com/completionport/completion/internal/backend"
	"github.com/completionport/completion/internal/core"
)

var (
	_ backend.Splicer = (*kernel)(nil)
	_ backend.Prober  = (*kernel)(nil)
)

// The largest numbers of bytes that the engine takes in one call, into a pipe and into memory.
const (
	splicedBytes = 1 << 20
	copiedBytes  = 64 << 10
)

// pipe is a pipe of the kernel.
type pipe struct {
	bytes []byte
	open  bool
}

// describeCopy sets what the engine needs to know of a copy.
func (o *operation) describeCopy() {
	c := core.CopyingOf(&o.Copier)
	c.From, c.To, c.Count, c.Some = o.from.handle, o.conn.handle, o.count, o.some
}

// addHalf gives a copy its half in.
func (u *use) addHalf() {
	if u.kind == backend.Copy {
		u.half = &use{op: u.op, number: u.number, kind: backend.CopyIn, socket: u.op.from.socket, whole: u, earliest: backend.Never}
	}
}

// submitted returns the use that the program knows: of a half in, the copy.
func (u *use) submitted() *use {
	if u.whole != nil {
		return u.whole
	}
	return u
}

// enlist adds u to the uses of its sockets, and delist removes it.
func (u *use) enlist() {
	if u.socket != nil {
		u.socket.uses = append(u.socket.uses, u)
	}
	if u.half != nil {
		u.half.enlist()
	}
}

func (u *use) delist() {
	if u.socket != nil {
		u.socket.uses = without(u.socket.uses, u)
	}
	if u.half != nil {
		u.half.delist()
	}
}

// callsBy reports whether u is a half of a copy, or a poll, that makes calls of that kind.
func (u *use) callsBy(kind backend.Kind) bool {
	return u.kind == backend.CopyIn && kind == backend.Read || u.kind == backend.Copy && kind == backend.Write ||
		u.kind == backend.PollIn && kind == backend.Read && u.op.world.kernel.ring != nil // with a read of no bytes
}

// takes records that the half in of u has taken bytes.
func (u *use) takes(p []byte) {
	if len(p) > 0 {
		u.copied = append(u.copied, p...)
		u.total, u.half.errno, u.half.short = len(u.copied), 0, false
	}
}

// held returns how many bytes were taken from the source, and have not reached the target.
func (u *use) held() int { return len(u.copied) - u.moved }

func (u *use) isPoll() bool { return u.kind == backend.PollIn || u.kind == backend.PollOut }

func (k *kernel) OpenPipe() (backend.Pipe, syscall.Errno) {
	k.w.trace("opens a pipe")
	k.w.pause()
	if k.w.fires(noPipe) {
		return backend.Pipe{}, syscall.EMFILE
	}
	k.w.pipes = append(k.w.pipes, &pipe{open: true})
	n := int32(len(k.w.pipes))
	return backend.Pipe{Out: 2 * n, In: 2*n + 1}, 0
}

// pipeOf returns the pipe that a call concerns, nil if there is none.
func (k *kernel) pipeOf(p backend.Pipe, call string) *pipe {
	i := int(p.Out)/2 - 1
	if i < 0 || i >= len(k.w.pipes) || p.In != p.Out+1 || !k.w.pipes[i].open {
		k.w.fail("%s on pipe %v, which is not open", call, p)
		return nil
	}
	return k.w.pipes[i]
}

func (k *kernel) ClosePipe(p backend.Pipe) {
	k.w.trace("closes a pipe")
	k.w.pause()
	if pipe := k.pipeOf(p, "close"); pipe != nil {
		pipe.open, pipe.bytes = false, nil
	}
}

// CanSplice may be asked about a descriptor that was closed meanwhile.
func (k *kernel) CanSplice(from, to int) bool {
	return k.w.plan.splices == allSplices || k.w.plan.splices == someSplices && (from+2*to)%3 > 0
}

// PaysToSplice depends on the number at random, where some sockets are not spliced either.
func (k *kernel) PaysToSplice(n int) bool {
	return k.w.plan.splices != someSplices || n%2 == 0
}

func (k *kernel) SpliceIn(from int, p backend.Pipe, n int) (int, syscall.Errno, bool) {
	s, u := k.call(from, backend.CopyIn)
	pipe := k.pipeOf(p, "splice")
	if u == nil || pipe == nil {
		return 0, syscall.EBADF, true
	}
	k.w.checkMost(u.whole, n, splicedBytes)
	if len(pipe.bytes) > 0 {
		k.w.fail("%v is to fill a pipe that has bytes", u)
	}
	if k.w.fires(notSpliced) {
		return 0, syscall.EINVAL, false
	}
	into := make([]byte, min(n, k.w.plan.pipe))
	moved, errno := k.receive(s, u, into)
	if pipe.bytes = into[:moved]; moved > 0 {
		k.w.fired[spliced]++
	}
	u.whole.takes(pipe.bytes)
	return moved, errno, true
}

func (k *kernel) SpliceOut(p backend.Pipe, to, n int) (int, syscall.Errno) {
	s, u := k.call(to, backend.Copy)
	pipe := k.pipeOf(p, "splice")
	if u == nil || pipe == nil {
		return 0, syscall.EBADF
	}
	if n != len(pipe.bytes) {
		k.w.fail("%v is to send %d of the %d bytes of its pipe", u, n, len(pipe.bytes))
		return 0, syscall.EBADF
	}
	k.w.checkWrite(u, s, pipe.bytes)
	n, errno := k.send(s, part{u, pipe.bytes})
	pipe.bytes = pipe.bytes[n:]
	return n, errno
}

// Probe finds a socket ready as the poller does, or not yet: then an edge follows.
func (k *kernel) Probe(fd int, kind backend.Kind) bool {
	s, u := k.call(fd, kind)
	if u == nil {
		return false
	}
	about, inVain := backend.Readable, againRead
	if kind == backend.PollOut {
		about, inVain = backend.Writable, againWrite
		k.w.checkAborted(u, s)
	} else {
		k.w.checkAnnounced(u, s)
	}
	// The BSDs report nothing of a socket before it is connected.
	u.ready = k.mask(s)&about != 0 && (k.queue == nil || s.phase != fresh)
	if u.ready && k.w.fires(inVain) {
		u.ready = false
		k.postpone(s, about)
	}
	u.calls++
	if !u.ready {
		s.full = s.full || kind == backend.PollOut // room causes an edge
		k.w.fired[probedInVain]++
		k.w.visit(u, visitWouldBlock)
	} else {
		k.w.visit(u, visitResult)
	}
	k.w.trace("%v: ready %v", u, u.ready)
	return u.ready
}
