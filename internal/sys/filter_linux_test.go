//go:build linux && !386 && !s390x

package sys

import (
	"runtime"
	"testing"

	"github.com/completionport/completion/internal/backend"
	"golang.org/x/sys/unix"
)

// Where a filter refuses the calls that are faster, the plain ones are made.
func TestRefusedCalls(t *testing.T) {
	for _, c := range []struct {
		name             string
		call, arg, value uint32
		use              func(*testing.T)
	}{
		{"Splice", unix.SYS_SPLICE, 4, 3, func(t *testing.T) {
			k := &Kernel{}
			pipe, errno := k.OpenPipe()
			if errno != 0 {
				t.Fatal(errno)
			}
			defer k.ClosePipe(pipe)
			if n, errno, supported := k.SpliceIn(streamEnd(t), pipe, 3); supported {
				t.Errorf("%d bytes, %v", n, errno)
			}
		}},
		{"SendFile", unix.SYS_SENDFILE, 3, 3, func(t *testing.T) {
			if n, errno, supported := new(Kernel).SendFile(streamEnd(t), tempFile(t, []byte("abc")).Fd(), 0, 3); supported {
				t.Errorf("%d bytes, %v", n, errno)
			}
		}},
		{"Read", unix.SYS_PREADV2, 2, 1, echoByPipe},
		{"Write", unix.SYS_PWRITEV2, 2, 1, echoByPipe},
	} {
		for _, errno := range []unix.Errno{unix.EPERM, unix.ENOSYS} {
			t.Run(c.name+errno.Error(), func(t *testing.T) {
				runtime.LockOSThread() // the thread ends with this goroutine
				failCalls(t, c.call, c.arg, c.value, errno)
				c.use(t)
			})
		}
	}
}

// echoByPipe writes to a pipe, and reads from it, as a stream.
func echoByPipe(t *testing.T) {
	pipe, errno := (&Kernel{}).OpenPipe()
	if errno != 0 {
		t.Fatal(errno)
	}
	defer (&Kernel{}).ClosePipe(pipe)
	var k backend.Kernel = &Kernel{}
	p := []byte("abc")
	n, errno := k.Write(int(pipe.In), p)
	m, errno2 := k.Read(int(pipe.Out), p)
	if n != 3 || m != 3 || errno != 0 || errno2 != 0 {
		t.Errorf("%d bytes written, %v; %d read, %v", n, errno, m, errno2)
	}
}
