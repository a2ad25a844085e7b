package sys

import (
	"runtime"
	"sync/atomic"
	"syscall"

	"golang.org/x/sys/unix"
)

// urgent is set once an event of any socket has reported urgent data.
var urgent atomic.Bool

// SawUrgent is called when an event reports urgent data, before the data is read.
func SawUrgent() {
	if !urgent.Load() {
		urgent.Store(true)
	}
}

// mayBeAtUrgent reports whether a read may begin where urgent data was. For a shared socket
// there may have been no event: another owner may have received the urgent byte with
// MSG_OOB, and then EPOLLPRI is not reported any more.
func (k *Kernel) mayBeAtUrgent(fd int) bool { return urgent.Load() || k.shared.has(fd) }

// readBehindUrgent reads again after EAGAIN where urgent data may have been.
//
// Where urgent data begins, TCP returns EAGAIN to a thread with a signal pending, even if
// there is more to read, and Go's runtime sends signals all the time. So EAGAIN is accepted
// only if poll(2) finds nothing to read. Otherwise the thread reads again with its signals
// blocked: however fast they come, none is pending for it then. The number of repetitions is
// limited, in case a kernel has another reason for EAGAIN.
func readBehindUrgent(fd int, read func() (int, syscall.Errno)) (n int, errno syscall.Errno) {
	if !readable(fd) {
		return 0, unix.EAGAIN
	}
	runtime.LockOSThread() // whose signals are blocked
	defer runtime.UnlockOSThread()
	var all, before unix.Sigset_t
	for i := range all.Val {
		all.Val[i] = ^all.Val[i]
	}
	if unix.PthreadSigmask(unix.SIG_SETMASK, &all, &before) == nil {
		defer unix.PthreadSigmask(unix.SIG_SETMASK, &before, nil)
	}
	for range readsAtMost {
		if n, errno = read(); errno != unix.EAGAIN || !readable(fd) {
			break
		}
	}
	return n, errno
}

const readsAtMost = 100
