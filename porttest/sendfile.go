package porttest

import (
	"errors"
	"io"
	"io/fs"
	"math"
	"net"
	"os"
	"runtime"
	"syscall"

	"github.com/completionport/completion"
	"github.com/completionport/completion/ops"
)

var sendFileCases = []testCase{
	sendFileSendsItsPart,
	sendFileSendsALargeFile,
	sendFileOnAnAdoptedSocket,
	sendFileKeepsItsPlace,
	sendFileOfAShortFile,
	sendFileOfNothing,
	sendFileOfBadNumbers,
	sendFileOfAClosedFile,
	sendFileOfAFileThatIsNotReadable,
	sendFileCancelledHalfWay,
	sendFileCancelledWithoutRoom,
	sendFileClosedHalfWay,
	sendFileWithoutFilePanics,
	sendFileFromAFileOfThePort,
	closeFileWaitsForSendFile,
	sendFileBehindCloseFile,
	sendFileOfAFileClosedHalfWay,
	shutdownSendsBeforeCloseFile,
	sendFileOfAFileOfAnotherPortPanics,
}

// osFile makes a file with these bytes, which is removed after the case.
func (e *env) osFile(b []byte) *os.File {
	e.Helper()
	f, err := os.CreateTemp("", "porttest")
	if err != nil {
		e.Skipf("no file: %v", err)
	}
	e.closers = append(e.closers, func() error {
		f.Close()
		return os.Remove(f.Name())
	})
	if _, err := f.Write(b); err != nil {
		e.Fatal(err)
	}
	return f
}

// unshared is pair with a socket that nobody had before: the system sends from a file to it.
func (e *env) unshared(p *completion.Port) (*completion.Socket, *peer) {
	e.Helper()
	if e.secure || e.overPipes {
		return e.pair(p)
	}
	l := e.listen(p, "tcp4")
	c := e.dial(l.Addr())
	accept := &ops.Accept{On: l}
	is(e, p.Await(e.ctx, accept), nil)
	is(e, l.Close(), nil)
	return accept.Conn, c
}

func sendFileSendsItsPart(e *env) {
	p := e.port(nil)
	s, c := e.unshared(p)
	f := e.osFile([]byte("0123456789"))
	for _, part := range []struct {
		at, count int64
		want      string
	}{{0, 0, "0123456789"}, {4, 0, "456789"}, {4, 3, "456"}, {9, 1, "9"}, {0, 10, "0123456789"}} {
		o := &ops.SendFile{To: s, File: f, Offset: part.at, Count: part.count}
		for range 2 {
			is(e, p.Await(e.ctx, o), nil)
			equal(e, "N", o.N(), len(part.want))
			equal(e, "received", c.receive(len(part.want)), part.want)
		}
	}
	at, err := f.Seek(0, io.SeekCurrent)
	is(e, err, nil)
	equal(e, "position of the file", at, int64(10))
}

func sendFileSendsALargeFile(e *env) {
	p := e.port(nil)
	s, c := e.unshared(p)
	b := streamPattern(5, 20<<20+7)
	f := e.osFile(b)
	done := streamPeerReceive(c, b[3:])
	o := &ops.SendFile{To: s, File: f, Offset: 3}
	e.submit(p, o)
	e.expect(p, o, nil)
	equal(e, "N", o.N(), len(b)-3)
	is(e, <-done, nil)
}

// sendFileOnAnAdoptedSocket: others may have changed how the system treats it.
func sendFileOnAnAdoptedSocket(e *env) {
	p := e.port(nil)
	s, c := e.pair(p)
	b := streamPattern(6, 3<<20+1)
	done := streamPeerReceive(c, b)
	o := &ops.SendFile{To: s, File: e.osFile(b), Count: int64(len(b))}
	is(e, p.Await(e.ctx, o), nil)
	equal(e, "N", o.N(), len(b))
	is(e, <-done, nil)
}

