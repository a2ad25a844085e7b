// Package fault makes system calls of a port fail, for tests. It stands between the engine
// and a real backend. A function decides for each call whether it fails. Table lists the
// faults and their meanings.
//
// A fault must be one that the system could have caused:
//
//   - After a fault with EAGAIN, an edge is reported, since the engine waits for one.
//   - A connect that is interrupted by a signal goes on in the background.
//   - A close that fails frees the descriptor all the same.
package fault

import (
	"syscall"
)

// Call is a system call of the engine.
type Call uint8

// The calls of backend.Kernel and backend.Poller that can fail.
const (
	Read Call = iota + 1
	Write
	Accept
	Connect
	Connected
	CloseWrite
	Close
	Arm
	Wait
	Receive
	Send
	SendFile
	OpenPipe
	SpliceIn
	SpliceOut
	// The calls of a file: see ChooseOfFiles.
	FileRead
	FileTry
	FileWrite
	FileSync
	FileStat
	FileTruncate
	FileClose
	// The calls for an io_uring, and its requests: see OfRing.
	RingSetup
	RingMap
	RingRegister
	RingEvent
	RingPipe
	RingBuffers
	RingSubmit
	RingShort
	RingWait
	RequestPoll
	RequestAccept
	RequestCancel
	RequestRead
	RequestSend
	RequestReceive
	RequestSelect
)

var names = [...]string{"", "read", "write", "accept", "connect", "connected", "closewrite", "close", "arm", "wait", "receive", "send",
	"sendfile", "openpipe", "splicein", "spliceout",
	"file read", "file try", "file write", "file sync", "file stat", "file truncate", "file close",
	"io_uring_setup", "mmap", "io_uring_register", "eventfd2", "pipe2", "buffers", "submit", "second request", "wait for a result",
	"request to poll", "request to accept", "request to cancel", "request to read a file", "request to send",
	"request to receive", "request to select"}

// String returns the name of the call.
func (c Call) String() string { return names[c] }

// Effect is the effect of a fault on a program.
type Effect uint8

const (
	// Unseen: the program does not notice the fault.
	Unseen Effect = iota
	// Seen: an operation ends with the errno, or a call that opens a handle returns it.
	Seen
)

// Fault is one way for a call to fail.
type Fault struct {
	Call   Call
	Errno  syscall.Errno
	Effect Effect
	How    How
	Means  string // why the system would return the errno
}

// How is what a fault does besides making a call fail.
type How uint8

const (
	// Edge: readiness is reported again.
	Edge How = 1 << iota
	// Made: the call is made as well, and if it really fails, its errno is returned.
	Made
	// Lasts: all later operations of the port fail, too. The ring of its io_uring has ended.
	Lasts
)

// Choose returns the fault of a call that is about to be made, nil for none. fd is -1 for
// Wait. Choose is called by any goroutine, and must be quick.
type Choose func(call Call, fd int) *Fault
