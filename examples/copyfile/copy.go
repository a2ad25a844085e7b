package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/completionport/completion"
	"github.com/completionport/completion/ops"
)

// job is one copy.
type job struct {
	*options
	port     *completion.Port
	pool     *completion.Pool
	progress io.Writer

	from, to *completion.File
	mode     fs.FileMode
	size     int64 // of the original, when the copy began

	next    int64 // the offset of the next read
	done    int64 // bytes copied, or compared
	percent int64 // shown
}

// block is a read of the original, and what is done with it: a write of the copy, or a read of
// the same place of the copy. A block is used again when it is done.
type block struct {
	read  ops.ReadAt
	write ops.WriteAt
	other ops.ReadAt
	left  int // reads of both files that have not ended
}

// open opens both files. The copy must not exist: it is not the original then, either.
func (j *job) open(ctx context.Context) error {
	from := &ops.OpenFile{Path: j.options.from, Flag: os.O_RDONLY}
	if err := j.port.Await(ctx, from); err != nil {
		return err
	}
	j.from = from.File
	stat := &ops.Stat{On: j.from}
	if err := j.port.Await(ctx, stat); err != nil {
		return err
	}
	if !stat.Info.Mode().IsRegular() {
		return fmt.Errorf("%s is no regular file", j.options.from)
	}
	j.size, j.mode = stat.Info.Size(), stat.Info.Mode().Perm()
	to := &ops.OpenFile{Path: j.options.to, Flag: os.O_RDWR | os.O_CREATE | os.O_EXCL, Perm: j.mode | 0o200}
	if err := j.port.Await(ctx, to); err != nil {
		return err
	}
	j.to = to.File
	return nil
}

// copy copies all blocks, and then compares them.
func (j *job) copy(ctx context.Context) error {
	if err := j.pass(ctx, "copying", j.startCopy, j.copied); err != nil {
		return err
	}
	if err := j.port.Await(ctx, &ops.Sync{On: j.to}); err != nil || !j.verify {
		return err
	}
	return j.pass(ctx, "verifying", j.startCompare, j.compared)
}

// pass goes over the file once: it starts as many blocks as the depth, and one more whenever a
// block is done. It calls handle with each operation that has ended. handle returns the block of
// the operation if the block is done.
func (j *job) pass(ctx context.Context, what string, start func(*block), handle func(completion.Operation) (*block, error)) error {
	j.next, j.done, j.percent = 0, 0, -1
	inFlight := 0
	for ; inFlight < j.depth && j.next < j.size; inFlight++ {
		start(new(block))
	}
	for inFlight > 0 {
		op, err := j.port.Next(ctx)
		if err != nil {
			return err
		}
		b, err := handle(op)
		if err != nil {
			return err
		}
		if b == nil {
			continue
		}
		inFlight--
		j.show(what)
		if j.next < j.size {
			start(b)
			inFlight++
		}
	}
	fmt.Fprintln(j.progress)
	return nil
}

// place returns the offset of the next block.
func (j *job) place() int64 {
	at := j.next
	j.next += int64(j.block)
	return at
}

func (j *job) startCopy(b *block) {
	b.read = ops.ReadAt{From: j.from, Pool: j.pool, Offset: j.place(), Op: completion.Op{Value: b}}
	j.port.Submit(&b.read)
}

// copied writes a block that was read. A block that was written is done.
func (j *job) copied(op completion.Operation) (*block, error) {
	if err := op.Err(); err != nil {
		return nil, fmt.Errorf("at byte %d: %w", j.done, err)
	}
	switch op := op.(type) {
	case *ops.ReadAt:
		b := op.Value.(*block)
		b.write = ops.WriteAt{To: j.to, Buf: op.Buf, Offset: op.Offset, Op: completion.Op{Value: b}}
		return nil, j.port.Submit(&b.write)
	case *ops.WriteAt:
		op.Buf.Release()
		j.done += int64(op.N())
		return op.Value.(*block), nil
	}
	return nil, fmt.Errorf("unexpected %T", op)
}

// startCompare reads both files. They have one pool, of two buffers for each block: a block that
// has one gets the other, since each file's reads get buffers in the order of their Submits.
func (j *job) startCompare(b *block) {
	at := j.place()
	b.left = 2
	b.read = ops.ReadAt{From: j.from, Pool: j.pool, Offset: at, Op: completion.Op{Value: b}}
	b.other = ops.ReadAt{From: j.to, Pool: j.pool, Offset: at, Op: completion.Op{Value: b}}
	j.port.Submit(&b.read, &b.other)
}

// compared compares a block of which both reads have ended.
func (j *job) compared(op completion.Operation) (*block, error) {
	if err := op.Err(); err != nil {
		return nil, fmt.Errorf("verifying: %w", err)
	}
	b := op.(*ops.ReadAt).Value.(*block)
	if b.left--; b.left > 0 {
		return nil, nil
	}
	equal := bytes.Equal(b.read.Buf.Bytes(), b.other.Buf.Bytes())
	j.done += int64(b.read.N())
	b.read.Release()
	b.other.Release()
	if !equal {
		return nil, fmt.Errorf("%s differs from the original within %d bytes from %d", j.options.to, j.block, b.read.Offset)
	}
	return b, nil
}

// show writes the progress, at each percent.
func (j *job) show(what string) {
	if p := j.done * 100 / max(j.size, 1); p != j.percent {
		j.percent = p
		const width = 40
		bar := bytes.Repeat([]byte("#"), int(p)*width/100)
		fmt.Fprintf(j.progress, "\r%-9s [%-*s] %3d %%", what, width, bar, p)
	}
}

// finish closes the copy. If that fails, the copy may be incomplete.
func (j *job) finish(ctx context.Context) error {
	if j.done != j.size {
		return fmt.Errorf("%s has changed its size: %d bytes were copied, of %d", j.options.from, j.done, j.size)
	}
	return j.port.Await(ctx, &ops.CloseFile{On: j.to})
}
