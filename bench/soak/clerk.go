package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/completionport/completion"
	"github.com/completionport/completion/ops"
)

// papers counts operations of the work pool.
type papers struct {
	files, done     atomic.Uint64 // done: operations of files that have succeeded
	works, unworked atomic.Uint64 // unworked: cancelled before a goroutine began them
}

const (
	blocks    = 24   // of a file
	blockSize = 6000 // no multiple of a page
	workers   = 6    // fewer than the operations of two clerks, so that they wait
)

// clerk writes files and reads them again. One operation that ends with an error has done
// nothing: neither a cancel nor a close can stop a call of the system half-way.
type clerk struct {
	*world
	style  style
	random *rand.Rand
	path   string
	file   *completion.File
	seeds  [blocks]uint64 // of what each block holds, 0 for nothing
	size   int64

	writes   [blocks]ops.WriteAt
	reads    [blocks]ops.ReadAt
	buffers  [blocks]completion.Buffer
	memory   [blocks][blockSize]byte
	expected [blockSize]byte
}

func (w *world) newClerk(number int) *clerk {
	c := &clerk{world: w, random: rand.New(rand.NewPCG(w.seed, uint64(number)<<48))}
	c.path = filepath.Join(w.folder, fmt.Sprint("clerk", number))
	c.style = awaiting{w.clientPort}
	if number%2 == 0 {
		c.style = queued{w.clientPort}
	}
	return c
}

// run writes files until the world stops.
func (c *clerk) run() {
	for first := true; first || !c.stopping.Load(); first = false {
		c.seeds, c.size = [blocks]uint64{}, 0
		if !c.open(os.O_RDWR | os.O_CREATE | os.O_TRUNC) {
			return
		}
		for rounds := 1 + c.random.IntN(8); rounds > 0 && c.failure.Load() == nil; rounds-- {
			c.write()
			c.works()
			c.truncate()
			c.read()
		}
		c.close()
		c.append()
		os.Remove(c.path)
		c.papers.files.Add(1)
	}
}

func (c *clerk) begin(op completion.Operation) {
	if err := c.style.begin(op); err != nil {
		panic(err) // the port is closed after the last clerk
	}
}

// do performs an operation that nothing disturbs.
func (c *clerk) do(what string, op completion.Operation) bool {
	c.begin(op)
	c.style.end(op)
	return c.succeeds(what, op.Err())
}

// succeeds reports whether an operation has succeeded. Nothing but a disturbance excuses it.
func (c *clerk) succeeds(what string, err error) bool {
	switch {
	case err == nil:
		c.papers.done.Add(1)
		return true
	case c.faults > 0 && (errors.Is(err, completion.ErrCanceled) || errors.Is(err, os.ErrDeadlineExceeded)):
		return false
	}
	c.fail(fmt.Errorf("%s: %s: %w", c.path, what, err))
	return false
}

func (c *clerk) open(flag int) bool {
	open := &ops.OpenFile{Path: c.path, Flag: flag, Perm: 0o600}
	ok := c.do("open", open)
	c.file = open.File
	return ok
}

// disturb cancels an operation that was just submitted, or lets it time out, now and then.
func (c *clerk) disturb(op completion.Operation) {
	if c.random.Float64() >= float64(c.faults) {
		return
	}
	c.disturbances.Add(1)
	if c.random.IntN(2) == 0 {
		c.clientPort.Cancel(op)
		return
	}
	c.clientPort.SetDeadline(op, completion.After(time.Duration(c.random.Int64N(int64(time.Millisecond)))))
}

// write writes several blocks at a time, and syncs them.
func (c *clerk) write() {
	var seeds [blocks]uint64
	for i := range blocks {
		if c.random.IntN(2) == 0 {
			continue
		}
		seeds[i] = c.random.Uint64()
		fill(c.memory[i][:], seeds[i], 0)
		c.buffers[i].Set(c.memory[i][:])
		c.writes[i] = ops.WriteAt{To: c.file, Buf: &c.buffers[i], Offset: int64(i) * blockSize}
		c.begin(&c.writes[i])
		c.disturb(&c.writes[i])
	}
	for i, seed := range seeds {
		if seed == 0 {
			continue
		}
		w := &c.writes[i]
		c.style.end(w)
		if c.succeeds("write", w.Err()) {
			c.seeds[i], c.size = seed, max(c.size, int64(i+1)*blockSize)
		}
		if done := w.Err() == nil; done != (w.N() == blockSize) || !done && w.N() != 0 {
			c.fail(fmt.Errorf("%s: %d bytes of a block are written: %w", c.path, w.N(), w.Err()))
		}
	}
	if c.random.IntN(4) == 0 {
		c.do("sync", &ops.Sync{On: c.file})
	}
}

