//go:build windows

package iocp

import (
	"testing"
	"unsafe"

	"github.com/completionport/completion/internal/sys"
	"golang.org/x/sys/windows"
)

// An accept that waits learns why an instance has failed, unless that was cancelled: then it begins
// again.
func TestInstanceFails(t *testing.T) {
	for status, want := range map[windows.NTStatus]error{
		windows.STATUS_INSUFFICIENT_RESOURCES: windows.ERROR_NO_SYSTEM_RESOURCES,
		windows.STATUS_CANCELLED:              sys.Aborted,
	} {
		l := &pipeListener{port: new(Poller), waiting: true}
		var packets []sys.Packet
		for range 2 {
			i, errno := sys.NewPipeInstance(`\\.\pipe\completion-last-instance`, false)
			if errno != 0 {
				t.Fatal(errno)
			}
			block := (*windows.Overlapped)(unsafe.Pointer(i)) // its first field
			block.Internal = uintptr(status)
			l.inside = append(l.inside, i)
			packets = append(packets, sys.Packet{Overlapped: uintptr(unsafe.Pointer(block))})
		}
		for at := range packets {
			if tell := l.take(l.port, &packets[at]); tell != (at == 0) {
				t.Errorf("packet %d: the engine has an event: %v", at, tell)
			}
		}
		if fd, errno := l.finish(); fd != -1 || errno != want {
			t.Errorf("status %#x: %d, %v", uint32(status), fd, errno)
		}
		l.close()
	}
}
