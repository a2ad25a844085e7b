package sys

import (
	"sync"
	"syscall"
	"unsafe"

	"golang.org/x/sys/windows"
)

// WaitTimer ends a wait at a completion port at a given time. The system checks the
// time-out of a wait when its clock ticks, every 15.6 ms by default. A WaitTimer is more
// precise: when it is due, the system posts a packet with the key TimerKey. Go's
// runtime does the same for its own port.
//
// One goroutine at a time uses a WaitTimer. Where the system lacks the calls, a WaitTimer
// does nothing.
type WaitTimer struct {
	state  timerState
	timer  windows.Handle
	packet windows.Handle
	due    int64 // on the clock of Now, if pending
}

type timerState uint8

const (
	timerUnused  timerState = iota
	timerIdle               // no packet will come
	timerPending            // its packet will come, or is in the port
	timerBroken             // the system lacks a call, or one has failed
)

// TimerKey is the key of a timer's packets. No descriptor has this number, since
// descriptors are multiples of four.
const TimerKey = 1

// TimerCalls are the calls that a WaitTimer makes. No version of Wine has them, so
// tests imitate them.
type TimerCalls interface {
	// CreateTimer makes a timer with high resolution.
	CreateTimer() (windows.Handle, error)
	// SetTimer starts the timer anew. due is a relative time in units of 100 ns, as a
	// negative number.
	SetTimer(timer windows.Handle, due int64) error
	// CreatePacket makes a wait completion packet.
	CreatePacket() (windows.Handle, windows.NTStatus)
	// Associate makes the system post the packet to the port when the timer is due,
	// once. If the timer is due already, the packet is posted during the call, and
	// signaled is true.
	Associate(packet windows.Handle, port CompletionPort, timer windows.Handle, key uintptr) (signaled bool, status windows.NTStatus)
	// Cancel ends an association, and removes a packet that was posted from the port.
	// STATUS_CANCELLED means that there was neither. STATUS_PENDING means that the
	// packet is being posted at this moment and can't be associated again yet.
	Cancel(packet windows.Handle) windows.NTStatus
	Close(windows.Handle)
}

// Timers are the system's calls. Tests replace them while no port is open.
var Timers TimerCalls = systemTimers{}

// Set makes the next wait end when t is reached, or earlier: an earlier time that was set
// stays. It reports whether t has been reached already. The wait still needs a time-out,
// since the timer may have failed.
func (w *WaitTimer) Set(port CompletionPort, t int64) (expired bool) {
	now := Now()
	if t <= now {
		return true
	}
	if w.state == timerUnused {
		w.open()
	}
	if w.state == timerBroken || w.state == timerPending && now < w.due && w.due <= t {
		return false
	}
	// Cancel even if the packet has been dequeued: the system may not have finished
	// with it.
	switch status := Timers.Cancel(w.packet); status {
	case 0, windows.STATUS_CANCELLED:
	case windows.STATUS_PENDING: // the packet is being posted and can't be used now
		return false
	default:
		return w.fail()
	}
	w.state = timerIdle
	if Timers.SetTimer(w.timer, -((t-now+99)/100)) != nil {
		return w.fail()
	}
	signaled, status := Timers.Associate(w.packet, port, w.timer, TimerKey)
	if status != 0 {
		return w.fail()
	}
	w.state, w.due = timerPending, t
	return signaled
}

// Fired records that the packet was dequeued.
func (w *WaitTimer) Fired() {
	if w.state == timerPending {
		w.state = timerIdle
	}
}

// open makes the timer and its packet.
func (w *WaitTimer) open() {
	var err error
	if w.timer, err = Timers.CreateTimer(); err != nil {
		w.state = timerBroken
		return
	}
	var status windows.NTStatus
	if w.packet, status = Timers.CreatePacket(); status != 0 {
		Timers.Close(w.timer)
		w.state = timerBroken
		return
	}
	w.state = timerIdle
}

// fail gives up the timer for good.
func (w *WaitTimer) fail() (expired bool) {
	w.Close()
	w.state = timerBroken
	return false
}

// Close releases the timer. No packet comes after it. It is called before the port is
// closed.
func (w *WaitTimer) Close() {
	if w.state != timerIdle && w.state != timerPending {
		return
	}
	Timers.Cancel(w.packet)
	Timers.Close(w.packet)
	Timers.Close(w.timer)
	w.state = timerUnused
}

// systemTimers are the calls of the system, where it has all of them.
type systemTimers struct{}

var (
	ntdll            = windows.NewLazySystemDLL("ntdll.dll")
	kernel32         = windows.NewLazySystemDLL("kernel32.dll")
	procCreatePacket = ntdll.NewProc("NtCreateWaitCompletionPacket")
	procAssociate    = ntdll.NewProc("NtAssociateWaitCompletionPacket")
	procCancel       = ntdll.NewProc("NtCancelWaitCompletionPacket")
	procCreateTimer  = kernel32.NewProc("CreateWaitableTimerExW")
	procSetTimer     = kernel32.NewProc("SetWaitableTimer")
)

// findTimers finds the calls. Windows has those of ntdll from version 8, and timers with
// high resolution from 10.0.17134.
var findTimers = sync.OnceValue(func() error {
	for _, p := range []*windows.LazyProc{procCreatePacket, procAssociate, procCancel, procCreateTimer, procSetTimer} {
		if err := p.Find(); err != nil {
			return err
		}
	}
	return nil
})

func (systemTimers) CreateTimer() (windows.Handle, error) {
	if err := findTimers(); err != nil {
		return 0, err
	}
	const (
		highResolution = 2 // CREATE_WAITABLE_TIMER_HIGH_RESOLUTION
		access         = windows.SYNCHRONIZE | windows.TIMER_QUERY_STATE | windows.TIMER_MODIFY_STATE
	)
	called("CreateWaitableTimerExW")
	h, _, errno := syscall.SyscallN(procCreateTimer.Addr(), 0, 0, highResolution, access)
	if h == 0 {
		return 0, errno
	}
	return windows.Handle(h), nil
}

func (systemTimers) SetTimer(timer windows.Handle, due int64) error {
	called("SetWaitableTimer")
	ok, _, errno := syscall.SyscallN(procSetTimer.Addr(), uintptr(timer), uintptr(unsafe.Pointer(&due)), 0, 0, 0, 0)
	if ok == 0 {
		return errno
	}
	return nil
}

func (systemTimers) CreatePacket() (packet windows.Handle, status windows.NTStatus) {
	called("NtCreateWaitCompletionPacket")
	s, _, _ := syscall.SyscallN(procCreatePacket.Addr(), uintptr(unsafe.Pointer(&packet)), windows.GENERIC_ALL, 0)
	return packet, windows.NTStatus(s)
}

func (systemTimers) Associate(packet windows.Handle, port CompletionPort, timer windows.Handle, key uintptr) (bool, windows.NTStatus) {
	signaled := uint8(0)
	called("NtAssociateWaitCompletionPacket")
	s, _, _ := syscall.SyscallN(procAssociate.Addr(), uintptr(packet), uintptr(port), uintptr(timer),
		key, 0, 0, 0, uintptr(unsafe.Pointer(&signaled)))
	return signaled != 0, windows.NTStatus(s)
}

func (systemTimers) Cancel(packet windows.Handle) windows.NTStatus {
	called("NtCancelWaitCompletionPacket")
	s, _, _ := syscall.SyscallN(procCancel.Addr(), uintptr(packet), 1)
	return windows.NTStatus(s)
}

func (systemTimers) Close(h windows.Handle) {
	called("CloseHandle")
	windows.CloseHandle(h)
}
