//go:build linux

package uring

import (
	"sync"
	"sync/atomic"
	"syscall"
	"unsafe"

	"github.com/completionport/completion/internal/backend"
	"github.com/completionport/completion/internal/sys"
)

// mostReadAts is the largest number of ReadAts inside the kernel. They can't be abandoned. So those
// of a slow device that are too many wait in the engine, where a cancel ends them.
const mostReadAts = 256

// readAts are the ReadAts of a port. Their memory is made for the first one.
type readAts struct {
	mu     sync.Mutex
	unused []uint16 // numbers
	isOver bool     // the ring has ended: it takes none any more
	all    atomic.Pointer[[mostReadAts]readAt]
}

// readAt is a request. Its token is its number, which no other has until it is finished.
type readAt struct {
	isInside atomic.Bool // set when all is in place, and cleared when the leader has the result
	entry    sys.UringEntry
	data     []byte // owned by the kernel
	owner    any
	revived  bool // it has ended with EFAULT once
	result   int32
}

// take returns a number that no request inside has. ok is false if there is none.
func (a *readAts) take() (number uint16, ok bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.isOver {
		return 0, false
	}
	if a.all.Load() == nil {
		a.all.Store(new([mostReadAts]readAt))
		a.unused = make([]uint16, mostReadAts)
		for i := range a.unused {
			a.unused[i] = uint16(mostReadAts - 1 - i)
		}
	}
	last := len(a.unused) - 1
	if last < 0 {
		return 0, false
	}
	number = a.unused[last]
	a.unused = a.unused[:last]
	return number, true
}

// StartReadAt is IORING_OP_READ.
func (k *Kernel) StartReadAt(file int, data []byte, offset int64, owner any) bool {
	a := &k.port.readAts
	number, ok := a.take()
	if !ok {
		return false
	}
	r := &a.all.Load()[number]
	r.data, r.owner, r.revived = data, owner, false
	r.entry = sys.UringEntry{
		Op: sys.UringRead, FD: int32(file), UserData: ofFile | uint64(number), Offset: uint64(offset),
		Addr: uint64(uintptr(unsafe.Pointer(unsafe.SliceData(data)))), Len: uint32(min(len(data), largest)),
	}
	e := r.entry // r may be another's before put returns
	r.isInside.Store(true)
	k.port.queue.put(&e)
	return true
}

// haveReadAt makes an event of a result. A read that was interrupted, or has ended since its thread
// has exited, is put into the queue once more.
func (p *Poller) haveReadAt(result sys.UringResult) {
	number := int(uint32(result.UserData) &^ ofFile)
	r := &p.readAts.all.Load()[number]
	if !r.isInside.Load() {
		return
	}
	isFault := result.Value == -int32(syscall.EFAULT)
	isAgain := result.Value == -int32(syscall.ECANCELED) || result.Value == -int32(syscall.EINTR) || isFault && !r.revived
	if isAgain && p.queue.ended() == 0 {
		r.revived = isFault
		p.queue.put(&r.entry)
		return
	}
	r.result = result.Value
	r.isInside.Store(false)
	p.events[p.n] = backend.Event{FD: number, Ready: backend.EndedReadAt}
	p.n++
}

// FinishReadAt returns what the result says.
func (k *Kernel) FinishReadAt(number int) (owner any, n int, errno syscall.Errno) {
	a := &k.port.readAts
	r := &a.all.Load()[number]
	owner = r.owner
	if r.result >= 0 {
		n = int(r.result)
	} else {
		errno = syscall.Errno(-r.result)
	}
	r.data, r.owner = nil, nil
	a.mu.Lock()
	a.unused = append(a.unused, uint16(number))
	a.mu.Unlock()
	return owner, n, errno
}
