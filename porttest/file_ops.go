package porttest

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"

	"github.com/completionport/completion"
	"github.com/completionport/completion/ops"
)

var fileOpCases = []testCase{
	fileIsWrittenAndRead,
	fileReadEndsWithTheFile,
	fileReadIsPooled,
	fileReadWaitsForABuffer,
	fileManyInFlight,
	fileAppendsAreInOrder,
	fileWritesShareABuffer,
	fileHugeOffsets,
	fileOpens,
	fileOpenFails,
	fileBadOffset,
	fileSystemErrors,
	fileOpCancelledWhileQueued,
	fileOpMistakes,
	fileAdopted,
	alignedPool,
	fileDirect,
	fileDirectMany,
}

const (
	creating  = os.O_RDWR | os.O_CREATE | os.O_TRUNC
	appending = os.O_WRONLY | os.O_CREATE | os.O_APPEND
)

// folder is an empty folder of the case.
func (e *env) folder() string {
	e.Helper()
	if runtime.GOOS == "js" {
		_, err := e.port(nil).OpenFile("file", os.O_RDONLY, 0)
		is(e, err, errors.ErrUnsupported)
		e.Skip("no files under js")
	}
	dir, err := os.MkdirTemp("", "porttest")
	if err != nil {
		dir, err = os.MkdirTemp(".", "porttest")
	}
	is(e, err, nil)
	e.folders = append(e.folders, dir)
	return dir
}

// removeFolder removes a folder with its files, one by one: Wine has no os.RemoveAll.
func removeFolder(e *env, dir string) {
	files, err := os.ReadDir(dir)
	is(e, err, nil)
	for _, f := range files {
		is(e, os.Remove(filepath.Join(dir, f.Name())), nil)
	}
	is(e, os.Remove(dir), nil)
}

// file opens a new file. The port closes it.
func (e *env) file(p *completion.Port, flag int) *completion.File {
	e.Helper()
	f, err := p.OpenFile(filepath.Join(e.folder(), "file"), flag, 0o600)
	is(e, err, nil)
	return f
}

// content is what the system has of a file.
func content(e *env, f *completion.File) string {
	e.Helper()
	b, err := os.ReadFile(f.Name())
	is(e, err, nil)
	return string(b)
}

func fileIsWrittenAndRead(e *env) {
	p := e.port(nil)
	f := e.file(p, creating)
	equal(e, "handles", p.Stats().Handles, 1)
	write := &ops.WriteAt{To: f, Buf: text("hello, file"), Offset: 3}
	e.submit(p, write)
	e.expect(p, write, nil)
	equal(e, "N", write.N(), 11)
	equal(e, "content", content(e, f), "\x00\x00\x00hello, file")
	is(e, p.Await(e.ctx, &ops.Sync{On: f}), nil)
	read := &ops.ReadAt{From: f, Buf: own(5), Offset: 10}
	for range 3 {
		e.submit(p, read)
		e.expect(p, read, nil)
		equal(e, "N", read.N(), 4)
		equal(e, "bytes", string(read.Buf.Bytes()), "file")
	}
	is(e, p.Await(e.ctx, &ops.Truncate{On: f, Size: 8}), nil)
	stat := &ops.Stat{On: f}
	is(e, p.Await(e.ctx, stat), nil)
	equal(e, "size", stat.Info.Size(), 8)
	equal(e, "name", stat.Info.Name(), "file")
	is(e, p.Await(e.ctx, &ops.WriteAt{To: f, Buf: text("")}), nil)
	is(e, p.Await(e.ctx, &ops.CloseFile{On: f}), nil)
	equal(e, "handles", p.Stats().Handles, 0)
	equal(e, "content", content(e, f), "\x00\x00\x00hello")
}

