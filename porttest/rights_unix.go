//go:build unix

package porttest

import (
	"errors"
	"io"
	"net"
	"os"
	"strconv"
	"syscall"

	"github.com/completionport/completion"
	"github.com/completionport/completion/ops"
	"golang.org/x/sys/unix"
)

var rightsSystemCases = []testCase{
	descriptorArrivesOnAStream,
	descriptorArrivesInADatagram,
	descriptorsStopARead,
	descriptorsWithoutRoomAreClosed,
	descriptorsOfOtherReadsAreClosed,
	descriptorsOfACutDatagramAreClosed,
	descriptorsNobodyReadsAreClosed,
	descriptorThatIsNotOpen,
	credentialsOfAStream,
	credentialsOfADatagram,
}

// pipeEnds are those of a pipe, of which the end to write is sent. leaksNothing is called
// at the end of a case.
type pipeEnds struct {
	e      *env
	r, w   *os.File
	before int
}

func (e *env) pipeEnds() *pipeEnds {
	e.Helper()
	e.needsSystem("descriptors are sent")
	r, w, err := os.Pipe()
	is(e, err, nil)
	e.closers = append(e.closers, r.Close, w.Close)
	return &pipeEnds{e: e, r: r, w: w}
}

// count is to be called when all sockets are open.
func (p *pipeEnds) count() { p.before = countDescriptors() }

func (p *pipeEnds) leaksNothing() {
	p.e.Helper()
	equal(p.e, "descriptors", countDescriptors(), p.before)
}

// take checks that the only descriptor is that of the pipe and close-on-exec, and closes it.
func (p *pipeEnds) take(r completion.Rights) {
	p.e.Helper()
	equal(p.e, "descriptors", len(r.Descriptors), 1)
	fd := r.Descriptors[0]
	flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
	is(p.e, err, nil)
	equal(p.e, "close-on-exec", flags&unix.FD_CLOEXEC, unix.FD_CLOEXEC)
	f := os.NewFile(uintptr(fd), "received")
	_, err = f.WriteString("through")
	is(p.e, err, nil)
	is(p.e, f.Close(), nil)
	b := make([]byte, 20)
	n, err := p.r.Read(b)
	is(p.e, err, nil)
	equal(p.e, "read from the pipe", string(b[:n]), "through")
}

func (p *pipeEnds) rights(n int) completion.Rights {
	r := completion.Rights{}
	for range n {
		r.Files = append(r.Files, p.w)
	}
	return r
}

func roomFor(n int) completion.Rights { return completion.Rights{Descriptors: make([]int, 0, n)} }

func descriptorArrivesOnAStream(e *env) {
	pipe, p := e.pipeEnds(), e.port(nil)
	a, b := unixPair(e, p, "unix")
	pipe.count()
	for i := range 2 {
		r := &ops.ReadRights{From: b, Buf: own(10), Rights: roomFor(4)}
		w := &ops.WriteRights{To: a, Buf: text("hello"), Rights: pipe.rights(1)}
		switch i {
		case 0: // it waits
			e.submit(p, r)
			e.idle(p)
			e.submit(p, w)
			e.expectAll(p, nil, r, w)
		case 1: // a number instead of a file, among other writes
			w.Rights = completion.Rights{Descriptors: []int{int(pipe.w.Fd())}}
			before, after := &ops.Write{To: a, Buf: text("a")}, &ops.Write{To: a, Buf: text("z")}
			e.submit(p, before, w, after)
			e.expectAll(p, nil, before, w, after)
			first := &ops.Read{From: b, Buf: own(1)}
			is(e, p.Await(e.ctx, first), nil)
			is(e, p.Await(e.ctx, r), nil)
			equal(e, "read", string(r.Buf.Bytes())[:5], "hello")
		}
		pipe.take(r.Rights)
		equal(e, "cut", r.Rights.Truncated, false)
	}
	pipe.leaksNothing()
}

func descriptorArrivesInADatagram(e *env) {
	pipe, p := e.pipeEnds(), e.port(nil)
	a, b := e.packets(p, "unixgram"), e.packets(p, "unixgram")
	pool := e.pool(p, 10, 1)
	pipe.count()
	for _, r := range []*ops.RecvMsg{{From: b, Buf: own(10)}, {From: b, Pool: pool}} {
		r.Rights = roomFor(1)
		e.submit(p, r)
		e.idle(p)
		w := &ops.SendMsg{To: a, Buf: text("hello"), Path: b.LocalAddr().String(), Rights: pipe.rights(1)}
		e.start(p, w)
		is(e, p.Wait(e.ctx, w), nil)
		e.expect(p, r, nil)
		equal(e, "datagram", string(r.Buf.Bytes()), "hello")
		equal(e, "sender", r.Path, a.LocalAddr().String())
		pipe.take(r.Rights)
		r.Release()
	}
	pipe.leaksNothing()
}

