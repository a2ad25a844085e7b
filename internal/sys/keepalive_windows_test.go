package sys

import (
	"math"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"
)

// A time of any length is rounded up to whole seconds, and cut to what fits into the
// 32 bits of milliseconds that the system takes.
func TestKeepAliveTimes(t *testing.T) {
	const most = math.MaxUint32
	var got windows.TCPKeepalive
	replace(t, &ioctl, func(_ windows.Handle, code uint32, in *byte, size uint32, _ *byte, _ uint32, _ *uint32, _ *windows.Overlapped, _ uintptr) error {
		if code != windows.SIO_KEEPALIVE_VALS || size != 12 {
			t.Errorf("code %#x, %d bytes", code, size)
		}
		got = *(*windows.TCPKeepalive)(unsafe.Pointer(in))
		return nil
	})
	for _, c := range []struct {
		idle         time.Duration
		on           uint32
		milliseconds uint32
	}{
		{math.MinInt64, 0, 0}, {-1, 0, 0}, {0, 0, 0},
		{1, 1, 1000}, {time.Second, 1, 1000}, {time.Second + 1, 1, 2000},
		{90 * time.Second, 1, 90_000},
		{time.Duration(most/1000) * time.Second, 1, most / 1000 * 1000},
		{time.Duration(most/1000+1) * time.Second, 1, most},
		{math.MaxInt64 - time.Duration(time.Second), 1, most}, {math.MaxInt64, 1, most},
	} {
		if err := (Kernel{}).SetKeepAlive(0, c.idle); err != nil {
			t.Fatal(err)
		}
		if want := (windows.TCPKeepalive{OnOff: c.on, Time: c.milliseconds, Interval: c.milliseconds}); got != want {
			t.Errorf("%v: %+v, want %+v", c.idle, got, want)
		}
	}
	replace(t, &ioctl, func(windows.Handle, uint32, *byte, uint32, *byte, uint32, *uint32, *windows.Overlapped, uintptr) error {
		return windows.WSAENOTSOCK
	})
	if err := (Kernel{}).SetKeepAlive(0, time.Second); asErrno(err) != syscall.Errno(windows.WSAENOTSOCK) {
		t.Errorf("refused: %v", err)
	}
}
