package porttest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"unsafe"

	"github.com/completionport/completion"
	"github.com/completionport/completion/ops"
)

func alignedPool(e *env) {
	p := e.port(nil)
	for _, align := range []int{1, 8, 512, 4096, 1 << 20} {
		pool := p.NewAlignedPool(1000, 3, align)
		for range 3 {
			b := pool.Take()
			equal(e, "size", len(b.Memory()), 1000)
			at := uintptr(unsafe.Pointer(unsafe.SliceData(b.Memory())))
			equal(e, fmt.Sprintf("address modulo %d", align), at%uintptr(align), 0)
		}
		equal(e, "another", pool.Take() == nil, true)
	}
	for _, bad := range [][3]int{{0, 1, 1}, {1, 0, 1}, {1, 1, 0}, {1, 1, -8}, {1, 1, 24}} {
		panics(e, func() { p.NewAlignedPool(bad[0], bad[1], bad[2]) })
	}
}

// fileDirect: direct I/O, where there is such a thing, works with an aligned pool.
func fileDirect(e *env) {
	if direct == 0 {
		e.Skipf("package os has no flag of direct I/O on %s", runtime.GOOS)
	}
	p := e.port(nil)
	pool := p.NewAlignedPool(4096, 2, 4096)
	e.pools = append(e.pools, pool)
	path := filepath.Join(e.folder(), "file")
	f, err := p.OpenFile(path, creating|direct, 0o600)
	if errors.Is(err, syscall.EINVAL) {
		e.Skipf("the file system has no direct I/O: %v", err)
	}
	is(e, err, nil)
	b := pool.Take()
	for i := range b.Memory() {
		b.Memory()[i] = byte(i % 251)
	}
	for i := range 4 {
		is(e, p.Await(e.ctx, &ops.WriteAt{To: f, Buf: b, Offset: int64(i) * 4096}), nil)
	}
	want := string(b.Bytes())
	b.Release()
	for i := range 4 {
		e.submit(p, &ops.ReadAt{From: f, Pool: pool, Offset: int64(i) * 4096})
	}
	for range 4 {
		r := e.next(p).(*ops.ReadAt)
		is(e, r.Err(), nil)
		equal(e, "bytes", string(r.Buf.Bytes()), want)
		r.Release()
	}
}

// directFile returns a file with these bytes, for reads with direct I/O.
func (e *env) directFile(p *completion.Port, all []byte) *completion.File {
	if direct == 0 {
		e.Skipf("package os has no flag of direct I/O on %s", runtime.GOOS)
	}
	path := filepath.Join(e.folder(), "file")
	is(e, os.WriteFile(path, all, 0o600), nil)
	f, err := p.OpenFile(path, os.O_RDONLY|direct, 0)
	if errors.Is(err, syscall.EINVAL) {
		e.Skipf("the file system has no direct I/O: %v", err)
	}
	is(e, err, nil)
	return f
}

// fileDirectMany: more reads that wait for the device than a kernel takes at once end once each,
// with their bytes, the last one with those that are there. Some are cancelled. The CloseFile behind
// them is performed last, but may be dequeued before a read that has ended on another goroutine.
func fileDirectMany(e *env) {
	const block, count = 4096, 600
	p := e.port(nil)
	all := make([]byte, block*(count-1)+block/2)
	for i := range all {
		all[i] = byte(i % 251)
	}
	f := e.directFile(p, all)
	pool := p.NewAlignedPool(block, count, block)
	e.pools = append(e.pools, pool)
	for i := range count {
		r := &ops.ReadAt{From: f, Pool: pool, Offset: int64(i) * block}
		e.submit(p, r)
		if i%7 == 0 {
			p.Cancel(r)
		}
	}
	end := &ops.CloseFile{On: f}
	e.submit(p, end)
	seen := map[completion.Operation]bool{}
	for range count + 1 {
		op := e.next(p)
		equal(e, "dequeued before", seen[op], false)
		seen[op] = true
		r, isRead := op.(*ops.ReadAt)
		if isRead && errors.Is(r.Err(), context.Canceled) {
			continue
		}
		if is(e, op.Err(), nil); isRead {
			equal(e, "bytes", string(r.Buf.Bytes()), string(all[r.Offset:min(int(r.Offset)+block, len(all))]))
			r.Release()
		}
	}
	equal(e, "closed", seen[completion.Operation(end)], true)
}