// sendFileKeepsItsPlace: among writes, before a half close.
func sendFileKeepsItsPlace(e *env) {
	p := e.port(nil)
	s, c := e.unshared(p)
	b := streamPattern(7, 700_000)
	f := e.osFile(b)
	all := []completion.Operation{
		&ops.Write{To: s, Buf: text("head")},
		&ops.Write{To: s, Buf: text("er")},
		&ops.SendFile{To: s, File: f, Count: 500_000},
		&ops.Write{To: s, Buf: text("between")},
		&ops.SendFile{To: s, File: f, Offset: 500_000},
		&ops.SendFile{To: s, File: f, Offset: 700_000},
		&ops.WriteV{To: s, Bufs: []*completion.Buffer{text("the"), text("end")}},
		&ops.CloseWrite{On: s},
	}
	want := "header" + string(b[:500_000]) + "between" + string(b[500_000:]) + "theend"
	done := streamPeerReceive(c, []byte(want))
	e.submit(p, all...)
	for _, op := range all {
		e.expect(p, op, nil)
	}
	is(e, <-done, nil)
	streamPeerEOF(e, c)
}

// sendFileOfAShortFile: the message that was to be sent is broken, as by a write.
func sendFileOfAShortFile(e *env) {
	p := e.port(nil)
	s, c := e.unshared(p)
	o := &ops.SendFile{To: s, File: e.osFile([]byte("short")), Count: 6}
	behind := &ops.Write{To: s, Buf: text("behind")}
	e.submit(p, o, behind)
	e.expect(p, o, io.ErrUnexpectedEOF)
	equal(e, "N", o.N(), 5)
	e.expect(p, behind, completion.ErrWriteAborted)
	is(e, p.Await(e.ctx, behind), nil)
	equal(e, "received", c.receive(11), "shortbehind")
	o.Offset = 5
	is(e, p.Await(e.ctx, o), io.ErrUnexpectedEOF) // and nothing is sent
	is(e, p.Await(e.ctx, behind), nil)
}

func sendFileOfNothing(e *env) {
	p := e.port(nil)
	s, c := e.unshared(p)
	f := e.osFile(nil)
	largest := int64(math.MaxInt64)
	if runtime.GOOS == "js" {
		largest = 1<<53 - 1 // the numbers of JavaScript, where a larger offset gets no answer
	}
	for _, at := range []int64{0, 1 << 40, largest - 1<<20, largest} {
		o := &ops.SendFile{To: s, File: f, Offset: at}
		is(e, p.Await(e.ctx, o), nil)
		equal(e, "N", o.N(), 0)
		o.Count = 1
		is(e, p.Await(e.ctx, o), io.ErrUnexpectedEOF)
	}
	is(e, p.Await(e.ctx, &ops.CloseWrite{On: s}), nil)
	streamPeerEOF(e, c)
}

func sendFileOfBadNumbers(e *env) {
	p := e.port(nil)
	s, _ := e.unshared(p)
	f := e.osFile([]byte("abc"))
	for _, o := range []*ops.SendFile{{Offset: -1}, {Count: -1}} {
		o.To, o.File = s, f
		err := p.Await(e.ctx, o)
		is(e, err, syscall.EINVAL)
		equal(e, "N", o.N(), 0)
	}
}

func sendFileOfAClosedFile(e *env) {
	p := e.port(nil)
	s, _ := e.unshared(p)
	o := &ops.SendFile{To: s, File: e.osFile([]byte("abc"))}
	o.File.Close()
	is(e, p.Await(e.ctx, o), fs.ErrClosed)
	equal(e, "N", o.N(), 0)
}

func sendFileOfAFileThatIsNotReadable(e *env) {
	p := e.port(nil)
	s, c := e.unshared(p)
	f, err := os.OpenFile(e.osFile([]byte("abc")).Name(), os.O_WRONLY, 0)
	is(e, err, nil)
	defer f.Close()
	err = p.Await(e.ctx, &ops.SendFile{To: s, File: f})
	if err == nil || runtime.GOOS != "windows" && !errors.Is(err, syscall.EBADF) {
		e.Errorf("error is %v", err)
	}
	is(e, p.Await(e.ctx, &ops.Write{To: s, Buf: text("goes on")}), nil)
	equal(e, "received", c.receive(7), "goes on")
}

// sendFileStuck returns a SendFile of stuckBytes that has sent some of them.
func (e *env) sendFileStuck(p *completion.Port) (*ops.SendFile, *peer) {
	e.Helper()
	s, c := e.unshared(p)
	e.setWriteBuffer(s, 64<<10)
	c.setReadBuffer(64 << 10)
	f := e.osFile(nil)
	is(e, f.Truncate(stuckBytes), nil)
	o := &ops.SendFile{To: s, File: f}
	e.submit(p, o)
	e.idle(p)
	return o, c
}