// fileReadEndsWithTheFile: the end of a file is io.EOF only if no byte is before it.
func fileReadEndsWithTheFile(e *env) {
	p := e.port(nil)
	f := e.file(p, creating)
	is(e, p.Await(e.ctx, &ops.WriteAt{To: f, Buf: text("0123456789")}), nil)
	for _, c := range []struct {
		offset int64
		full   bool
		n      int
		err    error
	}{
		{0, false, 8, nil}, {2, false, 8, nil}, {2, true, 8, nil}, {3, false, 7, nil}, {3, true, 7, io.ErrUnexpectedEOF},
		{10, false, 0, io.EOF}, {10, true, 0, io.EOF}, {1 << 40, false, 0, io.EOF},
		{math.MaxInt64 - 100, false, 0, io.EOF}, {math.MaxInt64, true, 0, io.EOF},
	} {
		r := &ops.ReadAt{From: f, Buf: own(8), Offset: c.offset, Full: c.full}
		e.submit(p, r)
		e.expect(p, r, c.err)
		equal(e, fmt.Sprintf("N at %d", c.offset), r.N(), c.n)
		if c.n > 0 {
			equal(e, "bytes", string(r.Buf.Bytes()), "0123456789"[c.offset:][:c.n])
		}
		equal(e, "length", r.Buf.Len(), c.n)
	}
}

func fileReadIsPooled(e *env) {
	p := e.port(nil)
	f := e.file(p, creating)
	is(e, p.Await(e.ctx, &ops.WriteAt{To: f, Buf: text("0123456789")}), nil)
	pool := e.pool(p, 8, 1)
	r := &ops.ReadAt{From: f, Pool: pool}
	for range 3 {
		r.Offset = 4
		e.submit(p, r)
		e.expect(p, r, nil)
		equal(e, "bytes", string(r.Buf.Bytes()), "456789")
		r.Release()
		r.Offset = 10
		e.submit(p, r)
		e.expect(p, r, io.EOF)
		equal(e, "no buffer", r.Buf == nil, true)
		r.Full, r.Offset = !r.Full, -1
		e.submit(p, r)
		e.expect(p, r, syscall.EINVAL)
		equal(e, "no buffer", r.Buf == nil, true)
		r.Full = false
	}
}

// fileReadWaitsForABuffer: it holds back neither writes nor what needs no buffer, and can be
// cancelled.
func fileReadWaitsForABuffer(e *env) {
	p := e.port(nil)
	f := e.file(p, creating)
	is(e, p.Await(e.ctx, &ops.WriteAt{To: f, Buf: text("0123456789")}), nil)
	pool := e.pool(p, 4, 1)
	buf := pool.Take()
	var reads [3]ops.ReadAt
	for i := range reads {
		reads[i].From, reads[i].Pool, reads[i].Offset = f, pool, int64(i)
		e.submit(p, &reads[i])
	}
	is(e, p.Await(e.ctx, &ops.WriteAt{To: f, Buf: text("x")}), nil)
	e.idle(p)
	equal(e, "cancelled", p.Cancel(&reads[0]), true)
	e.expect(p, &reads[0], completion.ErrCanceled)
	e.idle(p)
	buf.Release()
	e.expect(p, &reads[1], nil)
	equal(e, "bytes", string(reads[1].Buf.Bytes()), "1234")
	e.idle(p)
	reads[1].Release()
	e.expect(p, &reads[2], nil)
	equal(e, "bytes", string(reads[2].Buf.Bytes()), "2345")
	reads[2].Release()
}

// fileManyInFlight: blocks are written and read at once, each at its place.
func fileManyInFlight(e *env) {
	const blocks, size = 200, 512
	p := e.port(&completion.Config{Workers: 8})
	f := e.file(p, creating)
	var all []completion.Operation
	for i := range blocks {
		at := int64(i*7%blocks) * size
		b := own(size)
		for j := range b.Bytes() {
			b.Bytes()[j] = byte(at/size + int64(j))
		}
		all = append(all, completion.Operation(&ops.WriteAt{To: f, Buf: b, Offset: at}))
	}
	e.submit(p, all[:blocks/2]...)
	for _, op := range all[blocks/2:] {
		e.submit(p, op)
	}
	e.expectAll(p, nil, all...)
	pool := e.pool(p, size, 16)
	for i := range blocks {
		e.submit(p, &ops.ReadAt{From: f, Pool: pool, Offset: int64(i) * size, Full: true})
	}
	for range blocks {
		r := e.next(p).(*ops.ReadAt)
		is(e, r.Err(), nil)
		for j, got := range r.Buf.Bytes() {
			if want := byte(r.Offset/size + int64(j)); got != want {
				e.Fatalf("byte %d of block %d is %d, want %d", j, r.Offset/size, got, want)
			}
		}
		r.Release()
	}
	equal(e, "lent", pool.Lent(), 0)
}

