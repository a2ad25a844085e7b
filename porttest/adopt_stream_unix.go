//go:build unix

package porttest

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"

	"github.com/completionport/completion"
	"github.com/completionport/completion/ops"
	"golang.org/x/sys/unix"
)

var streamOfFileCases = []testCase{
	streamReads,
	streamWrites,
	streamHasNoRights,
	streamKeepsItsFlags,
	streamClosesTheOriginal,
	streamOfAClosedFile,
	streamOfAClosedPort,
	streamsInBothDirections,
}

// tube is a stream of the system: what is written to w is read from r.
type tube struct {
	name string
	r, w *os.File
}

// open makes a file of a descriptor, which stays as blocking as it is.
func (e *env) openedFile(fd int) *os.File {
	f := os.NewFile(uintptr(fd), "stream")
	e.closers = append(e.closers, f.Close)
	return f
}

// pipe returns a pipe with these flags.
func (e *env) pipe(flags int) tube {
	e.Helper()
	r, w, err := os.Pipe()
	is(e, err, nil)
	defer r.Close()
	defer w.Close()
	var ends [2]int
	for i, f := range []*os.File{r, w} {
		raw, err := f.SyscallConn()
		is(e, err, nil)
		is(e, raw.Control(func(fd uintptr) { ends[i], err = unix.FcntlInt(fd, unix.F_DUPFD_CLOEXEC, 0) }), nil)
		is(e, err, nil)
		is(e, unix.SetNonblock(ends[i], flags&unix.O_NONBLOCK != 0), nil)
	}
	return tube{"pipe", e.openedFile(ends[0]), e.openedFile(ends[1])}
}