// descriptorsStopARead: each read gets the descriptors of its own bytes.
func descriptorsStopARead(e *env) {
	pipe, p := e.pipeEnds(), e.port(nil)
	a, b := unixPair(e, p, "unix")
	pipe.count()
	for range 3 {
		is(e, p.Await(e.ctx, &ops.WriteRights{To: a, Buf: text("ab"), Rights: pipe.rights(1)}), nil)
	}
	got, descriptors := "", 0
	for len(got) < 6 {
		r := &ops.ReadRights{From: b, Buf: own(100), Rights: roomFor(1)}
		is(e, p.Await(e.ctx, r), nil)
		got += string(r.Buf.Bytes())
		if len(r.Rights.Descriptors) > 0 {
			pipe.take(r.Rights)
			descriptors++
		}
		equal(e, "cut", r.Rights.Truncated, false)
	}
	equal(e, "read", got, "ababab")
	equal(e, "descriptors", descriptors, 3)
	pipe.leaksNothing()
}

func descriptorsWithoutRoomAreClosed(e *env) {
	pipe, p := e.pipeEnds(), e.port(nil)
	a, b := unixPair(e, p, "unix")
	from, to := e.packets(p, "unixgram"), e.packets(p, "unixgram")
	pipe.count()
	for _, room := range []int{0, 1} {
		is(e, p.Await(e.ctx, &ops.WriteRights{To: a, Buf: text("x"), Rights: pipe.rights(3)}), nil)
		r := &ops.ReadRights{From: b, Buf: own(10), Rights: roomFor(room)}
		is(e, p.Await(e.ctx, r), nil)
		equal(e, "cut", r.Rights.Truncated, true)
		equal(e, "descriptors", len(r.Rights.Descriptors), room)
		w := &ops.SendMsg{To: from, Buf: text("x"), Path: to.LocalAddr().String(), Rights: pipe.rights(3)}
		is(e, p.Await(e.ctx, w), nil)
		d := &ops.RecvMsg{From: to, Buf: own(10), Rights: roomFor(room)}
		is(e, p.Await(e.ctx, d), nil)
		equal(e, "cut", d.Rights.Truncated, true)
		equal(e, "descriptors", len(d.Rights.Descriptors), room)
		if room == 1 {
			pipe.take(r.Rights)
			pipe.take(d.Rights)
		}
		pipe.leaksNothing()
	}
}

// descriptorsOfOtherReadsAreClosed: no operation but a ReadRights and a RecvMsg delivers them.
func descriptorsOfOtherReadsAreClosed(e *env) {
	pipe, p := e.pipeEnds(), e.port(nil)
	a, b := unixPair(e, p, "unix")
	from, to := e.packets(p, "unixgram"), e.packets(p, "unixgram")
	pool := e.pool(p, 10, 1)
	pipe.count()
	late := &ops.Read{From: b, Pool: pool}
	for _, r := range []completion.Operation{&ops.Read{From: b, Buf: own(10)}, late, &ops.ReadV{From: b, Bufs: []*completion.Buffer{own(1), own(9)}}} {
		is(e, p.Await(e.ctx, &ops.WriteRights{To: a, Buf: text("xy"), Rights: pipe.rights(2)}), nil)
		is(e, p.Await(e.ctx, r), nil)
		equal(e, "read", r.N(), 2)
		pipe.leaksNothing()
	}
	late.Release()
	control := &ops.ReadBatch{From: to, Messages: room(2, 10)}
	control.Messages[0].Control, control.Messages[1].Control = new(completion.Control), new(completion.Control)
	for _, r := range []completion.Operation{&ops.ReadFrom{From: to, Buf: own(10)}, &ops.ReadBatch{From: to, Messages: room(2, 10)}, control} {
		w := &ops.SendMsg{To: from, Buf: text("xy"), Path: to.LocalAddr().String(), Rights: pipe.rights(2)}
		is(e, p.Await(e.ctx, w), nil)
		is(e, p.Await(e.ctx, r), nil)
		equal(e, "read", r.N(), 2)
		pipe.leaksNothing()
	}
}