func fileAppendsAreInOrder(e *env) {
	const n = 300
	p := e.port(nil)
	f := e.file(p, appending)
	var want strings.Builder
	var all []completion.Operation
	for i := range n {
		line := fmt.Sprintf("line %d\n", i)
		want.WriteString(line)
		all = append(all, completion.Operation(&ops.Append{To: f, Buf: text(line)}))
	}
	e.submit(p, all[:n/2]...)
	for _, op := range all[n/2:] {
		e.submit(p, op)
	}
	e.expectAll(p, nil, all...)
	equal(e, "content", content(e, f), want.String())
	w := &ops.WriteAt{To: f, Buf: text("x")}
	e.submit(p, w)
	e.expect(p, w, syscall.EINVAL)
	var failure *fs.PathError
	if !errors.As(w.Err(), &failure) || failure.Path != f.Name() {
		e.Fatalf("WriteAt of a file with O_APPEND: %v", w.Err())
	}
	err := p.Await(e.ctx, &ops.Truncate{On: f, Size: 5})
	if runtime.GOOS != "windows" || !errors.Is(err, fs.ErrPermission) { // Wine allows it
		is(e, err, nil)
		equal(e, "content", content(e, f), "line ")
	}
}

// fileHugeOffsets: a file may have holes, and be larger than 4 GiB.
func fileHugeOffsets(e *env) {
	const at = 5<<30 + 1
	p := e.port(nil)
	f := e.file(p, creating)
	size := &ops.Truncate{On: f, Size: at + 4}
	if err := p.Await(e.ctx, size); errors.Is(err, syscall.EFBIG) || errors.Is(err, syscall.ENOSPC) {
		e.Skipf("no such files here: %v", err)
	} else {
		is(e, err, nil)
	}
	want := "\x00\x00\x00\x00"
	if runtime.GOOS != "windows" { // which fills the hole
		want = "huge"
		is(e, p.Await(e.ctx, &ops.WriteAt{To: f, Buf: text(want), Offset: at}), nil)
	}
	r := &ops.ReadAt{From: f, Buf: own(8), Offset: at}
	is(e, p.Await(e.ctx, r), nil)
	equal(e, "bytes", string(r.Buf.Bytes()), want)
	r.Offset = 1 << 20
	is(e, p.Await(e.ctx, r), nil)
	equal(e, "bytes of the hole", string(r.Buf.Bytes()), "\x00\x00\x00\x00\x00\x00\x00\x00")
	r.Offset = math.MaxInt64
	e.submit(p, r)
	e.next(p)
	if r.Err() == nil || r.N() != 0 {
		e.Fatalf("%d bytes at the largest offset", r.N())
	}
}

func fileOpens(e *env) {
	p := e.port(nil)
	o := &ops.OpenFile{Path: filepath.Join(e.folder(), "file"), Flag: creating, Perm: 0o600}
	for range 3 {
		e.submit(p, o)
		e.expect(p, o, nil)
		equal(e, "name", o.File.Name(), o.Path)
		is(e, p.Await(e.ctx, &ops.WriteAt{To: o.File, Buf: text("x")}), nil)
		is(e, p.Await(e.ctx, &ops.CloseFile{On: o.File}), nil)
	}
	is(e, p.Await(e.ctx, o), nil) // the port closes it
	equal(e, "handles", p.Stats().Handles, 1)
}

