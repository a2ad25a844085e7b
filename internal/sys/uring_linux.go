package sys

import (
	"encoding/binary"
	"os"
	"sync/atomic"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// UringEntry is struct io_uring_sqe: one request. Op is one of the operations below, and
// OpFlags are flags of that operation.
type UringEntry struct {
	Op          uint8
	Flags       uint8
	Priority    uint16
	FD          int32
	Offset      uint64
	Addr        uint64
	Len         uint32
	OpFlags     uint32
	UserData    uint64
	Buffer      uint16
	Personality uint16
	File        int32
	_           [2]uint64
}

// UringResult is struct io_uring_cqe: the end of a request. Value is its result, or an errno
// with a minus sign.
type UringResult struct {
	UserData uint64
	Value    int32
	Flags    uint32
}

// Selected returns the number of the buffer that the request has selected, or -1.
func (r UringResult) Selected() int {
	if r.Flags&1 == 0 { // IORING_CQE_F_BUFFER
		return -1
	}
	return int(r.Flags >> 16)
}

// The operations of requests that this module makes.
const (
	UringNop         = 0  // IORING_OP_NOP
	UringPollAdd     = 6  // IORING_OP_POLL_ADD
	UringTimeout     = 11 // IORING_OP_TIMEOUT
	UringAccept      = 13 // IORING_OP_ACCEPT
	UringAsyncCancel = 14 // IORING_OP_ASYNC_CANCEL
	UringRead        = 22 // IORING_OP_READ
	UringSend        = 26 // IORING_OP_SEND
	UringRecv        = 27 // IORING_OP_RECV
)

// Flags of the operations.
const (
	UringAcceptFlags = unix.SOCK_NONBLOCK | unix.SOCK_CLOEXEC
	UringSendFlags   = unix.MSG_NOSIGNAL
	UringPeek        = unix.MSG_PEEK
)

// Flags of a request that selects its buffer, of which Buffer is the group: and its Priority. It
// first waits for data, since a read finds none most of the time.
const (
	UringSelect    = 1 << 5 // IOSQE_BUFFER_SELECT
	UringPollFirst = 1 << 0 // IORING_RECVSEND_POLL_FIRST
)

// UringDropped is the errno with which io_uring_enter(2) says that a result was dropped: the CQ was
// full, and the kernel had no memory to keep it elsewhere. It says so from Linux 5.19 on, once, and
// only to who waits.
const UringDropped = unix.EBADR

// The flags of IORING_OP_POLL_ADD.
var (
	UringPollIn  = uringPoll(binary.NativeEndian, unix.POLLIN)
	UringPollOut = uringPoll(binary.NativeEndian, unix.POLLOUT)
)

// uringPoll returns the OpFlags for events of poll(2). They were a field of 16 bits once: where the
// byte order is big-endian, the kernel swaps the halves of the 32 bits, so that these are the lower
// ones.
func uringPoll(order binary.ByteOrder, events uint16) uint32 {
	var field [4]byte
	order.PutUint16(field[:], events)
	return order.Uint32(field[:])
}

// Flags of io_uring_setup(2).
const (
	uringCQSize      = 1 << 3
	uringClamp       = 1 << 4
	uringSubmitAll   = 1 << 7
	uringCoopTaskRun = 1 << 8
	uringTaskRunFlag = 1 << 9
	uringNoSQArray   = 1 << 16
)

// What the kernel must be able to do: one mapping for both rings, no result that is dropped,
// requests that wait without a thread, and a wait with a time-out. Linux 5.11 has all of it.
const uringFeatures = 1<<0 | 1<<1 | 1<<5 | 1<<8

// Bits of the flags of the rings.
const (
	uringOverflow        = 1 << 1 // of the SQ: results wait in the kernel for room
	uringTaskRun         = 1 << 2 // of the SQ: results wait until a thread enters the kernel
	uringEventFDDisabled = 1 << 0 // of the CQ
)

// Flags of io_uring_enter(2).
const (
	uringGetEvents = 1 << 0
	uringExtArg    = 1 << 3
)

// uringParams is struct io_uring_params.
type uringParams struct {
	sqEntries, cqEntries, flags     uint32
	threadCPU, threadIdle, features uint32
	wq                              uint32
	_                               [3]uint32
	sq                              struct{ head, tail, mask, entries, flags, dropped, array, _, _, _ uint32 }
	cq                              struct{ head, tail, mask, entries, overflow, cqes, flags, _, _, _ uint32 }
}

// Uring is an io_uring and its two rings, which are mapped. The kernel writes SQHead, CQTail,
// CQDropped and the flags of the SQ, the program all else.
type Uring struct {
	FD             int
	SQHead, SQTail *atomic.Uint32
	CQHead, CQTail *atomic.Uint32
	CQDropped      *atomic.Uint32 // how many results the kernel has dropped: see UringDropped
	Entries        []UringEntry   // the SQ
	Results        []UringResult  // the CQ

	sqFlags, cqFlags *atomic.Uint32
	rings, entries   []byte // the mappings
	failures         *uringFailures
	end              int  // the read end of a pipe: see OpenEnd
	isForeign        bool // FD is not ours any more: see Bury

	// The arguments of Wait. They are not on the stack, which may move: the kernel finds limit
	// by a number.
	wait struct {
		mask          uint64
		maskSize, pad uint32
		until         uint64
	}
	limit struct{ seconds, nanoseconds int64 }
}

// UringOptions are those of a ring.
type UringOptions struct {
	Entries, Results uint32 // how many
	// Cooperative: a thread that runs in user mode is not interrupted for the results of the
	// requests that it has submitted.
	Cooperative bool
}

// OpenUring makes an io_uring. Its descriptor is not inherited.
func OpenUring(o UringOptions) (*Uring, error) {
	fd, params, err := setupUring(o)
	if err != nil {
		return nil, err
	}
	u := &Uring{FD: fd, failures: newUringFailures()}
	if err = u.probe(); err == nil && params.features&uringFeatures != uringFeatures {
		err = uringIsOld
	}
	if err == nil {
		err = u.mapRings(params)
	}
	if err != nil {
		u.Close(0)
		return nil, err
	}
	return u, nil
}

// uringIsOld is why an io_uring can't be used that lacks features or operations.
var uringIsOld = os.NewSyscallError("io_uring_setup", unix.EOPNOTSUPP)

// setupUring is io_uring_setup(2). A kernel refuses flags that it does not know with EINVAL:
// then it is asked again without the newest of them.
func setupUring(o UringOptions) (int, *uringParams, error) {
	flags := uint32(uringCQSize | uringClamp | uringSubmitAll | uringNoSQArray)
	if o.Cooperative {
		flags |= uringCoopTaskRun | uringTaskRunFlag
	}
	newest := []uint32{uringNoSQArray, uringCoopTaskRun | uringTaskRunFlag, uringSubmitAll}
	for {
		params := &uringParams{cqEntries: o.Results, flags: flags}
		fd, errno := callSetup(o.Entries, params)
		if errno == 0 {
			return fd, params, nil
		}
		if errno != unix.EINVAL || len(newest) == 0 {
			return -1, nil, os.NewSyscallError("io_uring_setup", errno)
		}
		flags &^= newest[0]
		newest = newest[1:]
	}
}

// registerProbe is IORING_REGISTER_PROBE.
const registerProbe = 8

func callSetup(entries uint32, params *uringParams) (int, syscall.Errno) {
	if errno := newUringFailures().of("io_uring_setup"); errno != 0 {
		return -1, errno
	}
	fd, _, errno := unix.Syscall(unix.SYS_IO_URING_SETUP, uintptr(entries), uintptr(unsafe.Pointer(params)), 0)
	return int(fd), errno
}

// register is io_uring_register(2). name is what the faults of a ring call it.
func (u *Uring) register(name string, code uintptr, about unsafe.Pointer, count uintptr) error {
	errno := u.failures.of(name)
	if errno == 0 {
		_, _, errno = unix.Syscall6(unix.SYS_IO_URING_REGISTER, uintptr(u.FD), code, uintptr(about), count, 0, 0)
	}
	if errno != 0 {
		return os.NewSyscallError("io_uring_register", errno)
	}
	return nil
}

// probe returns an error unless the kernel has all operations.
func (u *Uring) probe() error {
	const count = UringRecv + 1
	var about struct {
		last, length uint8
		_            uint16
		_            [3]uint32
		ops          [count]struct {
			op, _ uint8
			flags uint16
			_     uint32
		}
	}
	if err := u.register("io_uring_register", registerProbe, unsafe.Pointer(&about), count); err != nil {
		return err
	}
	for _, op := range []uint8{UringNop, UringPollAdd, UringTimeout, UringAccept, UringAsyncCancel, UringRead, UringSend, UringRecv} {
		if about.ops[op].flags&1 == 0 {
			return uringIsOld
		}
	}
	return nil
}

// mapRings maps the rings. A child process does not get the mappings: it could not use them,
// and its parent would see what it writes.
func (u *Uring) mapRings(params *uringParams) (err error) {
	const entriesAt = 0x10000000
	rings := max(int(params.sq.array)+4*int(params.sqEntries),
		int(params.cq.cqes)+int(params.cqEntries)*int(unsafe.Sizeof(UringResult{})))
	if u.rings, err = u.mapAt(0, rings); err != nil {
		return err
	}
	size := int(params.sqEntries) * int(unsafe.Sizeof(UringEntry{}))
	if u.entries, err = u.mapAt(entriesAt, size); err != nil {
		return err
	}
	at := func(offset uint32) unsafe.Pointer { return unsafe.Pointer(&u.rings[offset]) }
	u.SQHead, u.SQTail = (*atomic.Uint32)(at(params.sq.head)), (*atomic.Uint32)(at(params.sq.tail))
	u.CQHead, u.CQTail = (*atomic.Uint32)(at(params.cq.head)), (*atomic.Uint32)(at(params.cq.tail))
	u.CQDropped = (*atomic.Uint32)(at(params.cq.overflow))
	u.sqFlags, u.cqFlags = (*atomic.Uint32)(at(params.sq.flags)), (*atomic.Uint32)(at(params.cq.flags))
	u.Entries = unsafe.Slice((*UringEntry)(unsafe.Pointer(&u.entries[0])), params.sqEntries)
	u.Results = unsafe.Slice((*UringResult)(at(params.cq.cqes)), params.cqEntries)
	if params.flags&uringNoSQArray == 0 {
		// The kernel takes the entries in the order of this array, which never changes.
		for i := range params.sqEntries {
			*(*uint32)(at(params.sq.array + 4*i)) = i
		}
	}
	return nil
}

func (u *Uring) mapAt(at int64, size int) ([]byte, error) {
	if errno := u.failures.of("mmap"); errno != 0 {
		return nil, os.NewSyscallError("mmap", errno)
	}
	m, err := unix.Mmap(u.FD, at, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_POPULATE)
	if err != nil {
		return nil, os.NewSyscallError("mmap", err)
	}
	unix.Madvise(m, unix.MADV_DONTFORK)
	return m, nil
}

// Settle returns when the kernel refers no more to the files of requests whose results are there.
// It drops these references after it has stored the results, with the lock of the ring held
// throughout. Settle takes and releases this lock: it is io_uring_register(2) with arguments that
// fail behind it. Linux 5.11 drops the references without the lock.
func (u *Uring) Settle() {
	unix.Syscall6(unix.SYS_IO_URING_REGISTER, uintptr(u.FD), registerProbe, 0, 0, 0, 0)
}

// Put stores a request at this tail of the SQ, which the caller then moves.
func (u *Uring) Put(tail uint32, e *UringEntry) {
	at := &u.Entries[tail&uint32(len(u.Entries)-1)]
	*at = *e
	if u.failures != nil {
		u.failures.meet(at)
	}
}

// Result returns the result at this head of the CQ.
func (u *Uring) Result(head uint32) UringResult {
	r := u.Results[head&uint32(len(u.Results)-1)]
	if u.failures != nil {
		r = u.failures.result(r)
	}
	return r
}

// Enter is io_uring_enter(2): it submits up to so many entries, and does not wait for results.
//
// The call performs what can be performed at once, and may last for more than 20 us. From an ordinary
// call of that length, Go's runtime takes the processor away, and the goroutine has to wait for one
// afterwards. With raw set, the call keeps its processor: nothing else runs there meanwhile, and no
// collection begins.
func (u *Uring) Enter(submit uint32, raw bool) (errno syscall.Errno) {
	if u.failures != nil {
		if errno := u.failures.of("submit"); errno != 0 {
			return errno
		}
		submit = u.failures.shortened(submit)
	}
	if raw {
		_, _, errno = unix.RawSyscall6(unix.SYS_IO_URING_ENTER, uintptr(u.FD), uintptr(submit), 0, uringGetEvents, 0, 0)
	} else {
		_, _, errno = unix.Syscall6(unix.SYS_IO_URING_ENTER, uintptr(u.FD), uintptr(submit), 0, uringGetEvents, 0, 0)
	}
	return errno
}

// Wait is Enter that also waits for a result, for so many nanoseconds, or without a limit if
// they are negative. One goroutine at a time calls it.
func (u *Uring) Wait(submit uint32, nanoseconds int64) syscall.Errno {
	if u.failures != nil {
		if errno := u.failures.of("wait"); errno != 0 {
			return errno
		}
		if few := u.failures.shortened(submit); few < submit {
			return u.Enter(few, false) // the kernel does not wait, either
		}
	}
	u.wait.until = 0
	if nanoseconds >= 0 {
		u.limit.seconds, u.limit.nanoseconds = nanoseconds/1e9, nanoseconds%1e9
		u.wait.until = uint64(uintptr(unsafe.Pointer(&u.limit)))
	}
	_, _, errno := unix.Syscall6(unix.SYS_IO_URING_ENTER, uintptr(u.FD), uintptr(submit), 1, uringGetEvents|uringExtArg,
		uintptr(unsafe.Pointer(&u.wait)), unsafe.Sizeof(u.wait))
	return errno
}

// NeedsEnter reports whether results wait in the kernel: for room in the CQ, or for a thread
// that takes them out.
func (u *Uring) NeedsEnter() bool { return u.sqFlags.Load()&(uringOverflow|uringTaskRun) != 0 }

// HasMore reports whether results wait in the kernel for room in the CQ. Enter moves them there.
func (u *Uring) HasMore() bool { return u.sqFlags.Load()&uringOverflow != 0 }

// Signal makes an eventfd count the results from now on, if SetSignal allows it.
func (u *Uring) Signal(event int) error {
	const registerEventFD = 4
	fd := int32(event)
	return u.register("io_uring_register", registerEventFD, unsafe.Pointer(&fd), 1)
}

// SetSignal allows the kernel to write to the eventfd, or forbids it.
func (u *Uring) SetSignal(on bool) {
	if on {
		u.cqFlags.Store(0)
	} else {
		u.cqFlags.Store(uringEventFDDisabled)
	}
}

// EventFD opens an eventfd that Go's own poller can watch. It is edge-triggered there, so
// nobody reads it.
func EventFD() (int, error) {
	if errno := newUringFailures().of("eventfd2"); errno != 0 {
		return -1, os.NewSyscallError("eventfd2", errno)
	}
	fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	return fd, os.NewSyscallError("eventfd2", err)
}

// Close ends the mappings and closes the descriptor. errno is why the io_uring has ended, 0 if it has not.
func (u *Uring) Close(errno syscall.Errno) {
	for _, m := range [][]byte{u.rings, u.entries} {
		if m != nil {
			unix.Munmap(m)
		}
	}
	if !u.isForeign && !uringIsForeign(errno) {
		unix.Close(u.FD)
	}
}

// IsOver reports whether both directions of a stream are over.
func IsOver(fd int) bool { return pollNow(fd, 0)&unix.POLLHUP != 0 }

// HasInput reports whether a socket has data or a connection, or its end. An error alone is none.
func HasInput(fd int) bool { return pollNow(fd, unix.POLLIN)&(unix.POLLIN|unix.POLLHUP) != 0 }

// IsOnlyError reports whether the result of an IORING_OP_POLL_ADD has an error, and neither input
// nor room.
func IsOnlyError(events int32) bool {
	return events&(unix.POLLERR|unix.POLLIN|unix.POLLOUT|unix.POLLHUP) == unix.POLLERR
}

// pollNow is poll(2) without waiting.
func pollNow(fd int, events int16) int16 {
	ask := []unix.PollFd{{Fd: int32(fd), Events: events}}
	for {
		if _, err := unix.Poll(ask, 0); err != unix.EINTR {
			return ask[0].Revents
		}
	}
}

// UringBuffers is a ring of buffers of which requests select one when they have data
// (IORING_REGISTER_PBUF_RING).
type UringBuffers struct {
	group  uint16
	ring   []uringBuffer // in memory
	memory []byte        // begins at a page; the kernel reads it until the io_uring is closed
	tail   uint16
	// Held keeps the memory of the buffers reachable, by number.
	Held [][]byte
}

// uringBuffer is struct io_uring_buf. The last field of the first one is the tail of the ring.
type uringBuffer struct {
	addr   uint64
	length uint32
	id     uint16
	tail   uint16
}

// OpenBuffers makes a ring of n buffers, a power of 2, for a group.
func (u *Uring) OpenBuffers(group uint16, n int) (*UringBuffers, error) {
	size, page := n*int(unsafe.Sizeof(uringBuffer{})), os.Getpagesize()
	memory := make([]byte, size+page-1)
	at := -int(uintptr(unsafe.Pointer(unsafe.SliceData(memory)))) & (page - 1)
	b := &UringBuffers{group: group, memory: memory, Held: make([][]byte, n)}
	b.ring = unsafe.Slice((*uringBuffer)(unsafe.Pointer(&memory[at])), n)
	about := struct {
		addr         uint64
		count        uint32
		group, flags uint16
		_            [3]uint64
	}{addr: uint64(uintptr(unsafe.Pointer(&b.ring[0]))), count: uint32(n), group: group}
	const registerBuffers = 22
	if err := u.register("buffers", registerBuffers, unsafe.Pointer(&about), 1); err != nil {
		return nil, err
	}
	return b, nil
}

// Provide puts a buffer into the ring, which has room: a number is there once.
func (b *UringBuffers) Provide(number int, memory []byte) {
	b.Held[number] = memory
	e := &b.ring[int(b.tail)&(len(b.ring)-1)]
	e.addr, e.length, e.id = uint64(uintptr(unsafe.Pointer(unsafe.SliceData(memory)))), uint32(min(len(memory), 1<<30)), uint16(number)
	b.tail++
	// The kernel reads the entry after the tail. Package atomic stores 32 bits at once, and so
	// the number before the tail, which stays what it is.
	first := &b.ring[0]
	var both [4]byte
	binary.NativeEndian.PutUint16(both[:2], first.id)
	binary.NativeEndian.PutUint16(both[2:], b.tail)
	atomic.StoreUint32((*uint32)(unsafe.Pointer(&first.id)), binary.NativeEndian.Uint32(both[:]))
}
