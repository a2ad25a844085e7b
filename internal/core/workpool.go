package core

import (
	"context"
	"io"

	"github.com/completionport/completion/internal/backend"
)

// Performer is an operation of the work pool.
type Performer interface {
	// Perform does what the operation is for, and may block. It stores what it produces
	// besides a count and an error in the operation itself. The caller is the only one that
	// uses the operation until Perform has returned, apart from reading its fields.
	Perform(Call) (n int, err error)
}

// Trier is a Performer that may need no goroutine.
type Trier interface {
	// Try is Perform if that does not block. Otherwise it does nothing, and ok is false.
	Try(Call) (n int, err error, ok bool)
}

// Call is what a Performer is given.
type Call struct {
	Context context.Context // of a Work: it ends with an intent; otherwise nil
	Owner   any             // Options.Owner
	Memory  []byte          // to read into, or to write
}

// onPool reports whether the work pool performs operations of this kind.
func onPool(k backend.Kind) bool { return k-backend.Work <= backend.CloseFile-backend.Work }

// isFileless reports whether operations of this kind are of the work pool, and of no file.
func isFileless(k backend.Kind) bool { return k == backend.Work || k == backend.OpenFile }

// isWrite reports whether the operation sends something: a Shutdown still performs it.
func (s *Slot) isWrite() bool {
	switch s.kind {
	case backend.Write, backend.CloseWrite, backend.Send, backend.Copy:
		return true
	}
	return onPool(s.kind) && !isFileless(s.kind) && directionOf(s.kind) == out
}

// enqueueWork puts s at the end of its queue, or completes it. The lock may be released in
// between.
func (h *locked) enqueueWork(s *Slot) {
	d := directionOf(s.kind)
	if s.intent == noIntent && (h.closes(d) || h.state&ending != 0) {
		s.intent = toClose
	}
	if s.intent != noIntent {
		h.complete(s, s.intent.failure())
		return
	}
	if s.kind == backend.CloseFile {
		h.state |= ending
	}
	s.enter(Queued)
	if h.queue[d].tail == nil && h.performNow(s) {
		return
	}
	h.queue[d].push(s)
	h.offer(d)
}

// performNow performs s, which is in no queue, if that needs no goroutine: it has ended then, or is
// inside the kernel. The lock may be released in between.
func (h *locked) performNow(s *Slot) bool {
	if s.kind != backend.ReadAt || h.state&(tries|startsReads) == 0 || !h.getBuffer(s) {
		return false
	}
	if h.state&tries != 0 {
		return h.try(s)
	}
	h.beginCall(s)
	return h.handOver(s) || h.leaveToPool(s)
}

// handOver gives a ReadAt that is Calling to the kernel. It reports whether the kernel has taken it,
// or it has ended. The lock is released in between.
func (h *locked) handOver(s *Slot) bool {
	taken, err := h.startReadAt(s)
	how := s.progress & (readEnded | readFailed | readNone)
	switch {
	case err != nil:
		h.haveCalled(s, 0, err, false)
		return true
	case how != 0:
		s.progress &^= how
		h.haveReadAt(s, how)
	case taken:
		s.enter(Inside)
	}
	return taken
}

// haveReadAt completes s, which is Calling, or goes on with its rest. The lock may be released in
// between.
func (h *locked) haveReadAt(s *Slot, how progress) {
	switch rec := s.record(); {
	case how&readFailed != 0:
		h.callInstead(s)
	case int(rec.n) == len(rec.buffer.data):
		h.haveCalled(s, 0, nil, false)
	case how&readNone != 0:
		h.haveCalled(s, 0, s.op.(FileRead).AtEnd(int(rec.n)), false)
	case !h.handOver(s):
		h.callInstead(s)
	}
}

// callInstead performs s, which is Calling, with a call that may block. It does not wait for a
// goroutine of the work pool, since its turn has come already: a CloseFile may be in the queue.
func (h *locked) callInstead(s *Slot) {
	s.record().n = 0
	handle := h.Handle
	handle.port.start(func() { handle.port.workPool.call(handle, s, Call{}) })
}

// leaveToPool makes s, which is Calling, wait for a goroutine again, or completes it: an intent that
// came during the call has not ended it. It reports whether it has ended.
func (h *locked) leaveToPool(s *Slot) (hasEnded bool) {
	h.users--
	if i := h.intentOf(s); i != noIntent {
		h.complete(s, i.failure())
		h.offerNext()
		return true
	}
	s.enter(Queued)
	if s.flags&pooled != 0 {
		// Others may wait for a buffer ahead of it by now.
		h.putBack(s.record())
	}
	return false
}