// fifo returns a FIFO with these flags.
func (e *env) fifo(flags int) tube {
	e.Helper()
	path := filepath.Join(e.folder(), "fifo")
	if err := unix.Mkfifo(path, 0600); err != nil {
		e.Skipf("no FIFOs here: %v", err)
	}
	r, err := unix.Open(path, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	is(e, err, nil)
	w, err := unix.Open(path, unix.O_WRONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	is(e, err, nil)
	is(e, unix.SetNonblock(r, flags&unix.O_NONBLOCK != 0), nil)
	is(e, unix.SetNonblock(w, flags&unix.O_NONBLOCK != 0), nil)
	return tube{"fifo", e.openedFile(r), e.openedFile(w)}
}

// tubes returns a tube of each kind, blocking and non-blocking.
func (e *env) tubes() (all []tube) {
	e.Helper()
	for _, flags := range []int{0, unix.O_NONBLOCK} {
		all = append(all, e.pipe(flags), e.fifo(flags))
		if master, slave := e.terminal(flags); master != nil {
			all = append(all, tube{"terminal", slave, master})
		}
		if master, slave := e.terminal(flags); master != nil {
			all = append(all, tube{"pseudo-terminal", master, slave})
		}
	}
	return all
}

// much returns more than a tube holds.
func (t tube) much() string {
	if strings.HasSuffix(t.name, "terminal") {
		return strings.Repeat("0123456789", 2_000)
	}
	return strings.Repeat("0123456789", 30_000)
}

// stream is AdoptStream of what must be adopted.
func (e *env) stream(p *completion.Port, f *os.File) *completion.Socket {
	e.Helper()
	s, err := p.AdoptStream(f)
	is(e, err, nil)
	return s
}

// send writes to a tube as its peer.
func (t tube) send(e *env, s string) {
	e.Helper()
	_, err := t.w.WriteString(s)
	is(e, err, nil)
}

// receive reads from a tube as its peer.
func (t tube) receive(e *env, n int) string {
	e.Helper()
	b := make([]byte, n)
	for got := 0; got < n; {
		m, err := t.r.Read(b[got:])
		is(e, err, nil)
		got += m
	}
	return string(b)
}

// streamReads: every kind of read, before and after the bytes are there. One that waits
// holds no buffer of its pool.
func streamReads(e *env) {
	e.needsStreams()
	p := e.port(nil)
	for _, t := range e.tubes() {
		t.send(e, "early")
		s := e.stream(p, t.r)
		read := &ops.Read{From: s, Buf: own(5), Full: true}
		is(e, p.Await(e.ctx, read), nil)
		equal(e, t.name, string(read.Buf.Bytes()), "early")

		pool := e.pool(p, 8, 1)
		pooled := &ops.Read{From: s, Pool: pool}
		e.submit(p, pooled)
		e.idle(p)
		equal(e, "lent", pool.Lent(), 0)
		t.send(e, "pooled")
		e.expect(p, pooled, nil)
		equal(e, t.name, string(pooled.Buf.Bytes()), "pooled")
		pooled.Release()

		several := &ops.ReadV{From: s, Bufs: []*completion.Buffer{own(2), own(8)}, Full: false}
		full := &ops.Read{From: s, Buf: own(6), Full: true}
		e.submit(p, several, full)
		t.send(e, "abcde")
		e.expect(p, several, nil)
		equal(e, t.name, string(several.Bufs[0].Bytes())+string(several.Bufs[1].Bytes()), "abcde")
		t.send(e, "123")
		e.idle(p)
		t.send(e, "456")
		e.expect(p, full, nil)
		equal(e, t.name, string(full.Buf.Bytes()), "123456")
		is(e, s.Close(), nil)
	}
}

// streamWrites: several that leave together, and one of several buffers.
func streamWrites(e *env) {
	e.needsStreams()
	p := e.port(nil)
	for _, t := range e.tubes() {
		s := e.stream(p, t.w)
		one := &ops.Write{To: s, Buf: text("one ")}
		two := &ops.Write{To: s, Buf: text("two ")}
		more := &ops.WriteV{To: s, Bufs: []*completion.Buffer{text("three "), text("four")}}
		e.submit(p, one, two, more)
		e.expect(p, one, nil)
		e.expect(p, two, nil)
		e.expect(p, more, nil)
		equal(e, "N", more.N(), 10)
		equal(e, t.name, t.receive(e, 18), "one two three four")
		is(e, s.Close(), nil)
	}
}

// streamHasNoRights: a ReadRights is a Read, a WriteRights a Write, and descriptors are refused.
func streamHasNoRights(e *env) {
	e.needsStreams()
	p := e.port(nil)
	for _, t := range e.tubes() {
		r, w := e.stream(p, t.r), e.stream(p, t.w)
		read := &ops.ReadRights{From: r, Buf: own(10)}
		e.submit(p, read)
		e.idle(p)
		write := &ops.WriteRights{To: w, Buf: text("hello")}
		e.submit(p, write)
		e.expectAll(p, nil, read, write)
		got := string(read.Buf.Bytes())
		for len(got) < 5 { // a terminal may be written to byte by byte
			is(e, p.Await(e.ctx, read), nil)
			got += string(read.Buf.Bytes())
		}
		equal(e, t.name, got, "hello")
		write.Rights.Descriptors = []int{0}
		is(e, p.Await(e.ctx, write), errors.ErrUnsupported)
		equal(e, "N", write.N(), 0)
	}
}

// streamKeepsItsFlags: those who share the stream find it as blocking as before.
func streamKeepsItsFlags(e *env) {
	e.needsStreams()
	p := e.port(nil)
	for _, t := range e.tubes() {
		var kept [2]int
		var before [2]bool
		for i, f := range []*os.File{t.r, t.w} {
			kept[i] = e.duplicateOfFile(f)
			before[i] = isNonblocking(e, kept[i])
		}
		r, w := e.stream(p, t.r), e.stream(p, t.w)
		read := &ops.Read{From: r, Buf: own(5), Full: true}
		e.submit(p, read)
		is(e, p.Await(e.ctx, &ops.Write{To: w, Buf: text("hello")}), nil)
		e.expect(p, read, nil)
		is(e, r.Close(), nil)
		is(e, w.Close(), nil)
		for i, fd := range kept {
			equal(e, t.name+" is non-blocking", isNonblocking(e, fd), before[i])
			unix.Close(fd)
		}
	}
}

// duplicateOfFile returns another descriptor of a file.
func (e *env) duplicateOfFile(f *os.File) (dup int) {
	e.Helper()
	raw, err := f.SyscallConn()
	is(e, err, nil)
	is(e, raw.Control(func(fd uintptr) { dup, err = unix.FcntlInt(fd, unix.F_DUPFD_CLOEXEC, 0) }), nil)
	is(e, err, nil)
	return dup
}

func streamClosesTheOriginal(e *env) {
	e.needsStreams()
	p := e.port(nil)
	for _, t := range e.tubes() {
		before := countDescriptors()
		s := e.stream(p, t.r)
		equal(e, "descriptors", countDescriptors(), before)
		_, err := t.r.Read(make([]byte, 1))
		is(e, err, os.ErrClosed)
		is(e, s.Close(), nil)
		equal(e, "descriptors", countDescriptors(), before-1)
	}
}

func streamOfAClosedFile(e *env) {
	e.needsStreams()
	p := e.port(nil)
	t := e.pipe(0)
	is(e, t.r.Close(), nil)
	_, err := p.AdoptStream(t.r)
	is(e, err, os.ErrClosed)
	equal(e, "handles", p.Stats().Handles, 0)
}

// streamOfAClosedPort: the file is still the caller's.
func streamOfAClosedPort(e *env) {
	e.needsStreams()
	p := e.port(nil)
	is(e, p.Close(), nil)
	t := e.pipe(0)
	before := countDescriptors()
	_, err := p.AdoptStream(t.r)
	is(e, err, net.ErrClosed)
	equal(e, "descriptors", countDescriptors(), before)
	t.send(e, "hello")
	equal(e, "received", t.receive(e, 5), "hello")
}

// streamsInBothDirections: a stream is read and written at the same time, and more goes
// through it than it holds.
func streamsInBothDirections(e *env) {
	e.needsStreams()
	p := e.port(nil)
	for _, t := range e.tubes() {
		want := t.much()
		r, w := e.stream(p, t.r), e.stream(p, t.w)
		read := &ops.Read{From: r, Buf: own(len(want)), Full: true}
		write := &ops.Write{To: w, Buf: text(want)}
		e.submit(p, write)
		e.submit(p, read)
		e.expectAll(p, nil, write, read)
		equal(e, t.name+" is the same", string(read.Buf.Bytes()) == want, true)
		is(e, r.Close(), nil)
		is(e, w.Close(), nil)
	}
}

// needsStreams skips a case where a port can't take over a stream that is no socket.
func (e *env) needsStreams() {
	e.Helper()
	if !e.adoptsStreams() {
		e.Skip("a port here can't adopt streams")
	}
}
