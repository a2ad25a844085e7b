package sys

import (
	"fmt"
	"slices"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/windows"
)

// scriptedTimers answers as it is told, and well if it is told nothing.
type scriptedTimers struct {
	calls    []string
	due      []int64
	open     map[windows.Handle]bool
	noTimer  error
	noSet    error
	noPacket windows.NTStatus
	cancel   windows.NTStatus
	status   windows.NTStatus
	signaled bool
}

func script(t *testing.T) *scriptedTimers {
	s := &scriptedTimers{open: map[windows.Handle]bool{}, cancel: windows.STATUS_CANCELLED}
	replace(t, &Timers, TimerCalls(s))
	return s
}

func (s *scriptedTimers) CreateTimer() (windows.Handle, error) {
	s.calls = append(s.calls, "timer")
	s.open[100] = s.noTimer == nil
	return 100, s.noTimer
}

func (s *scriptedTimers) SetTimer(timer windows.Handle, due int64) error {
	s.calls = append(s.calls, "set")
	s.due = append(s.due, due)
	return s.noSet
}

func (s *scriptedTimers) CreatePacket() (windows.Handle, windows.NTStatus) {
	s.calls = append(s.calls, "packet")
	s.open[200] = s.noPacket == 0
	return 200, s.noPacket
}

func (s *scriptedTimers) Associate(packet windows.Handle, port CompletionPort, timer windows.Handle, key uintptr) (bool, windows.NTStatus) {
	s.calls = append(s.calls, fmt.Sprintf("associate %d %d %d %d", packet, port, timer, key))
	return s.signaled, s.status
}

func (s *scriptedTimers) Cancel(packet windows.Handle) windows.NTStatus {
	s.calls = append(s.calls, fmt.Sprintf("cancel %d", packet))
	return s.cancel
}

func (s *scriptedTimers) Close(h windows.Handle) {
	if !s.open[h] {
		panic("closed twice, or never opened")
	}
	s.open[h] = false
	s.calls = append(s.calls, fmt.Sprintf("close %d", h))
}

// made checks the calls since the last look.
func (s *scriptedTimers) made(t *testing.T, want ...string) {
	t.Helper()
	if !slices.Equal(s.calls, want) {
		t.Errorf("calls %q, want %q", s.calls, want)
	}
	s.calls = nil
}

const (
	scriptedPort = CompletionPort(300)
	associate    = "associate 200 300 100 1"
)

func in(d time.Duration) int64 { return Now() + int64(d) }

// set checks what Set reports.
func set(t *testing.T, w *WaitTimer, at int64, want bool) {
	t.Helper()
	if got := w.Set(scriptedPort, at); got != want {
		t.Errorf("expired: %v, want %v", got, want)
	}
}

// A timer is made when it is first needed, and set anew only for an earlier time
// or when it has fired.
func TestWaitTimer(t *testing.T) {
	s, w := script(t), new(WaitTimer)
	set(t, w, Now(), true) // no timer is needed for what is past
	s.made(t)
	set(t, w, in(2*time.Hour), false)
	s.made(t, "timer", "packet", "cancel 200", "set", associate)
	set(t, w, in(3*time.Hour), false)
	set(t, w, in(3*time.Hour), false)
	s.made(t)
	s.cancel = 0
	set(t, w, in(time.Hour), false)
	s.made(t, "cancel 200", "set", associate)
	w.Fired()
	s.cancel = windows.STATUS_CANCELLED
	set(t, w, in(4*time.Hour), false)
	s.made(t, "cancel 200", "set", associate)
	w.due = Now() - 1 // its packet lies in the port, as nobody took it out
	s.cancel = 0
	set(t, w, in(5*time.Hour), false)
	s.made(t, "cancel 200", "set", associate)
	for i, hours := range []int64{2, 1, 4, 5} {
		const hour = 36_000_000_000 // in units of 100 ns
		if due := -s.due[i]; due > hours*hour || due < hours*hour-hour/2 {
			t.Errorf("due in %d, want %d hours", due, hours)
		}
	}
	w.Close()
	s.made(t, "cancel 200", "close 200", "close 100")
	w.Close()
	w.Fired()
	s.made(t)
}

