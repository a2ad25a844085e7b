package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"time"

	"github.com/completionport/completion"
	"github.com/completionport/completion/ops"
)

// style is how a client waits for its operations.
type style interface {
	// begin gives an operation to the port. end returns when it is delivered.
	begin(completion.Operation) error
	end(completion.Operation)
}

// awaiting starts operations and waits for them.
type awaiting struct{ port *completion.Port }

func (a awaiting) begin(op completion.Operation) error { return a.port.Start(op) }
func (a awaiting) end(op completion.Operation)         { a.port.Wait(context.Background(), op) }

// queued submits operations. A loop that dequeues for all connections calls report.
type queued struct{ port *completion.Port }

// valueOf returns the field Value of an operation.
func valueOf(op completion.Operation) *any {
	switch op := op.(type) {
	case *ops.Connect:
		return &op.Value
	case *ops.Read:
		return &op.Value
	case *ops.Write:
		return &op.Value
	case *ops.CloseWrite:
		return &op.Value
	case *ops.ReadFrom:
		return &op.Value
	case *ops.WriteTo:
		return &op.Value
	case *ops.ReadBatch:
		return &op.Value
	case *ops.WriteBatch:
		return &op.Value
	}
	return valueOfPaper(op)
}

// valueOfPaper is valueOf for operations of the work pool.
func valueOfPaper(op completion.Operation) *any {
	switch op := op.(type) {
	case *ops.OpenFile:
		return &op.Value
	case *ops.ReadAt:
		return &op.Value
	case *ops.WriteAt:
		return &op.Value
	case *ops.Append:
		return &op.Value
	case *ops.Sync:
		return &op.Value
	case *ops.Stat:
		return &op.Value
	case *ops.Truncate:
		return &op.Value
	case *ops.CloseFile:
		return &op.Value
	case *ops.Work:
		return &op.Value
	}
	return nil
}

// report wakes the goroutine that waits for an operation, after its delivery.
func report(op completion.Operation) { (*valueOf(op)).(chan struct{}) <- struct{}{} }

func (q queued) begin(op completion.Operation) error {
	*valueOf(op) = make(chan struct{}, 1)
	return q.port.Submit(op)
}

func (q queued) end(op completion.Operation) { <-(*valueOf(op)).(chan struct{}) }

// client opens connections one after the other.
type client struct {
	*world
	style  style
	random *rand.Rand

	largest int // message

	record     *record
	socket     *completion.Socket
	offset     int64 // in the stream: all bytes before it have been echoed
	connect    ops.Connect
	read       ops.Read
	write      ops.Write
	closeWrite ops.CloseWrite
	in, out    completion.Buffer
	back       []byte
	message    []byte
}

func (w *world) newClient(number int) *client {
	c := &client{world: w, random: rand.New(rand.NewPCG(w.seed, uint64(number))), largest: max(w.size, header)}
	if number%32 < 2 { // one client of each style
		c.largest *= 16
	}
	c.back, c.message = make([]byte, c.largest), make([]byte, c.largest)
	c.style = awaiting{w.clientPort}
	if number%2 == 0 {
		c.style = queued{w.clientPort}
	}
	return c
}

// run opens connections until the world stops, but at least one.
func (c *client) run() {
	for first := true; first || !c.stopping.Load(); first = false {
		socket, err := c.clientPort.Socket("tcp4")
		if err != nil {
			if !isOneOf(err, lost) {
				c.fail(fmt.Errorf("client: socket: %w", err))
			}
			continue
		}
		c.record = c.records.add(c.random.Uint64())
		c.socket, c.offset = socket, 0
		c.limitBuffers(socket)
		if c.open() {
			c.live()
		}
		c.socket.Close()
		c.records.remove(c.record)
		c.opened.Add(1)
	}
}

// begin gives an operation to the port, which accepts all of them.
func (c *client) begin(op completion.Operation) {
	if err := c.style.begin(op); err != nil {
		panic(err) // the port is closed after the last client
	}
}

func (c *client) open() bool {
	c.connect.On, c.connect.To = c.socket, c.server.addresses[c.random.IntN(listeners)]
	c.begin(&c.connect)
	c.style.end(&c.connect)
	if err := c.connect.Err(); err != nil {
		c.judge(c.record, "connect", err)
		return false
	}
	if c.buffer == 0 && c.random.IntN(2) == 0 { // the largest messages are sent in pieces
		c.socket.SetWriteBuffer(4 << 10)
	}
	return true
}

// live sends messages of any size, and ends the connection in some way.
func (c *client) live() {
	messages := 1 + c.random.IntN(30)
	for i := range messages {
		if c.stopping.Load() && i > 0 {
			break
		}
		size := 1 + c.random.IntN(1+c.random.IntN(c.largest)) // mostly small
		if i == 0 {
			size = max(size, header)
		}
		if !c.exchange(size) {
			return
		}
		c.messages.Add(1)
		c.bytes.Add(uint64(size))
	}
	c.record.sent.Store(c.offset)
	if c.random.IntN(2) == 0 {
		return // everything was echoed: a close is a regular end
	}
	c.halfClose()
}