// try performs a read, which is in no queue, if that does not block, and reports whether
// the read has ended, or is inside the kernel. The lock is released in between.
func (h *locked) try(s *Slot) (hasEnded bool) {
	h.beginCall(s)
	h.mu.Unlock()
	c := Call{Owner: h.port.owner, Memory: s.lentMemory()}
	n, err, ok := s.op.(Trier).Try(c)
	s.restoreMemory()
	h.lockMutex()
	h.counts.calls++
	if !ok {
		h.counts.wouldBlocks++
	}
	if ok {
		h.haveCalled(s, n, err, false)
		return true
	}
	return h.intentOf(s) == noIntent && h.handOver(s) || h.leaveToPool(s)
}

// offer gives d a turn if its head can begin. If the head waits for a buffer, its pool
// gives d a turn later: see resume.
func (h *locked) offer(d direction) {
	if h.latch[d]&wantsBuffer == 0 {
		h.offerAnyway(d)
	}
}

// offerNext gives a turn to a CloseFile or an Append that has waited for the operations that
// have ended. These are published first, since the waiting one may end at once on another
// goroutine: it is delivered behind them. The lock may be released in between.
func (h *locked) offerNext() {
	s := h.queue[out].head()
	if s == nil || h.mustWait(s) {
		return
	}
	if s.kind == backend.CloseFile || s.kind == backend.Append {
		h.relock()
	}
	h.offer(out)
}

// offerAnyway gives d a turn, unless its head waits for other operations. The latch ready
// says that d has its turn to come.
func (h *locked) offerAnyway(d direction) {
	if s := h.queue[d].head(); s == nil || h.latch[d]&ready != 0 || h.mustWait(s) {
		return
	}
	h.latch[d] |= ready
	w := &h.port.workPool
	h.port.lockMutex(&w.mu)
	w.turns.push(readyDirection{handle: h.Handle, direction: d})
	w.start()
	w.mu.Unlock()
}

func (f *File) join() bool {
	h := f.handle.lock()
	defer h.mu.Unlock()
	if h.closes(out) || h.state&ending != 0 {
		return false
	}
	f.sends++
	h.state |= sending
	return true
}

func (f *File) leave() {
	h := f.handle.lock()
	if f.sends--; f.sends == 0 {
		h.state &^= sending
		h.offerNext()
	}
	h.unlock()
}

// mustWait reports whether s, a head, must wait for operations of its file that are under
// way. The end of each of these looks at it again.
func (h *locked) mustWait(s *Slot) bool {
	switch s.kind {
	case backend.CloseFile:
		return h.users > 0 || h.queue[in].tail != nil || h.state&sending != 0
	case backend.Append:
		return h.state&inAppend != 0
	}
	return false
}

// start starts a goroutine if there is work that none is about to take. mu is held.
func (w *workPool) start() {
	if w.turns.count > 0 && !w.starting && w.workers < w.limit {
		w.workers++
		w.starting = true
		if w.loop == nil {
			w.loop = w.work
		}
		w.port.start(w.loop)
	}
}

// work is a goroutine of the pool.
func (w *workPool) work() {
	hasEnded := false
	defer func() {
		if !hasEnded { // a function of the program has called Goexit
			w.port.lockMutex(&w.mu)
			w.workers--
			w.start()
			w.mu.Unlock()
		}
	}()
	for isNew := true; w.serve(isNew); isNew = false {
	}
	hasEnded = true
}

// serve takes the next turn, and performs the operation that can begin. It reports false
// if there was none: then the goroutine does not count any more.
func (w *workPool) serve(isNew bool) bool {
	w.port.lockMutex(&w.mu)
	if isNew {
		w.starting = false
	}
	if w.turns.count == 0 {
		w.workers--
		w.mu.Unlock()
		return false
	}
	r := w.turns.pop()
	w.start()
	w.mu.Unlock()

	h := r.handle.lock()
	h.latch[r.direction] &^= ready
	s := h.takeHead(r.direction)
	if s == nil {
		h.offerNext()
		h.unlock()
		return true
	}
	c := h.beginCall(s)
	h.offer(r.direction) // those behind it
	taken := s.kind == backend.ReadAt && h.handOver(s)
	h.unlock()
	if !taken {
		w.call(r.handle, s, c)
	}
	return true
}

// takeHead removes and returns the head of d if it can begin. It ends those that must end.
func (h *locked) takeHead(d direction) *Slot {
	if h.endDoomed(d) {
		h.offerAnyway(d)
		return nil
	}
	s := h.queue[d].head()
	if s == nil || h.mustWait(s) || s.flags&pooled != 0 && !h.getBuffer(s) {
		return nil
	}
	h.queue[d].pop()
	return s
}

