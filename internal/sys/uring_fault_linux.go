package sys

import (
	"sync"
	"syscall"
)

// uringNames are the names of requests, for UringFaults. A receive that selects its buffer has
// another one.
var uringNames = [...]string{
	UringPollAdd: "poll", UringTimeout: "poll", UringAccept: "accept", UringAsyncCancel: "cancel",
	UringRead: "read", UringSend: "send", UringRecv: "receive",
}

// uringFailures are the faults of one ring. Of a nil one, nothing fails.
type uringFailures struct {
	*UringFaults
	mu    sync.Mutex
	ended map[uint64]syscall.Errno // what fails inside the ring, by the number of the request
}

// newUringFailures returns the faults of a ring that is opened now.
func newUringFailures() *uringFailures {
	if f := uringFaults.Load(); f != nil {
		return &uringFailures{UringFaults: f, ended: make(map[uint64]syscall.Errno)}
	}
	return nil
}

// of returns the errno with which a call fails, 0 for none.
func (f *uringFailures) of(call string) syscall.Errno {
	if f == nil {
		return 0
	}
	return f.Choose(call, -1)
}

// shortened returns how many of n requests the kernel takes: one, if it has no memory for more.
func (f *uringFailures) shortened(n uint32) uint32 {
	if n > 1 && f.of("second request") != 0 {
		return 1
	}
	return n
}

// meet makes a request that fails one that does nothing. It fails when it has ended.
func (f *uringFailures) meet(e *UringEntry) {
	name := uringNames[e.Op]
	switch {
	case e.Op == UringNop, e.Flags&uringFixedFile != 0: // those of the poller itself
		return
	case e.Flags&UringSelect != 0:
		name = "select"
	}
	if errno := f.Choose(name, int(e.FD)); errno != 0 {
		f.mu.Lock()
		f.ended[e.UserData] = errno
		f.mu.Unlock()
		*e = UringEntry{Op: UringNop, FD: -1, UserData: e.UserData}
	}
}

// result returns r, with the errno of a request that fails.
func (f *uringFailures) result(r UringResult) UringResult {
	f.mu.Lock()
	defer f.mu.Unlock()
	if errno := f.ended[r.UserData]; errno != 0 {
		delete(f.ended, r.UserData)
		r.Value = -int32(errno)
	}
	return r
}
