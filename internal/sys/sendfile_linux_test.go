package sys

import (
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// Up to Linux 6.4, sendfile(2) holds back the last segment of a file that ends before the
// count. So it is asked for no more than there is, unless the size does not tell: behind the
// end, and of files of the kernel, which have none.
func TestSendFileAsksForNoMoreThanThereIs(t *testing.T) {
	ends, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(ends[0])
	defer unix.Close(ends[1])
	regular, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer regular.Close()
	if err := regular.Truncate(1000); err != nil {
		t.Fatal(err)
	}
	ofKernel, err := os.Open("/proc/self/status")
	if err != nil {
		t.Skipf("no files of the kernel: %v", err)
	}
	defer ofKernel.Close()
	asked := 0
	sendFile = func(_, _ int, _ int64, n int) (int, error) {
		asked = n
		return n, nil
	}
	defer func(real func(int, int, int64, int) (int, error)) { sendFile = real }(sendFile)
	for _, c := range []struct {
		file    *os.File
		at      int64
		n, asks int
	}{
		{regular, 0, 256 << 10, 1000},
		{regular, 600, 256 << 10, 400},
		{regular, 999, 2, 1},
		{regular, 600, 400, 400},
		{regular, 600, 100, 100},
		{regular, 1000, 100, 100},
		{regular, 2000, 100, 100},
		{ofKernel, 0, 100, 100},
	} {
		moved, errno, supported := new(Kernel).SendFile(ends[0], c.file.Fd(), c.at, c.n)
		if asked != c.asks || moved != asked || errno != 0 || !supported {
			t.Errorf("%d bytes at %d of %s: asked for %d, %d moved, %v, %v", c.n, c.at, c.file.Name(), asked, moved, errno, supported)
		}
	}
}
