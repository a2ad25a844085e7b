package porttest

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/completionport/completion"
	"github.com/completionport/completion/ops"
)

var fileCloseCases = []testCase{
	closeFileComesLast,
	closeFileCancelled,
	closeFileWaitsForReads,
	closeOfAFile,
	closeOfAFileByMany,
	closeOfThePortWithFiles,
	shutdownWritesFiles,
	shutdownCutsShort,
	openFileOfAClosedPort,
	fileOpsOfAClosedPort,
}

// isClosed checks the error of an operation whose file, or port, was closed.
func isClosed(e *env, op completion.Operation) {
	e.Helper()
	is(e, op.Err(), fs.ErrClosed)
	is(e, op.Err(), net.ErrClosed)
	equal(e, "N", op.N(), 0)
}

// closeFileComesLast: what was submitted before it is performed, and the rest is refused.
func closeFileComesLast(e *env) {
	p := e.oneWorker()
	f := e.file(p, creating)
	first := e.occupy(p)
	w, c := &ops.WriteAt{To: f, Buf: text("hello")}, &ops.CloseFile{On: f}
	e.submit(p, w, c)
	late := []completion.Operation{
		&ops.WriteAt{To: f, Buf: text("x")}, &ops.ReadAt{From: f, Buf: own(1)}, &ops.Append{To: f, Buf: text("x")},
		&ops.Sync{On: f}, &ops.Stat{On: f}, &ops.Truncate{On: f}, &ops.CloseFile{On: f},
	}
	for range 2 {
		for _, op := range late {
			e.submit(p, op)
			equal(e, "same", e.next(p) == op, true)
			isClosed(e, op)
		}
		if first != nil {
			e.idle(p)
			first.goOn <- nil
			e.expectAll(p, nil, first, w, c)
			equal(e, "handles", p.Stats().Handles, 0)
			first = nil
		}
	}
	is(e, f.Close(), net.ErrClosed)
	equal(e, "content", content(e, f), "hello")
}

// closeFileCancelled: the file is as before.
func closeFileCancelled(e *env) {
	p := e.oneWorker()
	f := e.file(p, creating)
	first := e.occupy(p)
	c := &ops.CloseFile{On: f}
	e.submit(p, c)
	equal(e, "cancelled", p.Cancel(c), true)
	e.expect(p, c, completion.ErrCanceled)
	c.Timeout = time.Millisecond
	e.submit(p, c)
	e.expect(p, c, os.ErrDeadlineExceeded)
	w := &ops.WriteAt{To: f, Buf: text("hello")}
	e.submit(p, w)
	first.goOn <- nil
	e.expectAll(p, nil, first, w)
	c.Timeout = 0
	is(e, p.Await(e.ctx, c), nil)
}

// closeFileWaitsForReads: also for those that wait for a buffer, however they end.
func closeFileWaitsForReads(e *env) {
	p := e.port(nil)
	pool := e.pool(p, 4, 1)
	for _, cancels := range []bool{false, true} {
		f := e.file(p, creating)
		is(e, p.Await(e.ctx, &ops.WriteAt{To: f, Buf: text("1234")}), nil)
		buf := pool.Take()
		r, c := &ops.ReadAt{From: f, Pool: pool}, &ops.CloseFile{On: f}
		e.submit(p, r, c)
		e.idle(p)
		if cancels {
			equal(e, "cancelled", p.Cancel(r), true)
			e.expect(p, r, completion.ErrCanceled)
			e.expect(p, c, nil)
			buf.Release()
			continue
		}
		buf.Release()
		e.expect(p, r, nil)
		e.expect(p, c, nil)
		r.Release()
	}
	equal(e, "handles", p.Stats().Handles, 0)
}

// closeOfAFile ends what waits, also a CloseFile, and closes the file once.
func closeOfAFile(e *env) {
	p := e.oneWorker()
	f := e.file(p, creating)
	first := e.occupy(p)
	w, s, c := &ops.WriteAt{To: f, Buf: text("x")}, &ops.Stat{On: f}, &ops.CloseFile{On: f}
	e.submit(p, w, s, c)
	is(e, f.Close(), nil)
	equal(e, "handles", p.Stats().Handles, 0)
	for range 3 {
		isClosed(e, e.next(p))
	}
	is(e, f.Close(), net.ErrClosed)
	e.submit(p, w)
	equal(e, "same", e.next(p) == completion.Operation(w), true)
	isClosed(e, w)
	first.goOn <- nil
	e.expect(p, first, nil)
	equal(e, "content", content(e, f), "")
}

// closeOfAFileByMany: whatever closes it, and whenever, each operation ends once, and none
// with an error of a closed descriptor.
func closeOfAFileByMany(e *env) {
	p := e.port(&completion.Config{Workers: 3})
	dir := e.folder()
	for round := range often(50) {
		f, err := p.OpenFile(filepath.Join(dir, "file"), creating, 0o600)
		is(e, err, nil)
		var all []completion.Operation
		for i := range 8 {
			all = append(all, &ops.WriteAt{To: f, Buf: text("x"), Offset: int64(i)}, &ops.ReadAt{From: f, Buf: own(1)}, &ops.Stat{On: f})
		}
		var closers sync.WaitGroup
		closers.Go(func() {
			if round%2 == 0 {
				f.Close()
			}
			p.Submit(&ops.CloseFile{On: f})
		})
		for _, op := range all {
			e.submit(p, op)
		}
		closers.Wait()
		for range len(all) + 1 {
			switch op := e.next(p); {
			case op.Err() == nil:
			case errors.Is(op.Err(), fs.ErrClosed):
				isClosed(e, op)
			default:
				if r, ok := op.(*ops.ReadAt); !ok || r.N() != 0 || r.Err().Error() != "EOF" {
					e.Fatalf("%T: %v", op, op.Err())
				}
			}
		}
		equal(e, "handles", p.Stats().Handles, 0)
	}
}