// halfClose ends its stream, and waits for the end of the other side's stream.
func (c *client) halfClose() {
	c.closeWrite.On = c.socket
	c.begin(&c.closeWrite)
	c.style.end(&c.closeWrite)
	if err := c.closeWrite.Err(); err != nil {
		c.judge(c.record, "close write", err)
		return
	}
	c.in.Set(c.back[:1])
	c.read = ops.Read{From: c.socket, Buf: &c.in}
	c.begin(&c.read)
	c.style.end(&c.read)
	if err := c.read.Err(); err != io.EOF {
		c.judge(c.record, "read of the end", err)
	}
}

// disturbance is what happens to a message.
type disturbance int

const (
	none disturbance = iota
	cancelRead
	cancelHalfRead // when at least half of the echo is back
	cancelWrite
	readDeadline
	writeDeadline
	closeAll
	resetAll
	kinds // how many there are
)

// exchange sends a message and reads its echo. It reports whether the connection goes
// on.
func (c *client) exchange(size int) bool {
	what := none
	if c.random.Float64() < float64(c.faults) {
		what = 1 + disturbance(c.random.IntN(int(kinds)-1))
		c.disturbances.Add(1)
	}
	fill(c.message[:size], c.record.seed, c.offset)
	began := time.Now()
	half := size
	if what == cancelHalfRead {
		half = (size + 1) / 2 // a single byte is read whole: a read into no memory would panic
	}
	c.startRead(0, half)
	c.startWrite(0, size)
	c.setDeadline(what)
	c.begin(&c.read)
	c.begin(&c.write)
	c.disturb(what)
	if !c.end(half, size, what) {
		return false
	}
	if err := check(c.back[:size], c.record.seed, c.offset); err != nil {
		c.fail(fmt.Errorf("%v: the client's %w", c.record, err))
		return false
	}
	c.offset += int64(size)
	if what == none {
		c.window.record(time.Since(began))
	}
	return true
}

// end waits for both operations, which have begun, at the same time. A read that was cut
// short continues while the message is still being written. Otherwise, if sockets hold
// less than a message, the server could not send the bytes that the client does not read,
// and would stop reading. If one operation fails, it ends the other.
func (c *client) end(half, size int, what disturbance) bool {
	read := make(chan bool, 1)
	go func() {
		ok := c.endRead(0, half, what) && (half == size || c.readRest(half, size))
		if !ok {
			c.socket.Close()
		}
		read <- ok
	}()
	written := c.endWrite(size, what)
	if !written {
		c.socket.Close()
	}
	return <-read && written
}

func (c *client) startWrite(from, size int) {
	c.out.Set(c.message[from:size])
	c.write = ops.Write{To: c.socket, Buf: &c.out}
}

func (c *client) startRead(from, size int) {
	c.in.Set(c.back[from:size])
	c.read = ops.Read{From: c.socket, Buf: &c.in, Full: true}
}

// endWrite waits for the write, which has begun. If the write was cut short on purpose,
// endWrite sends the rest.
func (c *client) endWrite(size int, what disturbance) bool {
	c.style.end(&c.write)
	written, err := c.write.N(), c.write.Err()
	if what.explains(err, cancelWrite, writeDeadline) {
		if written > 0 && written < size {
			c.writesResumed.Add(1)
		}
		if written < size {
			c.startWrite(written, size)
			c.begin(&c.write)
			c.style.end(&c.write)
		}
		err = c.write.Err()
	}
	if err != nil {
		c.judge(c.record, "the client's write", err)
	}
	return err == nil
}

// endRead is endWrite for the read of the bytes between from and size.
func (c *client) endRead(from, size int, what disturbance) bool {
	c.style.end(&c.read)
	got, err := c.read.N(), c.read.Err()
	if what.explains(err, cancelRead, readDeadline) {
		if got > 0 {
			c.readsResumed.Add(1)
		}
		c.startRead(from+got, size)
		c.begin(&c.read)
		c.style.end(&c.read)
		err = c.read.Err()
	}
	if err != nil {
		c.judge(c.record, "the client's read", err)
	}
	return err == nil
}

// readRest reads the rest of an echo, and cancels the read at once: some bytes have
// probably come by then.
func (c *client) readRest(from, size int) bool {
	c.startRead(from, size)
	c.begin(&c.read)
	c.clientPort.Cancel(&c.read)
	return c.endRead(from, size, cancelRead)
}

// explains reports whether the disturbance is one of the two, and err is its error.
func (d disturbance) explains(err error, canceled, deadline disturbance) bool {
	return d == canceled && errors.Is(err, completion.ErrCanceled) ||
		d == deadline && errors.Is(err, os.ErrDeadlineExceeded)
}

// setDeadline gives an operation a deadline that passes about now.
func (c *client) setDeadline(what disturbance) {
	soon := completion.After(time.Duration(c.random.Int64N(int64(2 * time.Millisecond))))
	switch what {
	case readDeadline:
		c.read.Deadline = soon
	case writeDeadline:
		c.write.Deadline = soon
	}
}

// disturb makes the disturbances that need operations in flight.
func (c *client) disturb(what disturbance) {
	switch what {
	case cancelRead:
		c.clientPort.Cancel(&c.read)
	case cancelWrite:
		c.clientPort.Cancel(&c.write)
	case closeAll, resetAll:
		c.record.disturbed.Store(true)
		if what == resetAll {
			c.socket.SetResetOnClose(true)
		}
		c.socket.Close()
	}
}