func sendFileCancelledHalfWay(e *env) {
	p := e.port(nil)
	o, c := e.sendFileStuck(p)
	behind := &ops.Write{To: o.To, Buf: text("behind")}
	e.submit(p, behind)
	c.receive(1)
	equal(e, "cancelled", p.Cancel(o), true)
	e.expect(p, o, completion.ErrCanceled)
	e.expect(p, behind, completion.ErrWriteAborted)
	if n := o.N(); n < 1 && e.countsCut() || n >= stuckBytes {
		e.Errorf("%d bytes are sent", n)
	}
	is(e, o.To.Close(), nil)
	e.gets(c, o.N()-1, stuckBytes-o.N())
}

// sendFileCancelledWithoutRoom: it has sent nothing, so the write behind it begins no message in
// the middle of another.
func sendFileCancelledWithoutRoom(e *env) {
	if !e.countsCut() {
		e.Skip("a cancelled write may have sent bytes that it does not count")
	}
	p := e.port(nil)
	first, c := e.sendFileStuck(p)
	equal(e, "cancelled", p.Cancel(first), true)
	e.expect(p, first, completion.ErrCanceled)
	o := &ops.SendFile{To: first.To, File: first.File}
	behind := &ops.Write{To: o.To, Buf: text("behind")}
	e.submit(p, o, behind)
	e.idle(p)
	equal(e, "cancelled", p.Cancel(o), true)
	e.expect(p, o, completion.ErrCanceled)
	if o.N() > 0 { // there was room after all
		e.expect(p, behind, completion.ErrWriteAborted)
		return
	}
	received := e.behindCut(c, first.N(), len("behind"))
	e.expect(p, behind, nil)
	equal(e, "received", <-received, "behind")
}

func sendFileClosedHalfWay(e *env) {
	p := e.port(nil)
	o, c := e.sendFileStuck(p)
	c.receive(1)
	is(e, p.Close(), nil)
	e.expect(p, o, net.ErrClosed)
	e.gets(c, o.N()-1, stuckBytes-o.N())
}

func sendFileWithoutFilePanics(e *env) {
	p := e.port(nil)
	s, _ := e.unshared(p)
	submitRefused(e, p, "without a file", &ops.SendFile{To: s})
	submitRefused(e, p, "both a From and a File", &ops.SendFile{To: s, From: e.file(p, creating), File: e.osFile(nil)})
}

func sendFileOfAFileOfAnotherPortPanics(e *env) {
	p := e.port(nil)
	s, _ := e.unshared(p)
	other := e.port(nil)
	submitRefused(e, p, "another port", &ops.SendFile{To: s, From: e.file(other, creating)})
	submitRefused(e, p, "another port", &ops.SendFile{To: s, From: new(completion.File)})
}

// sendFileFromAFileOfThePort: its parts, and the end of it, among its other operations.
func sendFileFromAFileOfThePort(e *env) {
	p := e.port(nil)
	s, c := e.unshared(p)
	f := e.file(p, creating)
	b := streamPattern(8, 700_001)
	is(e, p.Await(e.ctx, &ops.WriteAt{To: f, Buf: completion.Own(b)}), nil)
	done := streamPeerReceive(c, b[5:])
	all := &ops.SendFile{To: s, From: f, Offset: 5}
	is(e, p.Await(e.ctx, all), nil)
	equal(e, "N", all.N(), len(b)-5)
	is(e, <-done, nil)
	for range 2 {
		part := &ops.SendFile{To: s, From: f, Offset: 700_000, Count: 2}
		is(e, p.Await(e.ctx, part), io.ErrUnexpectedEOF)
		equal(e, "N", part.N(), 1)
		c.receive(1)
	}
	bad := &ops.SendFile{To: s, From: f, Offset: -1}
	is(e, p.Await(e.ctx, bad), syscall.EINVAL)
	is(e, p.Await(e.ctx, &ops.CloseFile{On: f}), nil)
	equal(e, "handles", p.Stats().Handles, 1)
}

