package sim

import (
	"fmt"
	"slices"
	"syscall"

	"github.com/completionport/completion/internal/backend"
	"github.com/completionport/completion/internal/core"
)

// connection is a handle of the port and the socket behind it.
type connection struct {
	handle     *core.Handle
	socket     *socket
	closeTried bool // Close was called on it
	closed     bool // Close has returned
	atClose    int  // how often its close function was called
}

// operation is an operation that actors submit. It may be used again.
type operation struct {
	core.Record
	core.Carrier
	core.Copier
	core.Seeker
	world  *world
	number int
	use    *use // the current one

	kind     backend.Kind
	conn     *connection
	buffer   *core.Buffer
	own      core.Buffer
	second   core.Buffer // the rest of memory, if it has two
	memory   []byte      // of own, and of second
	hasTwo   bool
	vector   core.Vector // used if it has two buffers
	pool     *core.Pool
	full     bool
	address  backend.Address
	due      int64
	deadline int64
	from     *connection // of a copy, as count and some
	count    int64
	some     bool
	batch    int           // how many datagrams; 0 for one that is no batch
	several  []core.Buffer // of a batch
	memories [][]byte      // of several

	source *file // of a write from a file
	offset int64

	delimiter string      // of a read up to a delimiter, else empty
	kept      []byte      // what its next use begins with
	keptOf    *connection // where that is from
	shadow    []byte      // what its memory must have until then

	accepted  *core.Handle
	late      *core.Buffer
	lates     []*core.Buffer // of a pooled batch
	delivered int

	cancelling int // calls of Cancel under way
	moving     int // calls of SetDeadline under way
}

var _ core.Operation = (*operation)(nil)

// N and Err are for programs. The simulator uses the record.
func (o *operation) N() int     { return 0 }
func (o *operation) Err() error { return nil }

func (o *operation) Describe(r *core.Request) {
	*r = core.Request{Kind: o.kind, Full: o.full, Buffer: o.buffer, Pool: o.pool, Due: o.due, Deadline: o.deadline}
	if o.isVector() {
		r.Buffer, r.Vector = nil, &o.vector
		o.vector.Bufs = append(o.vector.Bufs[:0], &o.own, &o.second)
	}
	if o.conn != nil {
		r.Handle = o.conn.handle
	}
	o.describeUntil(r)
	switch o.kind {
	case backend.Connect:
		r.Address = &o.address
	case backend.Receive, backend.Send:
		o.describeDatagrams(r)
	case backend.Copy:
		o.describeCopy()
	case backend.Write:
		if o.source != nil {
			o.describeSend(r)
		}
	case backend.Work:
		r.Target = o
	}
}

// setMemory gives o new memory of its own, in two buffers if it is large.
func (o *operation) setMemory(size int) {
	first := size
	if o.hasTwo = size > 5; o.hasTwo {
		first = size / 2
	}
	o.memory = make([]byte, size)
	o.own.Set(o.memory[:first])
	o.second.Set(o.memory[first:])
	o.buffer = &o.own
}

func (o *operation) isVector() bool { return o.buffer == &o.own && o.hasTwo }

// bytes returns what the buffers of o hold, as their owner may.
func (o *operation) bytes() []byte {
	if o.buffer != &o.own {
		return o.buffer.Bytes()
	}
	first, second := o.own.Bytes(), o.second.Bytes()
	if len(second) > 0 && len(first) < len(o.own.Memory()) {
		return nil // a gap: no read leaves one
	}
	return o.memory[:len(first)+len(second)]
}

// poison overwrites the memory of o, as its owner may.
func (o *operation) poison() {
	o.own.Memory() // panics if the caller does not own it
	if o.seeks() {
		return // see keepUntil
	}
	o.second.Memory()
	copy(o.memory, poisoned)
	for i := range o.several {
		copy(o.several[i].Memory(), poisoned)
	}
}

func (o *operation) Deliver(r core.Result) {
	o.accepted, o.late = r.Accepted, r.Buffer
	o.delivered++
	if o.kind == backend.Receive && o.pool != nil && o.batch > 0 {
		o.lates = slices.Clone(core.DatagramsOf(&o.Carrier).Buffers)
	}
}

