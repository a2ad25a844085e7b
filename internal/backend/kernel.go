package backend

import (
	"math"
	"net"
	"net/netip"
)

// FileSender is a Kernel that sends from a file to a socket without copying to the program.
type FileSender interface {
	Kernel
	// SendFile sends up to n bytes of file, from the position at, and returns 0 bytes at
	// the end of the file. supported is false if it can't do so for these two; then it has
	// moved nothing.
	SendFile(fd int, file uintptr, at int64, n int) (moved int, errno Errno, supported bool)
}

// Splicer is a Direct kernel that moves bytes between sockets without copying them to the
// program: from a socket to a pipe, and from the pipe to another socket.
type Splicer interface {
	Direct
	// OpenPipe makes an empty pipe.
	OpenPipe() (Pipe, Errno)
	// ClosePipe closes a pipe, which may have bytes.
	ClosePipe(Pipe)
	// CanSplice reports whether the calls never block for these two sockets, and move all
	// that a read and a write would.
	CanSplice(from, to int) bool
	// PaysToSplice reports whether a pipe is cheaper than memory if there are n bytes: so many
	// the last call took, 0 if there was none.
	PaysToSplice(n int) bool
	// SpliceIn moves up to n bytes to a pipe that is empty. It returns 0 bytes at the end of
	// the stream, and EAGAIN if the socket has none. supported is false if it can't do so
	// for this socket, or can't tell the end from urgent data; then it has moved nothing, and a
	// read finds out.
	SpliceIn(from int, p Pipe, n int) (moved int, errno Errno, supported bool)
	// SpliceOut moves up to n bytes of the pipe, which has them.
	SpliceOut(p Pipe, to, n int) (moved int, errno Errno)
}

// Pipe is the two descriptors of a pipe. The zero Pipe is none.
type Pipe struct{ Out, In int32 }

// Messenger is a Kernel that moves descriptors and credentials with the bytes of a stream.
type Messenger interface {
	Kernel
	// ReadControl is ReadV that also stores what accompanies the bytes. If it returns 0 bytes
	// or an errno, there is nothing.
	ReadControl(fd int, parts [][]byte, c *Control) (int, Errno)
	// WriteControl is WriteV with descriptors or credentials, which go with the first byte.
	WriteControl(fd int, parts [][]byte, c *Control) (int, Errno)
}

// Prober is a Kernel that reports readiness alone.
type Prober interface {
	Kernel
	// Probe reports whether a Read (for PollIn) or a Write (for PollOut) of at least a byte
	// would not wait now, be it since it would fail. It moves nothing. If it reports false, an
	// event follows as soon as that changes.
	Probe(fd int, kind Kind) bool
}

// MostParts is the largest number of parts of one ReadV or WriteV. It is far below what
// systems accept (IOV_MAX), so that their description fits into a stack frame.
const MostParts = 64

// Kernel performs the system calls, none of which blocks. It reports errors
// as the system does. Classify returns what they mean.
type Kernel interface {
	// Now is the port's clock: nanoseconds, monotonic, above 0.
	Now() int64
	// Read moves bytes into p. For a Native kernel, it is called only after a read of no
	// bytes has ended, or one that has filled its memory, or for a handle with a layer.
	Read(fd int, p []byte) (int, Errno)
	// Write moves what there is room for. For a Native kernel, it is called only for a
	// handle with a layer, while no write is inside.
	Write(fd int, p []byte) (int, Errno)
	// ReadV and WriteV are Read and Write with one to MostParts parts, none of them empty,
	// which are filled or sent in their order. A Native kernel must not have an operation
	// of that direction inside, and has no other condition.
	ReadV(fd int, parts [][]byte) (int, Errno)
	WriteV(fd int, parts [][]byte) (int, Errno)
	CloseWrite(fd int) Errno
	// Receive stores datagrams that are there, one in each message, and returns how many.
	// An errno is that of the datagram behind those n: it has been taken from the socket,
	// and no later call returns it. So an errno of the class WouldBlock or Again comes
	// beside 0 only. For a Native kernel, it is called as Read is, or instead of a Start.
	Receive(fd int, messages []Message) (n int, errno Errno)
	// Send sends one datagram for each message, as far as there is room, and returns how
	// many the system has taken. Each is taken as a whole. An errno comes beside 0 only:
	// that of a later message is returned by the call that begins with it. For a Native
	// kernel, it is called while no send is inside.
	Send(fd int, messages []Message) (n int, errno Errno)
	Close(fd int) Errno
	// Classify returns what an errno means that a call for an operation of this kind has
	// returned.
	Classify(Kind, Errno) Class
}