// sendFileFrom returns a SendFile of stuckBytes of a file of the port that has sent some of
// them.
func (e *env) sendFileFrom(p *completion.Port) (*ops.SendFile, *peer) {
	e.Helper()
	s, c := e.unshared(p)
	e.setWriteBuffer(s, 64<<10)
	c.setReadBuffer(64 << 10)
	f := e.file(p, creating)
	is(e, p.Await(e.ctx, &ops.Truncate{On: f, Size: stuckBytes}), nil)
	o := &ops.SendFile{To: s, From: f}
	e.submit(p, o)
	e.idle(p)
	return o, c
}

// closeFileWaitsForSendFile: however the SendFile ends, and also if both are submitted together.
func closeFileWaitsForSendFile(e *env) {
	p := e.port(nil)
	o, c := e.sendFileFrom(p)
	closeFile := &ops.CloseFile{On: o.From}
	e.submit(p, closeFile)
	e.idle(p)
	c.receive(1)
	equal(e, "cancelled", p.Cancel(o), true)
	e.expect(p, o, completion.ErrCanceled)
	e.expect(p, closeFile, nil)
	is(e, o.To.Close(), nil)
	e.gets(c, o.N()-1, stuckBytes-o.N())

	s, c := e.unshared(p)
	f := e.file(p, creating)
	b := streamPattern(9, 1<<20)
	is(e, p.Await(e.ctx, &ops.WriteAt{To: f, Buf: completion.Own(b)}), nil)
	done := streamPeerReceive(c, append(b, b...))
	first, second, last := &ops.SendFile{To: s, From: f}, &ops.SendFile{To: s, From: f}, &ops.CloseFile{On: f}
	e.submit(p, first, second, last)
	e.expect(p, first, nil)
	e.expect(p, second, nil)
	e.expect(p, last, nil)
	is(e, <-done, nil)
	equal(e, "handles", p.Stats().Handles, 1)
}

// sendFileBehindCloseFile is refused, in the same Submit and later.
func sendFileBehindCloseFile(e *env) {
	p := e.port(nil)
	o, c := e.sendFileFrom(p)
	s, _ := e.unshared(p)
	closeFile, behind := &ops.CloseFile{On: o.From}, &ops.SendFile{To: s, From: o.From}
	e.submit(p, closeFile, behind)
	e.expect(p, behind, fs.ErrClosed)
	isClosed(e, behind)
	e.submit(p, behind)
	e.expect(p, behind, fs.ErrClosed)
	isClosed(e, behind)
	equal(e, "cancelled", p.Cancel(closeFile), true) // the file stays open
	e.expect(p, closeFile, completion.ErrCanceled)
	behind.Count = 3
	e.submit(p, behind)
	e.expect(p, behind, nil)
	equal(e, "N", behind.N(), 3)
	is(e, o.To.Close(), nil)
	e.expect(p, o, net.ErrClosed)
	e.gets(c, o.N(), stuckBytes-o.N())
	is(e, p.Await(e.ctx, closeFile), nil)
	is(e, p.Await(e.ctx, behind), fs.ErrClosed)
	isClosed(e, behind)
}

// sendFileOfAFileClosedHalfWay: Close does not wait for it, and it ends when it wants more of
// the file.
func sendFileOfAFileClosedHalfWay(e *env) {
	p := e.port(nil)
	o, c := e.sendFileFrom(p)
	is(e, o.From.Close(), nil)
	equal(e, "handles", p.Stats().Handles, 1)
	go io.Copy(io.Discard, c)
	e.expect(p, o, fs.ErrClosed)
	is(e, o.Err(), net.ErrClosed)
	if o.N() >= stuckBytes {
		e.Errorf("%d bytes are sent", o.N())
	}
}

// shutdownSendsBeforeCloseFile: a SendFile is performed, and then the CloseFile behind it.
func shutdownSendsBeforeCloseFile(e *env) {
	p := e.port(nil)
	o, c := e.sendFileFrom(p)
	closeFile := &ops.CloseFile{On: o.From}
	e.submit(p, closeFile)
	done := make(chan error)
	go func() { done <- p.Shutdown(e.ctx) }()
	e.gets(c, stuckBytes, 0)
	is(e, <-done, nil)
	e.expect(p, o, nil)
	equal(e, "N", o.N(), stuckBytes)
	e.expect(p, closeFile, nil)
}
