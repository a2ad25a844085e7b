package sim

import (
	"bytes"
	"errors"
	"io"
	"strings"

	"github.com/completionport/completion/internal/backend"
	"github.com/completionport/completion/internal/core"
)

// workerCall is what a goroutine of the work pool is called.
const workerCall = "a worker"

// Go starts a goroutine of the work pool. The caller holds a lock, so nobody else runs.
func (w *world) Go(f func()) {
	w.start("worker", func(*actor) { f() })
	w.living[len(w.living)-1].calling = workerCall
}

// isPooled reports whether the work pool performs operations of a kind.
func isPooled(k backend.Kind) bool { return backend.Work <= k && k <= backend.CloseFile }

// file is a file of the port. Its operations do what the schedule says.
type file struct {
	core.FileCalls
	w         *world
	core      *core.File
	size      int     // of what it has for writes from it
	socket    *socket // has its number and its uses, and is not in the kernel
	inside    int     // calls under way
	appending int
	closed    int
}

// addFile makes a file of the port.
func (w *world) addFile() {
	f := &file{w: w, size: w.plan.fileSize, socket: &socket{number: 100 + len(w.files), fd: -1}}
	c, ok := w.port.AddFile(f, w.plan.tries, false)
	if !ok {
		w.fail("the port takes no file")
		return
	}
	f.core, f.socket.file = c, f
	f.socket.conn = &connection{handle: c.Handle(), socket: f.socket}
	w.files = append(w.files, f.socket.conn)
}

// Close is close(2).
func (f *file) Close() error {
	f.w.trace("closes file %d", f.socket.number)
	f.w.pause()
	if f.closed++; f.closed > 1 {
		f.w.fail("file %d is closed twice", f.socket.number)
	}
	if f.inside > 0 {
		f.w.fail("file %d is closed under a call", f.socket.number)
	}
	return nil
}

// outcome is what a call of the work pool has returned.
type outcome struct {
	n        int
	err      error
	panicked bool
}

var (
	errDisk = errors.New("the disk failed")
	errWork = errors.New("the function failed")
)

// Perform is the call of an operation that the work pool performs.
func (o *operation) Perform(c core.Call) (int, error) {
	w, u := o.world, o.use
	w.checkPerform(u, c)
	if w.performing++; w.performing > w.plan.workers {
		w.fail("%d calls of the work pool at once, of %d", w.performing, w.plan.workers)
	}
	defer func() { w.performing-- }()
	return w.perform(u, c)
}

// Try is Perform if that does not block.
func (o *operation) Try(c core.Call) (n int, err error, ok bool) {
	w, u := o.world, o.use
	w.checkPerform(u, c)
	if w.schedule.pick(2) == 0 {
		n, err = w.perform(u, c)
		return n, err, true
	}
	w.pause()
	u.tried = true
	w.fired[triedInVain]++
	w.visit(u, visitWouldBlock)
	w.trace("%v can't be tried", u)
	return 0, nil, false
}

// perform is the effect of a call.
func (w *world) perform(u *use, c core.Call) (n int, err error) {
	w.trace("%v is performed", u)
	f := u.file()
	if f != nil && u.kind != backend.CloseFile {
		f.inside++
	}
	if u.kind == backend.Append {
		f.appending++
	}
	for range 1 + w.schedule.pick(3) {
		w.pause()
	}
	if u.kind == backend.Append {
		f.appending--
	}
	if f != nil && u.kind != backend.CloseFile {
		f.inside--
	}
	u.calls++
	n, err = w.decideCall(u, c)
	u.result, u.moved = outcome{n: n, err: err}, n
	if err == nil {
		w.visit(u, visitResult)
	} else {
		w.visit(u, visitError)
	}
	w.trace("%v: %d bytes, %v", u, n, err)
	if u.kind == backend.Work && err != nil && w.fires(functionPanics) {
		u.result.panicked = true
		panic("of the program")
	}
	return n, err
}

// decideCall chooses what a call returns.
func (w *world) decideCall(u *use, c core.Call) (n int, err error) {
	choice := w.schedule.pick(4)
	switch u.kind {
	case backend.Work:
		switch err = c.Context.Err(); {
		case err != nil:
			w.fired[hearsItsContext]++
		case u.cancelled:
			w.fail("%v is cancelled, and its context has not ended", u)
		}
		return 0, [...]error{nil, errWork, err, err}[choice]
	case backend.CloseFile:
		return 0, u.file().Close()
	case backend.Sync:
		return 0, [...]error{nil, nil, nil, errDisk}[choice]
	case backend.ReadAt:
		n = [...]int{len(c.Memory), (len(c.Memory) + 1) / 2, 0, len(c.Memory) / 2}[choice]
		err = [...]error{nil, nil, io.EOF, errDisk}[choice]
		for i := range n {
			c.Memory[i] = u.byteAt(i)
		}
		return n, err
	}
	if choice == 3 {
		return len(c.Memory) / 2, errDisk
	}
	return len(c.Memory), nil
}