func descriptorsOfACutDatagramAreClosed(e *env) {
	pipe, p := e.pipeEnds(), e.port(nil)
	from, to := e.packets(p, "unixgram"), e.packets(p, "unixgram")
	pipe.count()
	is(e, p.Await(e.ctx, &ops.SendMsg{To: from, Buf: text("abcd"), Path: to.LocalAddr().String(), Rights: pipe.rights(1)}), nil)
	r := &ops.RecvMsg{From: to, Buf: own(2), Rights: roomFor(1)}
	is(e, p.Await(e.ctx, r), io.ErrShortBuffer)
	equal(e, "datagram", string(r.Buf.Bytes()), "ab")
	equal(e, "descriptors", len(r.Rights.Descriptors), 0)
	equal(e, "cut", r.Rights.Truncated, true)
	pipe.leaksNothing()
}

// descriptorsNobodyReadsAreClosed: with the socket, after a cancel, and when a close comes
// first.
func descriptorsNobodyReadsAreClosed(e *env) {
	pipe, p := e.pipeEnds(), e.port(nil)
	pipe.count()
	a, b := unixPair(e, p, "unix")
	r := &ops.ReadRights{From: b, Buf: own(10), Rights: roomFor(1)}
	e.submit(p, r)
	p.Cancel(r)
	e.expect(p, r, completion.ErrCanceled)
	is(e, p.Await(e.ctx, &ops.WriteRights{To: a, Buf: text("x"), Rights: pipe.rights(1)}), nil)
	is(e, b.Close(), nil)
	is(e, p.Await(e.ctx, r), net.ErrClosed)
	equal(e, "descriptors", len(r.Rights.Descriptors), 0)
	is(e, a.Close(), nil)
	pipe.leaksNothing()
	is(e, pipe.w.Close(), nil)
	_, err := pipe.r.Read(make([]byte, 1))
	is(e, err, io.EOF) // nobody else has the other end
}

func descriptorThatIsNotOpen(e *env) {
	pipe, p := e.pipeEnds(), e.port(nil)
	a, b := unixPair(e, p, "unix")
	is(e, pipe.w.Close(), nil)
	w := &ops.WriteRights{To: a, Buf: text("x"), Rights: pipe.rights(1)}
	is(e, p.Await(e.ctx, w), syscall.EBADF)
	equal(e, "count", w.N(), 0)
	if strconv.IntSize == 64 {
		larger := int64(1) << 40 // than a descriptor: its low bits are one that is there
		w.Rights = completion.Rights{Descriptors: []int{int(larger)}}
		is(e, p.Await(e.ctx, w), syscall.EBADF)
	}
	is(e, p.Await(e.ctx, &ops.Write{To: a, Buf: text("y")}), nil) // nothing is broken
	r := &ops.ReadRights{From: b, Buf: own(10)}
	is(e, p.Await(e.ctx, r), nil)
	equal(e, "read", string(r.Buf.Bytes()), "y")
}

// mine are the credentials of this process.
var mine = completion.Credentials{PID: os.Getpid(), UID: os.Getuid(), GID: os.Getgid(), Valid: true}

func credentialsOfAStream(e *env) {
	e.needsSystem("credentials are those of processes")
	p := e.port(nil)
	a, b := unixPair(e, p, "unix")
	err := b.ReportCredentials(true)
	if errors.Is(err, errors.ErrUnsupported) {
		e.Skipf("no credentials here: %v", err)
	}
	is(e, err, nil)
	for _, sent := range []completion.Credentials{{}, mine} { // the system adds those that are not sent
		is(e, p.Await(e.ctx, &ops.WriteRights{To: a, Buf: text("x"), Rights: completion.Rights{Credentials: sent}}), nil)
		r := &ops.ReadRights{From: b, Buf: own(10)}
		is(e, p.Await(e.ctx, r), nil)
		equal(e, "credentials", r.Rights.Credentials, mine)
	}
	is(e, b.ReportCredentials(false), nil)
	is(e, p.Await(e.ctx, &ops.Write{To: a, Buf: text("x")}), nil)
	r := &ops.ReadRights{From: b, Buf: own(10)}
	is(e, p.Await(e.ctx, r), nil)
	equal(e, "credentials", r.Rights.Credentials, completion.Credentials{})
}

func credentialsOfADatagram(e *env) {
	e.needsSystem("credentials are those of processes")
	p := e.port(nil)
	a, b := e.packets(p, "unixgram"), e.packets(p, "unixgram")
	e.reports(b, completion.ReportCredentials)
	for _, sent := range []completion.Credentials{{}, mine} {
		w := &ops.SendMsg{To: a, Buf: text("x"), Path: b.LocalAddr().String(), Rights: completion.Rights{Credentials: sent}}
		is(e, p.Await(e.ctx, w), nil)
		r := &ops.RecvMsg{From: b, Buf: own(10)}
		is(e, p.Await(e.ctx, r), nil)
		equal(e, "credentials", r.Rights.Credentials, mine)
		equal(e, "descriptors", len(r.Rights.Descriptors), 0)
	}
}