// Direct is a kernel of readiness: each call moves what can be moved now. A call that
// returns an errno has moved nothing: the engine ignores the number beside it.
type Direct interface {
	Kernel
	Accept(fd int) (int, Errno)
	// Connect begins a connect. An errno of the class WouldBlock means that the connect is
	// under way.
	Connect(fd int, to Address) Errno
	// Connected returns how a connect under way has ended: 0 for success, an errno of
	// the class WouldBlock if it has not ended.
	Connected(fd int) Errno
}

// Native is a kernel that performs operations by itself and reports their end.
type Native interface {
	Kernel
	// Start begins an Accept, a Connect (to an address), a Read or a Write. A read of no
	// bytes ends when there is data or the end of the stream, and takes nothing. If the kernel
	// is a Prober, a FileSender or a Messenger, it also begins a PollOut, which ends when there
	// is room, or when a write would fail. A Prober also begins a PollIn: a read of no bytes that
	// takes no error, either. Finish and Abandon are told the kind of the operation for
	// which the engine waits, which is a Read for a PollIn.
	//
	// If the operation is pending, an event reports its end, possibly before Start has
	// returned, and Finish returns its result. Otherwise it has ended with n and errno:
	// no event follows, and Finish is not called.
	//
	// n is the number of bytes moved, also beside an errno; for an accept it is the new
	// descriptor. The kernel owns data while the operation is inside it.
	Start(fd int, kind Kind, data []byte, to *Address) (n int, errno Errno, pending bool)
	// StartMessage is Start for a Receive or a Send of one datagram, which ends with n 1 if
	// it succeeds. The kernel owns the message until Finish has returned. A Receive without
	// Data ends when there is a datagram or an error, and takes nothing: its errno is one of
	// the class Again, or says that the system had no memory to wait with.
	StartMessage(fd int, kind Kind, m *Message) (n int, errno Errno, pending bool)
	// Finish returns the result of a pending operation whose event has arrived.
	Finish(fd int, kind Kind) (n int, errno Errno)
	// Abandon asks once for the early end of a pending operation that has not been
	// finished. The engine makes one such call for a direction at a time. The event
	// arrives all the same, at any time. An operation that ended because of Abandon alone
	// has an errno of the class Again; the count of a write may be too low then. A kernel that
	// knows that a write has moved nothing returns an errno of the class WouldBlock instead.
	//
	// heard is false if the kernel has found nothing to end: the operation has ended and
	// its event is still to arrive, or the kernel is busy with it just now. The engine asks
	// again if no event arrives.
	Abandon(fd int, kind Kind) (heard bool)
	// AcceptAhead tells the kernel to expect n Accepts of fd, including the pending one, so
	// that it can accept as many connections at once: the next Starts return the others. It
	// may be called repeatedly, and without need. ended reports that the pending accept has
	// ended during the call, and that no event follows. The rules of Abandon for calls hold
	// for AcceptAhead, too.
	AcceptAhead(fd, n int) (ended bool)
}

// ReportsOnce is a Native kernel that reports a reset to one operation only, as the calls of a
// Direct kernel do.
type ReportsOnce interface {
	Native
	// IsOver reports whether both directions of a connection have ended, so that what is
	// inside ends soon.
	IsOver(fd int) bool
}

// Selector is a Native kernel that selects the buffer of a read when there is data, from those
// that it was given for that.
type Selector interface {
	Native
	// OpenGroup opens an empty group for n buffers, a power of 2. ok is false if the kernel has
	// no groups, or none left.
	OpenGroup(n int) (g BufferGroup, ok bool)
	// Provide puts memory into a group, as its buffer of that number, which is below n. The
	// kernel owns it until Selected has returned the number. One goroutine at a time makes this
	// call for a group. It may come after the close of the port.
	Provide(g BufferGroup, number int, memory []byte)
	// StartSelected begins a Read into a buffer of g. An event reports its end, as after Start.
	// Finish returns what a read of no bytes returns if nothing was taken, and that reads can be
	// tried: at the end of the stream, and perhaps without a buffer in g.
	StartSelected(fd int, g BufferGroup)
	// Selected returns the number of the buffer that the read which Finish has just finished has
	// taken out of its group, or -1 if it has taken none. lacked reports that the group had none
	// for its data.
	Selected(fd int) (number int, lacked bool)
}

// BufferGroup is a set of buffers of a Selector.
type BufferGroup int32