// beginCall begins to perform s, which is in no queue any more.
func (h *locked) beginCall(s *Slot) (c Call) {
	s.enter(Calling)
	h.users++
	switch s.kind {
	case backend.Append:
		h.state |= inAppend
	case backend.CloseFile:
		h.state |= closing | closed
	case backend.Work: // its handle is fileless
		w := &h.port.workPool
		if w.cancel == nil {
			w.cancel = make(map[*Slot]context.CancelFunc)
		}
		c.Context, w.cancel[s] = context.WithCancel(context.Background())
	}
	return c
}

// call performs s, which is Calling, and completes it. A function of the program may panic,
// or end the goroutine: see worker.call. No lock is held.
func (w *workPool) call(handle *Handle, s *Slot, c Call) {
	n, err, crashed := 0, errExited, true
	if s.kind == backend.CloseFile {
		w.port.takeAtClose(handle)
	}
	var t Trace
	if w.port.observer != nil {
		t = w.port.observer.trace(StepCalled, s)
		t.Time = w.port.kernel.Now()
	}
	c.Owner, c.Memory = w.port.owner, s.lentMemory()
	defer func() { // also runs if printing the panic ends the goroutine
		s.restoreMemory()
		w.tell(t, n, err)
		w.returned(handle, s, n, err, crashed)
	}()
	defer func() { panicked(&err, s.kind, recover()) }()
	n, err = s.op.(Performer).Perform(c)
	crashed = false
}

// tell reports a call to the observer.
func (w *workPool) tell(t Trace, n int, err error) {
	if w.port.observer == nil {
		return
	}
	begun := t.Time
	t.Time = w.port.kernel.Now()
	t.Took, t.N = t.Time-begun, int64(n)
	if err != nil && err != io.EOF {
		t.Failure = &Failure{Code: Foreign, Err: err}
	}
	w.port.observer.tell(t)
}

// returned completes s, whose call is over. No lock is held.
func (w *workPool) returned(handle *Handle, s *Slot, n int, err error, crashed bool) {
	if s.kind == backend.CloseFile {
		w.port.forgetFile(handle)
	}
	h := handle.lock()
	if s.kind == backend.Work {
		w.cancel[s]()
		delete(w.cancel, s)
	} else {
		h.counts.calls++
	}
	if s.kind == backend.Append {
		h.state &^= inAppend
	}
	h.haveCalled(s, n, err, crashed)
	h.unlock()
}

// haveCalled completes an operation whose call is over, and lets go on what has waited for that.
// The lock may be released in between.
func (h *locked) haveCalled(s *Slot, n int, err error, crashed bool) {
	h.users--
	h.haveRun(s, n, err, crashed)
	h.offerNext()
}

// haveRun completes an operation whose call is over, also by a panic or Goexit.
func (h *locked) haveRun(s *Slot, n int, err error, crashed bool) {
	s.record().n += int64(n)
	var f *Failure
	switch {
	case err == nil:
	case err == io.EOF && s.kind == backend.ReadAt:
		f = endOfFile
	case err == io.ErrUnexpectedEOF && s.kind == backend.ReadAt:
		f = unexpectedEndOfFile
	case !crashed && isFileless(s.kind) && h.intentOf(s) != noIntent:
		f = h.intentOf(s).failure()
	default:
		f = &Failure{Code: Foreign, Err: err}
	}
	h.complete(s, f)
}

// endWaiting completes an operation that is Queued by its intent.
func (h *locked) endWaiting(s *Slot) {
	d := directionOf(s.kind)
	if s.kind == backend.CloseFile {
		h.state &^= ending // the file stays open
	}
	h.takeOut(d, s)
	h.complete(s, s.intent.failure())
	h.offer(d)
	h.offerNext()
}

// interrupt ends the context of an operation that is Calling, if it has one. The lock of
// its handle is held.
func (w *workPool) interrupt(s *Slot) {
	if s.kind != backend.Work {
		return
	}
	if cancel := w.cancel[s]; cancel != nil {
		cancel()
	}
}

// lentMemory returns the memory of the buffer of s, for a call: to read into, or to write.
// The race detector sees the call use it.
func (s *Slot) lentMemory() []byte {
	switch rec := s.record(); s.kind {
	case backend.ReadAt:
		rec.buffer.returnMemory()
		return rec.buffer.data
	case backend.WriteAt, backend.Append:
		return rec.buffer.data[:rec.buffer.n]
	}
	return nil
}

// restoreMemory ends what lentMemory began.
func (s *Slot) restoreMemory() {
	if s.kind == backend.ReadAt {
		s.record().buffer.lendMemory(true)
	}
}

// offerClose lets a CloseFile go on that has waited for reads, which drain has ended.
func (h *Handle) offerClose() {
	l := h.lock()
	l.offerNext()
	l.unlock()
}