func (u *use) byteAt(i int) byte { return byte(u.number*17 + i*3) }

// file returns the file of an operation, nil for none.
func (u *use) file() *file {
	if u.socket == nil {
		return nil
	}
	return u.socket.file
}

// checkPerform: an operation is performed once, with its own memory, and in its turn.
func (w *world) checkPerform(u *use, c core.Call) {
	switch {
	case u == nil || u.handedOut || u.phase() != core.Calling:
		w.fail("%v is performed, which is not calling", u)
		return
	case u.calls > 0:
		w.fail("%v is performed twice", u)
	case u.refusedAtOnce:
		w.fail("%v is performed, and was over before it began", u)
	case (c.Context != nil) != (u.kind == backend.Work):
		w.fail("%v has the context %v", u, c.Context)
	case u.kind == backend.WriteAt || u.kind == backend.Append:
		if !bytes.Equal(c.Memory, u.expect) {
			w.fail("%v is to write %v, not %v", u, c.Memory, u.expect)
		}
	case u.kind == backend.ReadAt && !u.late && (len(c.Memory) != u.total || &c.Memory[0] != &u.memory[0]):
		w.fail("%v is to read into other memory", u)
	}
	if f := u.file(); f != nil {
		w.checkTurn(u, f)
	}
}

// checkTurn: the operations of a file begin in their order, except those that have tried in
// vain, appends are alone, and a CloseFile is the last.
func (w *world) checkTurn(u *use, f *file) {
	if f.closed > 0 {
		w.fail("%v is performed on a file that is closed", u)
	}
	if f.appending > 0 && (u.kind == backend.Append || u.kind == backend.CloseFile) || f.inside > 0 && u.kind == backend.CloseFile {
		w.fail("%v is performed beside another", u)
	}
	if v := w.sendsLeft(f, u, true); v != nil && u.kind == backend.CloseFile {
		w.fail("%v is performed and %v has not ended", u, v)
	}
	for _, v := range f.socket.uses {
		if v == u || !v.before(u) || !v.unfinished() {
			continue
		}
		if sideOf(v.kind) == sideOf(u.kind) && v.phase() == core.Queued && !v.tried {
			w.fail("%v overtakes %v", u, v)
		}
		if v.kind == backend.CloseFile || u.kind == backend.CloseFile {
			w.fail("%v is performed and %v has not ended", u, v)
		}
	}
}

// checkPerformed checks the outcome of an operation of the work pool: that of its call, if
// there was one.
func (w *world) checkPerformed(u *use) {
	r, code := u.result, codeOf(u.failure)
	isIntent := code == core.Canceled || code == core.DeadlineExceeded || code == core.Closed || code == core.FileClosed
	switch {
	case u.calls == 0:
		if !isIntent && code != core.LimitExceeded {
			w.fail("%v ends with %s, and was never performed", u, codeNames[code])
		}
		return
	case r.err == nil && code == 0, r.err == io.EOF && code == core.EndOfFile:
	case code == core.Foreign && r.panicked && strings.Contains(u.failure.Err.Error(), "of the program"):
	case code == core.Foreign && !r.panicked && r.err != nil && u.failure.Err == r.err && (u.kind != backend.Work || !u.cancelled):
	case isIntent && r.err != nil && !r.panicked && u.kind == backend.Work:
	default:
		w.fail("%v ends with %s (%+v), its call returned %v", u, codeNames[code], u.failure, r)
	}
	if u.kind != backend.ReadAt {
		return
	}
	b := u.op.bufferOf(0)
	if b == nil {
		return // checkProduct checks that there are no bytes
	}
	for i, c := range b.Bytes() {
		if c != u.byteAt(i) || len(b.Bytes()) != r.n {
			w.fail("%v has other bytes than its call has stored: %v", u, b.Bytes())
			return
		}
	}
}

// couldBePerformed returns the reason why an operation of the work pool need not wait, or
// "". It is called when no goroutine of the pool has anything to do.
func (w *world) couldBePerformed(u *use) string {
	if u.kind == backend.CloseFile && w.sendsLeft(u.file(), u, false) != nil {
		return ""
	}
	if (u.kind == backend.ReadAt || u.kind == backend.CloseFile) && w.waitsForBuffer(u.socket) {
		return ""
	}
	return "the work pool is idle"
}

// closesFile reports whether a CloseFile may have ended an operation of its file.
func (w *world) closesFile(u *use) bool {
	for _, v := range u.socket.uses {
		isOver := v.handedOut && v.failure != nil && v.taken < u.began // and has closed nothing
		if v != u && v.kind == backend.CloseFile && !isOver {
			return true
		}
	}
	return false
}

// checkFiles: each file was closed once.
func (w *world) checkFiles() {
	for _, c := range w.files {
		if f := c.socket.file; f.closed != 1 || f.inside > 0 {
			w.fail("file %d was closed %d times", c.socket.number, f.closed)
		}
	}
	w.checkSends()
	if w.performing > 0 {
		w.fail("%d calls of the work pool have not returned", w.performing)
	}
}
