package sys

import (
	"os"
	"testing"
)

// Up to Linux 6.4, sendfile(2) holds back the last segment of a file that ends before the
// count. So it is asked for no more than there is, unless the size does not tell: behind the
// end, and of files of the kernel, which have none.
func TestSendFileAsksForNoMoreThanThereIs(t *testing.T) {
	socket := streamEnd(t)
	regular := tempFile(t, make([]byte, 1000))
	ofKernel, err := os.Open("/proc/self/status")
	if err != nil {
		t.Skipf("no files of the kernel: %v", err)
	}
	defer ofKernel.Close()
	asked := 0
	replaceSendFile(t, func(n int) (int, error) {
		asked = n
		return n, nil
	})
	for _, c := range []struct {
		file    interface{ Fd() uintptr }
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
		moved, errno, supported := new(Kernel).SendFile(socket, c.file.Fd(), c.at, c.n)
		if asked != c.asks || moved != asked || errno != 0 || !supported {
			t.Errorf("%d bytes at %d of %v: asked for %d, %d moved, %v, %v", c.n, c.at, c.file, asked, moved, errno, supported)
		}
	}
}