func fileOpenFails(e *env) {
	p := e.port(nil)
	dir := e.folder()
	for _, c := range []struct {
		path string
		want error
	}{
		{filepath.Join(dir, "none"), fs.ErrNotExist},
		{filepath.Join(dir, "none", "none"), fs.ErrNotExist},
		{dir + "\x00file", syscall.EINVAL},
		{"", fs.ErrNotExist},
	} {
		o := &ops.OpenFile{Path: c.path, Flag: os.O_RDONLY}
		e.submit(p, o)
		e.expect(p, o, c.want)
		equal(e, "no file", o.File == nil, true)
		var failure *fs.PathError
		if !errors.As(o.Err(), &failure) || failure.Path != c.path {
			e.Fatalf("the error is %#v", o.Err())
		}
		_, err := p.OpenFile(c.path, os.O_RDONLY, 0)
		is(e, err, c.want)
	}
	exclusive := &ops.OpenFile{Path: filepath.Join(dir, "file"), Flag: creating | os.O_EXCL, Perm: 0o600}
	is(e, p.Await(e.ctx, exclusive), nil)
	is(e, p.Await(e.ctx, exclusive), fs.ErrExist)
	equal(e, "no file", exclusive.File == nil, true)
	equal(e, "handles", p.Stats().Handles, 1)
}

func fileBadOffset(e *env) {
	p := e.port(nil)
	f := e.file(p, creating)
	for _, op := range []completion.Operation{
		&ops.ReadAt{From: f, Buf: own(1), Offset: -1},
		&ops.WriteAt{To: f, Buf: text("x"), Offset: math.MinInt64},
		&ops.Truncate{On: f, Size: -1},
	} {
		e.submit(p, op)
		e.expect(p, op, syscall.EINVAL)
		equal(e, "N", op.N(), 0)
		var failure *fs.PathError
		equal(e, "a *fs.PathError", errors.As(op.Err(), &failure) && failure.Path == f.Name(), true)
	}
}

// fileSystemErrors: they are those of the system, found by errors.Is.
func fileSystemErrors(e *env) {
	p := e.port(nil)
	dir := e.folder()
	path := filepath.Join(dir, "file")
	is(e, os.WriteFile(path, []byte("x"), 0o600), nil)
	r, err := p.OpenFile(path, os.O_RDONLY, 0)
	is(e, err, nil)
	w, err := p.OpenFile(path, os.O_WRONLY, 0)
	is(e, err, nil)
	d, err := p.OpenFile(dir, os.O_RDONLY, 0)
	is(e, err, nil)
	denied, folder := error(syscall.EBADF), error(syscall.EISDIR)
	if runtime.GOOS == "windows" {
		denied, folder = fs.ErrPermission, nil // any
	}
	for op, want := range map[completion.Operation]error{
		&ops.WriteAt{To: r, Buf: text("x")}: denied,
		&ops.Append{To: r, Buf: text("x")}:  denied,
		&ops.ReadAt{From: w, Buf: own(1)}:   denied,
		&ops.ReadAt{From: d, Buf: own(1)}:   folder,
	} {
		e.submit(p, op)
		e.next(p)
		if want == nil && op.Err() == nil || want != nil && !errors.Is(op.Err(), want) {
			e.Fatalf("%T: %v, want %v", op, op.Err(), want)
		}
		equal(e, "N", op.N(), 0)
		var failure *fs.PathError
		equal(e, "a *fs.PathError", errors.As(op.Err(), &failure), true)
	}
}

// fileOpCancelledWhileQueued: nothing of it reaches the system.
func fileOpCancelledWhileQueued(e *env) {
	p := e.oneWorker()
	f := e.file(p, creating)
	first := e.occupy(p)
	w := &ops.WriteAt{To: f, Buf: text("x")}
	s, o := &ops.Stat{On: f}, &ops.OpenFile{Path: f.Name()}
	timed := &ops.Sync{On: f, Op: completion.Op{Timeout: 1}}
	last := &ops.WriteAt{To: f, Buf: text("y"), Offset: 1}
	e.submit(p, w, s, o, timed, last)
	for _, op := range []completion.Operation{s, w, o} {
		equal(e, "cancelled", p.Cancel(op), true)
		equal(e, "cancelled again", p.Cancel(op), false)
	}
	for range 4 {
		switch op := e.next(p); op {
		case timed:
			is(e, op.Err(), os.ErrDeadlineExceeded)
		case last, first:
			e.Fatalf("%T has ended", op)
		default:
			is(e, op.Err(), completion.ErrCanceled)
		}
	}
	first.goOn <- nil
	e.expectAll(p, nil, first, last)
	equal(e, "content", content(e, f), "\x00y")
}