// FileReader is a Native kernel that performs ReadAts of files. Any number of them may be inside
// for one file, and they end in any order.
type FileReader interface {
	Native
	// StartReadAt begins a ReadAt, and reports false if it can't: then it has done nothing. file
	// is the system's number for a regular file or a block device, whose reads end by
	// themselves. data is not empty, and offset is not negative.
	//
	// An event with EndedReadAt reports the end, possibly before StartReadAt has returned. Its FD
	// is the number of the request, its Generation is 0. The kernel owns data until FinishReadAt
	// is called, and keeps data and owner reachable.
	StartReadAt(file int, data []byte, offset int64, owner any) bool
	// FinishReadAt returns the owner and the result of a request whose event has arrived, and
	// ends the request. Without an errno, n may be below the length of data, and is 0 at the end
	// of the file.
	FinishReadAt(number int) (owner any, n int, errno Errno)
}

// Mortal is a Native kernel whose operations may all begin to fail: what performs them has ended.
type Mortal interface {
	Native
	// Ended returns the call of the system that has failed for good, with its errno, which is 0 as
	// long as none has. What needs the kernel ends with this errno from then on, also what was
	// inside, be it abandoned or not, and Classify returns Failed for it.
	Ended() (call string, errno Errno)
}

// Class is what an errno means to the engine.
type Class uint8

const (
	// Failed ends the operation, and says nothing about the next. For a Receive or a Send, an
	// errno is of this class, of WouldBlock or of Again.
	Failed Class = iota
	// WouldBlock: the direction is exhausted (EAGAIN), or a connect is under way
	// (EINPROGRESS). An event will come.
	WouldBlock
	// Again: the call did nothing and is made once more (EINTR, a connection
	// that died in the backlog).
	Again
	// Fatal ends the operation and the connection: the handle remembers it.
	Fatal
	// BrokenPipe: the write side is gone (EPIPE). If another call has returned a Fatal
	// errno, that says why.
	BrokenPipe
)

// Kind is what an operation does.
type Kind uint8

const (
	Post Kind = iota + 1
	Timer
	Accept
	Connect
	Read
	Write
	CloseWrite
	Dial   // has a goroutine of its own: no kernel is called
	Borrow // waits for a buffer of a pool: no kernel is called
	// Handshake has a goroutine of its own, which submits other operations.
	Handshake
	// Copy has two halves: itself, which sends, and a CopyIn, which receives.
	Copy
	// The work pool performs the operations from Work to CloseFile: no kernel is called.
	// Those from OpenFile on concern files.
	Work
	OpenFile
	ReadAt
	WriteAt
	Append
	Sync
	Stat
	Truncate
	CloseFile
	Receive // of datagrams
	Send    // of datagrams
	// Signal and Process have a goroutine of their own, as Dial.
	Signal
	Process
	CopyIn // the half of a Copy that receives: not an operation of the program
	// PollIn and PollOut wait until a call in that direction need not wait.
	PollIn
	PollOut
)

var kindNames = [...]string{"", "post", "timer", "accept", "connect", "read", "write", "closewrite", "dial", "borrow", "handshake", "copy",
	"work", "openfile", "readat", "writeat", "append", "sync", "stat", "truncate", "closefile", "receive", "send",
	"signal", "process", "copy", "poll", "poll"}

// String returns the word that error texts use.
func (k Kind) String() string { return kindNames[k] }

// Address is a resolved address: a unix path if Path is set.
type Address struct {
	Inet netip.AddrPort
	Path string
	// BadPort reports that the port number is out of range. Inet has another one then.
	BadPort bool
}

// AddressOf returns an address of package net as an Address. An address of another type,
// or a nil pointer, is the zero Address. No method of such a value is called.
func AddressOf(addr net.Addr) (a Address) {
	switch to := addr.(type) {
	case *net.TCPAddr:
		if to != nil {
			a.Inet = to.AddrPort() // which cuts the port to 16 bits
			a.BadPort = to.Port < 0 || to.Port > math.MaxUint16
		}
	case *net.UnixAddr:
		if to != nil {
			a.Path = to.Name
		}
	}
	return a
}

// AddrPortOf returns the host and the port of an address of an internet socket. An IPv4 address
// is not in the form of IPv6. For any other, it returns the zero AddrPort.
func AddrPortOf(addr net.Addr) netip.AddrPort {
	tcp, ok := addr.(*net.TCPAddr)
	if !ok {
		return netip.AddrPort{}
	}
	a := tcp.AddrPort()
	return netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
}