// closeOfThePortWithFiles: Close waits for what runs, and ends the rest.
func closeOfThePortWithFiles(e *env) {
	for range often(20) {
		p := e.port(&completion.Config{Workers: 2})
		f, g := e.file(p, creating), e.file(p, creating)
		all := map[completion.Operation]bool{}
		for i := range 20 {
			for _, op := range []completion.Operation{&ops.WriteAt{To: f, Buf: text("x"), Offset: int64(i)}, &ops.Sync{On: g}, &ops.OpenFile{Path: f.Name()}} {
				e.submit(p, op)
				all[op] = true
			}
		}
		is(e, p.Close(), nil)
		equal(e, "handles", p.Stats().Handles, 0)
		equal(e, "in flight", p.Stats().InFlight, 0)
		for range len(all) {
			op := e.next(p)
			equal(e, "once", all[op], true)
			delete(all, op)
			if op.Err() != nil {
				isClosed(e, op)
			}
		}
		is(e, f.Close(), net.ErrClosed)
	}
}

// shutdownWritesFiles: what writes is performed, and what reads is ended.
func shutdownWritesFiles(e *env) {
	p := e.oneWorker()
	f := e.file(p, creating)
	g := e.file(p, creating)
	blocked := e.pool(p, 1, 1)
	buf := blocked.Take()
	first := newOccupant()
	first.Func = func(context.Context) error { first.began <- true; return <-first.goOn }
	e.submit(p, first)
	<-first.began
	w, s, r, c := &ops.WriteAt{To: f, Buf: text("hello")}, &ops.Sync{On: f}, &ops.ReadAt{From: f, Pool: blocked}, &ops.CloseFile{On: f}
	o := &ops.OpenFile{Path: f.Name()}
	e.submit(p, w, s, r, c, o, &ops.WriteAt{To: g, Buf: text("bye")})
	done := make(chan error)
	go func() { done <- p.Shutdown(e.ctx) }()
	for _, op := range []completion.Operation{e.next(p), e.next(p)} {
		if op != completion.Operation(r) && op != completion.Operation(o) {
			e.Fatalf("%T has ended", op)
		}
		isClosed(e, op)
	}
	first.goOn <- nil
	is(e, <-done, nil)
	for range 5 {
		is(e, e.next(p).Err(), nil)
	}
	equal(e, "content", content(e, f)+content(e, g), "hellobye")
	equal(e, "handles", p.Stats().Handles, 0)
	buf.Release()
}

// shutdownCutsShort: Shutdown says so if its context ends before a file is written.
func shutdownCutsShort(e *env) {
	p := e.oneWorker()
	f := e.file(p, creating)
	first := newOccupant()
	first.Func = func(context.Context) error { first.began <- true; return <-first.goOn }
	e.submit(p, first)
	<-first.began
	w := &ops.WriteAt{To: f, Buf: text("hello")}
	e.submit(p, w)
	ctx, cancel := context.WithCancel(e.ctx)
	cancel()
	done := make(chan error)
	go func() { done <- p.Shutdown(ctx) }()
	equal(e, "same", e.next(p) == completion.Operation(w), true)
	isClosed(e, w)
	first.goOn <- nil
	is(e, <-done, context.Canceled)
	e.expect(p, first, nil)
}

func openFileOfAClosedPort(e *env) {
	p := e.port(nil)
	path := filepath.Join(e.folder(), "file")
	is(e, p.Close(), nil)
	_, err := p.OpenFile(path, creating, 0o600)
	is(e, err, net.ErrClosed)
	is(e, err, fs.ErrClosed)
	file, err := os.Open(path)
	is(e, err, nil)
	_, err = p.AdoptFile(file)
	is(e, err, net.ErrClosed)
	is(e, file.Close(), nil) // still the caller's
}

// fileOpsOfAClosedPort: the results of an earlier use are gone.
func fileOpsOfAClosedPort(e *env) {
	p := e.port(nil)
	f := e.file(p, creating)
	is(e, p.Await(e.ctx, &ops.WriteAt{To: f, Buf: text("hello")}), nil)
	r, s, o := &ops.ReadAt{From: f, Buf: own(5)}, &ops.Stat{On: f}, &ops.OpenFile{Path: f.Name()}
	pooled := &ops.ReadAt{From: f, Pool: e.pool(p, 5, 1)}
	all := []completion.Operation{r, s, o, pooled}
	for _, op := range all {
		is(e, p.Await(e.ctx, op), nil)
	}
	pooled.Buf.Release()
	is(e, p.Close(), nil)
	for _, op := range all {
		is(e, p.Submit(op), net.ErrClosed)
		isClosed(e, op)
	}
	equal(e, "nothing left", r.Buf.Len() == 0 && s.Info == nil && o.File == nil && pooled.Buf == nil, true)
}