func fileOpMistakes(e *env) {
	p, other := e.port(nil), e.port(nil)
	f := e.file(p, creating)
	lent := own(1)
	first := &ops.ReadAt{From: f, Pool: e.pool(p, 1, 1), Buf: nil}
	blocked := first.Pool.Take()
	e.submit(p, first)
	for _, op := range []completion.Operation{
		&ops.ReadAt{Buf: own(1)}, &ops.WriteAt{Buf: own(1)}, &ops.Append{Buf: own(1)},
		&ops.Sync{}, &ops.Stat{}, &ops.Truncate{}, &ops.CloseFile{},
		&ops.Sync{On: new(completion.File)}, &ops.Sync{On: e.file(other, creating)},
		&ops.ReadAt{From: f}, &ops.WriteAt{To: f}, &ops.Append{To: f},
		&ops.ReadAt{From: f, Buf: own(1), Pool: first.Pool}, &ops.ReadAt{From: f, Buf: own(0)},
		&ops.ReadAt{From: f, Pool: other.NewPool(1, 1)},
		first,
	} {
		post := newPost(nil)
		message := panics(e, func() { p.Submit(post, op) })
		if !strings.HasPrefix(message, "completion: ") {
			e.Fatalf("%T: the panic is %q", op, message)
		}
	}
	equal(e, "in flight", p.Stats().InFlight, 1)
	blocked.Release()
	e.expect(p, first, io.EOF)
	w := &ops.WriteAt{To: f, Buf: lent}
	is(e, p.Await(e.ctx, w), nil)
}

// fileAdopted: a file of package os belongs to the port from then on.
func fileAdopted(e *env) {
	p := e.port(nil)
	file, err := os.Create(filepath.Join(e.folder(), "file"))
	is(e, err, nil)
	f, err := p.AdoptFile(file)
	is(e, err, nil)
	equal(e, "name", f.Name(), file.Name())
	is(e, p.Await(e.ctx, &ops.WriteAt{To: f, Buf: text("x")}), nil)
	is(e, f.Close(), nil)
	is(e, file.Close(), fs.ErrClosed)
	r, w, err := os.Pipe()
	is(e, err, nil)
	e.closers = append(e.closers, r.Close)
	f, err = p.AdoptFile(w)
	is(e, err, nil)
	is(e, p.Await(e.ctx, &ops.Append{To: f, Buf: text("hello")}), nil)
	is(e, p.Await(e.ctx, &ops.CloseFile{On: f}), nil)
	got, err := io.ReadAll(r)
	is(e, err, nil)
	equal(e, "bytes", string(got), "hello")
}

// fileWritesShareABuffer: what a peer has sent goes to another one and to files, uncopied.
func fileWritesShareABuffer(e *env) {
	p := e.port(nil)
	log, place := e.file(p, appending), e.file(p, creating)
	s, c := e.pair(p)
	pool := e.pool(p, 5, 1)
	b := pool.Take()
	copy(b.Memory(), "hello")
	b.Share()
	e.submit(p, &ops.Write{To: s, Buf: b}, &ops.Append{To: log, Buf: b}, &ops.Append{To: log, Buf: b}, &ops.WriteAt{To: place, Buf: b})
	b.Release()
	for range 4 {
		equal(e, "lent", pool.Lent(), 1)
		op := e.next(p)
		e.outcome(op, nil)
		equal(e, "N", op.N(), 5)
	}
	equal(e, "lent", pool.Lent(), 0)
	equal(e, "sent", c.receive(5), "hello")
	equal(e, "appended", content(e, log), "hellohello")
	equal(e, "written", content(e, place), "hello")
}