// truncate makes the file shorter or longer, by whole blocks.
func (c *clerk) truncate() {
	if c.random.IntN(3) > 0 {
		return
	}
	n := c.random.IntN(blocks)
	if !c.do("truncate", &ops.Truncate{On: c.file, Size: int64(n) * blockSize}) {
		return
	}
	c.size = int64(n) * blockSize
	clear(c.seeds[n:])
	stat := &ops.Stat{On: c.file}
	if c.do("stat", stat) && stat.Info.Size() != c.size {
		c.fail(fmt.Errorf("%s: %d bytes, not %d", c.path, stat.Info.Size(), c.size))
	}
}

// read reads all blocks at a time, half of them into buffers of a pool.
func (c *clerk) read() {
	for i := range blocks {
		c.reads[i] = ops.ReadAt{From: c.file, Offset: int64(i) * blockSize}
		if c.random.IntN(2) == 0 {
			c.reads[i].Pool = c.blocks
		} else {
			c.buffers[i].Set(c.memory[i][:])
			c.reads[i].Buf = &c.buffers[i]
		}
		c.begin(&c.reads[i])
		c.disturb(&c.reads[i])
	}
	for i := range blocks {
		r := &c.reads[i]
		c.style.end(r)
		c.checkRead(i, r)
		r.Release()
	}
}

// checkRead checks a block: what was written last, zeros if that is nothing, or the end.
func (c *clerk) checkRead(i int, r *ops.ReadAt) {
	want := int(min(max(c.size-int64(i)*blockSize, 0), blockSize))
	switch err := r.Err(); {
	case err == io.EOF && want == 0 && r.N() == 0:
		return
	case !c.succeeds("read", err):
		if r.N() != 0 {
			c.fail(fmt.Errorf("%s: %d bytes are read: %w", c.path, r.N(), err))
		}
		return
	case r.N() != want:
		c.fail(fmt.Errorf("%s: %d of %d bytes of block %d are read", c.path, r.N(), want, i))
		return
	}
	clear(c.expected[:])
	if c.seeds[i] != 0 {
		fill(c.expected[:], c.seeds[i], 0)
	}
	if string(r.Buf.Bytes()) != string(c.expected[:want]) {
		c.fail(fmt.Errorf("%s: block %d has other bytes than were written", c.path, i))
	}
}

// append appends pieces, in their order and without waiting, and reads them all.
func (c *clerk) append() {
	if c.failure.Load() != nil || !c.open(os.O_RDWR|os.O_CREATE|os.O_TRUNC|os.O_APPEND) {
		return
	}
	var appends [blocks]ops.Append
	var want []byte
	for i := range blocks {
		p := c.memory[i][:1+c.random.IntN(blockSize)]
		fill(p, c.random.Uint64(), 0)
		c.buffers[i].Set(p)
		appends[i] = ops.Append{To: c.file, Buf: &c.buffers[i]}
		c.begin(&appends[i])
		c.disturb(&appends[i])
	}
	for i := range appends {
		c.style.end(&appends[i])
		if c.succeeds("append", appends[i].Err()) {
			want = append(want, c.buffers[i].Bytes()...)
		}
	}
	if len(want) > 0 {
		all := &ops.ReadAt{From: c.file, Buf: completion.Own(make([]byte, len(want)+1))}
		if c.do("read", all) && string(all.Buf.Bytes()) != string(want) {
			c.fail(fmt.Errorf("%s: it has other bytes than were appended", c.path))
		}
	}
	c.close()
}

// close closes the file in one of three ways, and the last write ends with it.
func (c *clerk) close() {
	if c.file == nil {
		return
	}
	c.buffers[0].Set(c.memory[0][:])
	c.reads[0] = ops.ReadAt{From: c.file, Buf: &c.buffers[0], Offset: 0}
	c.begin(&c.reads[0])
	if c.random.IntN(2) == 0 {
		c.do("close", &ops.CloseFile{On: c.file})
	} else if err := c.file.Close(); err != nil {
		c.fail(fmt.Errorf("%s: close: %w", c.path, err))
	}
	c.style.end(&c.reads[0])
	if err := c.reads[0].Err(); err != nil && err != io.EOF && !errors.Is(err, fs.ErrClosed) {
		c.fail(fmt.Errorf("%s: a read of a file that is closed: %w", c.path, err))
	}
	c.file = nil
}

// works submits functions, and cancels some while they wait or run.
func (c *clerk) works() {
	var works [8]ops.Work
	var calls [8]atomic.Int32
	for i := range works {
		works[i].Func = func(ctx context.Context) error {
			calls[i].Add(1)
			time.Sleep(time.Duration(i) * 10 * time.Microsecond)
			return ctx.Err()
		}
		c.begin(&works[i])
		c.disturb(&works[i])
	}
	for i := range works {
		c.style.end(&works[i])
		done := c.succeeds("work", works[i].Err())
		switch n := calls[i].Load(); {
		case n > 1 || done && n == 0:
			c.fail(fmt.Errorf("a function is called %d times: %w", n, works[i].Err()))
		case n == 0:
			c.papers.unworked.Add(1)
		}
		c.papers.works.Add(1)
	}
}
