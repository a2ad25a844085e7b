package sys

import (
	"errors"
	"strings"
	"syscall"
	"testing"

	"github.com/completionport/completion/internal/backend"
	"golang.org/x/sys/windows"
)

// On a system that lacks something, the error says what.
func TestMissingAPI(t *testing.T) {
	const missing = "GetQueuedCompletionStatusOfTomorrow"
	t.Run("Call", func(t *testing.T) {
		before := procDequeue
		defer func() { procDequeue = before }()
		procDequeue = windows.NewLazySystemDLL("kernel32.dll").NewProc(missing)
		if err := load(); err == nil || !strings.Contains(err.Error(), missing) {
			t.Errorf("a missing call: %v", err)
		}
	})
	for i := range extensions {
		x := &extensions[i]
		t.Run(x.name, func(t *testing.T) {
			id, address := x.id, *x.address
			defer func() { x.id, *x.address = id, address }()
			x.id = windows.GUID{}
			var errno syscall.Errno
			if err := load(); err == nil || !strings.Contains(err.Error(), x.name) || !errors.As(err, &errno) {
				t.Errorf("a missing extension: %v", err)
			}
		})
	}
	if err := load(); err != nil {
		t.Error(err)
	}
}

// A descriptor belongs to one completion port for life: the second is told no.
func TestAssociateTwice(t *testing.T) {
	one, err := NewCompletionPort()
	if err != nil {
		t.Fatal(err)
	}
	defer one.Close()
	two, err := NewCompletionPort()
	if err != nil {
		t.Fatal(err)
	}
	defer two.Close()
	fd, err := Kernel{}.Socket(backend.IPv4)
	if err != nil {
		t.Fatal(err)
	}
	defer Close(fd)
	if _, errno := one.Associate(fd, true); errno != 0 {
		t.Fatal(errno)
	}
	if skips, errno := two.Associate(fd, true); errno == 0 || skips {
		t.Errorf("associated twice: %v, %v", skips, errno)
	}
}

// A port limits no threads: one that has taken a packet and computes would keep the
// others from theirs.
func TestPortLimitsNoThreads(t *testing.T) {
	defer func() { createPort = windows.CreateIoCompletionPort }()
	threads := uint32(0)
	createPort = func(file, port windows.Handle, key uintptr, n uint32) (windows.Handle, error) {
		threads = n
		return windows.CreateIoCompletionPort(file, port, key, n)
	}
	port, err := NewCompletionPort()
	if err != nil {
		t.Fatal(err)
	}
	defer port.Close()
	if threads != 0xffffffff {
		t.Errorf("%d threads", threads)
	}
}