// use is one use of an operation: what was requested, and what is known of it.
type use struct {
	op     *operation
	number int
	kind   backend.Kind
	late   bool
	socket *socket // nil for a post, a timer or a borrow
	half   *use    // of a copy: its half in, which is in no other list than that of its socket
	whole  *use    // of a half in: the copy

	started  bool // by Start: Wait delivers it
	awaited  *simContext
	waiting  bool // an actor is inside Wait or Await for it
	began    int  // the step at which Submit was called
	returned int  // the step at which Submit returned, 0 before
	batch    int
	index    int
	ticket   core.Ticket

	memory []byte // of the buffer
	expect []byte // the bytes to write
	total  int

	calls   int // system calls
	moved   int // bytes
	offset  int // of its first byte in the stream
	lastAt  int // the step of its last call
	sawEnd  bool
	errno   syscall.Errno // of its last call, if that was refused
	short   bool          // the last call of a half in was a short read
	product *socket

	got          []letter // datagrams that were received, as far as there was room
	truncated    []bool   // whether there was not room for all of them
	errorBehind  bool     // its call has returned an errno beside them
	parts        [][]byte // datagrams to send
	cut          bool     // a layer has taken bytes of it that are not sent
	ready        bool     // a poll has found its socket ready
	copied       []byte   // by a copy from its source, be they sent or not
	done         int      // how many of them were sent
	result       outcome  // of its call, if the work pool performs it
	tried        bool     // a try has found nothing
	had          int      // of a read up to a delimiter: how many bytes it began with
	text         []byte   // these, and what it has read
	gained       int      // see read
	sourced      int      // of a write from a file: what it has read for this call
	sourceFailed bool     // that has failed

	refusedAtOnce bool  // none of its calls may reach the kernel
	cancelFirst   bool  // the context of its Await had ended
	debt          debt  // since when it has timed out
	deadline      int64 // the current one, if known for sure
	sure          bool
	earliest      int64 // of all deadlines that it ever had
	cancelTried   bool
	cancelled     bool // a cancel was recorded
	handedOut     bool // delivered
	taken         int  // the step at which it was delivered
	n             int64
	failure       *core.Failure
}

func (u *use) String() string {
	s := fmt.Sprintf("%v %d", u.kind, u.number)
	if u.op.seeks() {
		s += fmt.Sprintf(" until %q", u.op.delimiter)
	}
	if u.isSend() {
		s += " from a file"
	}
	if u.late {
		s = "late " + s
	}
	if u.socket != nil {
		s += fmt.Sprintf(" of socket %d", u.socket.number)
	}
	return s
}

func (u *use) phase() core.Phase {
	if u.whole != nil {
		return core.CopyingOf(&u.op.Copier).PhaseIn()
	}
	return core.PhaseOf(&u.op.Record)
}

// unfinished reports whether the use has no outcome yet.
func (u *use) unfinished() bool {
	if u.submitted().handedOut {
		return false
	}
	switch u.phase() {
	case core.Accepted, core.Queued, core.Calling, core.Inside:
		return true
	}
	return false
}

// holds returns how many buffers of a pool the operation holds.
func (u *use) holds() (n int) {
	switch {
	case u.handedOut || !u.late:
	case u.kind == backend.Borrow:
		if u.op.late != nil {
			return 1
		}
	case u.kind == backend.Receive:
		for _, l := range u.got {
			n += min(len(l.bytes), 1)
		}
	case u.moved > 0:
		return 1
	}
	return n
}

// before reports whether u was certainly submitted before v.
func (u *use) before(v *use) bool {
	u, v = u.submitted(), v.submitted()
	if u.batch == v.batch {
		return u.index < v.index
	}
	return u.returned > 0 && u.returned < v.began
}

// sideOf returns the direction of a kind: 0 in, 1 out.
func sideOf(k backend.Kind) int {
	switch k {
	case backend.Read, backend.Accept, backend.Borrow, backend.Receive, backend.ReadAt, backend.CopyIn, backend.PollIn:
		return 0
	}
	return 1
}