// A time that is reached between the two calls is told at once, and the packet
// comes all the same.
func TestWaitTimerAlreadySignaled(t *testing.T) {
	s, w := script(t), new(WaitTimer)
	s.signaled = true
	set(t, w, in(time.Hour), true)
	s.made(t, "timer", "packet", "cancel 200", "set", associate)
	if w.state != timerPending {
		t.Errorf("state %d: the packet is in the port", w.state)
	}
	w.Fired()
	w.Close()
	s.made(t, "cancel 200", "close 200", "close 100")
}

// A packet that is being posted can't be used again yet.
func TestWaitTimerPacketInUse(t *testing.T) {
	s, w := script(t), new(WaitTimer)
	set(t, w, in(2*time.Hour), false)
	s.calls, s.cancel = nil, windows.STATUS_PENDING
	set(t, w, in(time.Hour), false)
	s.made(t, "cancel 200")
	w.Fired() // now it has come
	s.cancel = windows.STATUS_CANCELLED
	set(t, w, in(time.Hour), false)
	s.made(t, "cancel 200", "set", associate)
}

// A timer that fails is not asked again, and leaves nothing open.
func TestWaitTimerFails(t *testing.T) {
	const status = windows.STATUS_INSUFFICIENT_RESOURCES
	closed := []string{"cancel 200", "close 200", "close 100"}
	for _, c := range []struct {
		name string
		fail func(s *scriptedTimers)
		want []string
	}{
		{"CreateTimer", func(s *scriptedTimers) { s.noTimer = syscall.Errno(8) }, []string{"timer"}},
		{"CreatePacket", func(s *scriptedTimers) { s.noPacket = status }, []string{"timer", "packet", "close 100"}},
		{"Cancel", func(s *scriptedTimers) { s.cancel = status }, append([]string{"timer", "packet", "cancel 200"}, closed...)},
		{"SetTimer", func(s *scriptedTimers) { s.noSet = syscall.Errno(8) }, append([]string{"timer", "packet", "cancel 200", "set"}, closed...)},
		{"Associate", func(s *scriptedTimers) { s.status = status }, append([]string{"timer", "packet", "cancel 200", "set", associate}, closed...)},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, w := script(t), new(WaitTimer)
			c.fail(s)
			set(t, w, in(time.Hour), false)
			s.made(t, c.want...)
			set(t, w, in(time.Minute), false)
			set(t, w, Now(), true)
			w.Fired()
			w.Close()
			s.made(t)
			for h, open := range s.open {
				if open {
					t.Errorf("handle %d is open", h)
				}
			}
		})
	}
}

// The time is rounded up: a wait that ends too early is one more.
func TestWaitTimerRoundsUp(t *testing.T) {
	s, w := script(t), new(WaitTimer)
	for {
		before := Now()
		at := before + 1_000_000_001
		w.Set(scriptedPort, at)
		w.Fired()
		due := s.due[len(s.due)-1]
		if after := Now(); -due*100 < at-after || -due*100 > at-before+99 {
			t.Fatalf("due in %d, want %d to %d ns", due, at-after, at-before)
		}
		if before%100 != 0 { // else there is nothing to round
			return
		}
	}
}

// The system has all of the calls or none is made. Here it says which.
func TestSystemTimers(t *testing.T) {
	port, err := NewCompletionPort()
	if err != nil {
		t.Fatal(err)
	}
	defer port.Close()
	w := new(WaitTimer)
	defer w.Close()
	at := in(20 * time.Millisecond)
	w.Set(port, at)
	if w.state == timerBroken {
		if err := findTimers(); err == nil {
			t.Error("the calls are there, and fail")
		}
		t.Skipf("the system has no such timers: %v", findTimers())
	}
	var packets [1]Packet
	if n := port.Dequeue(packets[:], Infinite); n != 1 || packets[0].Key != TimerKey {
		t.Fatalf("%d packets, %+v", n, packets)
	}
	w.Fired()
	t.Logf("%v late", time.Duration(Now()-at))
	w.Set(port, in(time.Hour))
	w.Set(port, in(time.Minute))
	w.Close()
	if n := port.Dequeue(packets[:], 0); n != 0 {
		t.Errorf("a packet of a timer that is closed: %+v", packets)
	}
}
