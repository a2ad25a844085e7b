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
	sendFileClosedHalfWay,
	sendFileWithoutFilePanics,
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
	if e.secure {
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
	is(e, s.SetWriteBuffer(64<<10), nil)
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
}
