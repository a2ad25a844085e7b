//go:build darwin || dragonfly || freebsd || netbsd || openbsd

package sys

import (
	"os"
	"runtime"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// This compiles only if the numbers in kqueue.go are the system's.
const (
	_ = -uint(KqueueAdd ^ unix.EV_ADD)
	_ = -uint(KqueueDelete ^ unix.EV_DELETE)
	_ = -uint(KqueueClear ^ unix.EV_CLEAR)
	_ = -uint(KqueueError ^ unix.EV_ERROR)
	_ = -uint(KqueueEOF ^ unix.EV_EOF)
)

// Kqueue is a kqueue descriptor.
type Kqueue struct {
	fd     int
	alone  bool     // there is only one processor
	buffer []kevent // only the leader uses it
}

// KqueueCreate opens a kqueue descriptor.
func KqueueCreate() (*Kqueue, error) {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	fd, err := unix.Kqueue()
	if err != nil {
		return nil, os.NewSyscallError("kqueue", err)
	}
	unix.CloseOnExec(fd)
	return &Kqueue{fd: fd, alone: runtime.GOMAXPROCS(0) == 1}, nil
}

// kevent is struct kevent. It has the layout of unix.Kevent_t, but for the garbage
// collector it has no pointers: udata holds a number, and a field of a pointer type must
// not hold one.
type kevent struct {
	_     [0]uint64 // for the alignment
	words [unsafe.Sizeof(unix.Kevent_t{}) / 4]uint32
}

func (k *kevent) fields() *unix.Kevent_t { return (*unix.Kevent_t)(unsafe.Pointer(k)) }

// udata returns the address of udata. On some systems udata is a pointer, on others a
// signed number of the same size.
func (k *kevent) udata() *uintptr { return (*uintptr)(unsafe.Pointer(&k.fields().Udata)) }

// kevents converts a slice for package unix, which only passes it to the system.
func kevents(s []kevent) []unix.Kevent_t {
	return unsafe.Slice((*unix.Kevent_t)(unsafe.Pointer(unsafe.SliceData(s))), len(s))
}

// put translates a change. It reports false if this system does not have the filter.
func (k *kevent) put(e KqueueEvent) bool {
	filter := 0 // NetBSD's EVFILT_READ is 0, too
	switch e.Filter {
	case KqueueRead:
		filter = unix.EVFILT_READ
	case KqueueWrite:
		filter = unix.EVFILT_WRITE
	case KqueueUser:
		if !hasUserFilter {
			return false
		}
		filter = userFilter
	}
	f := k.fields()
	unix.SetKevent(f, e.Ident, filter, int(e.Flags))
	f.Fflags = e.FFlags
	*k.udata() = uintptr(e.Generation)
	return true
}

// event translates an event.
func (k *kevent) event() KqueueEvent {
	f := k.fields()
	e := KqueueEvent{
		Ident:      int(f.Ident),
		Flags:      KqueueFlags(f.Flags),
		FFlags:     f.Fflags,
		Data:       int64(f.Data),
		Generation: uint32(*k.udata()),
	}
	switch int(f.Filter) {
	case unix.EVFILT_READ:
		e.Filter = KqueueRead
	case unix.EVFILT_WRITE:
		e.Filter = KqueueWrite
	case userFilter:
		e.Filter = KqueueUser
	}
	return e
}

// Change is kevent(2) without room for events. It ends at the first change that fails, and
// returns the errno of that change.
func (q *Kqueue) Change(first, second KqueueEvent) syscall.Errno {
	var changes [2]kevent
	n := 0
	for _, e := range [...]KqueueEvent{first, second} {
		if e.Filter == 0 {
			continue
		}
		if !changes[n].put(e) {
			return unix.EINVAL
		}
		n++
	}
	_, err := unix.Kevent(q.fd, kevents(changes[:n]), nil, nil)
	return asErrno(err)
}

// Wait is kevent(2) without changes. Go's scheduler is told of the call. It takes the
// processor from a blocked call when it next looks, which is 10 ms later on a kernel that
// counts time in ticks. So if there is only one processor, Wait first lets other
// goroutines run.
func (q *Kqueue) Wait(events []KqueueEvent, nanoseconds int64) (int, syscall.Errno) {
	if len(q.buffer) < len(events) {
		q.buffer = make([]kevent, len(events))
	}
	var timeout *unix.Timespec
	if nanoseconds >= 0 {
		t := unix.NsecToTimespec(nanoseconds)
		timeout = &t
	}
	if q.alone && nanoseconds != 0 {
		runtime.Gosched()
	}
	n, err := unix.Kevent(q.fd, nil, kevents(q.buffer[:len(events)]), timeout)
	if err != nil {
		return 0, asErrno(err)
	}
	for i := range q.buffer[:n] {
		events[i] = q.buffer[i].event()
	}
	return n, 0
}

// Pipe is pipe(2).
func (*Kqueue) Pipe() (r, w int, err error) {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	var ends [2]int
	if err := unix.Pipe(ends[:]); err != nil {
		return -1, -1, err
	}
	for _, fd := range ends {
		unix.CloseOnExec(fd)
		unix.SetNonblock(fd, true)
	}
	return ends[0], ends[1], nil
}

// Signal is write(2).
func (*Kqueue) Signal(fd int) {
	var one [1]byte
	unix.Write(fd, one[:])
}

// Drain is read(2), repeated until nothing is left.
func (*Kqueue) Drain(fd int) {
	var some [64]byte
	for {
		if n, err := unix.Read(fd, some[:]); err != unix.EINTR && n < len(some) {
			return
		}
	}
}

// ClosePipe is close(2), twice.
func (*Kqueue) ClosePipe(r, w int) {
	unix.Close(r)
	unix.Close(w)
}

// Now returns the time of package sys.
func (*Kqueue) Now() int64 { return Now() }

// Close is close(2).
func (q *Kqueue) Close() error { return os.NewSyscallError("close", unix.Close(q.fd)) }
