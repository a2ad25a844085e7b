package bench

import (
	"os"
	"syscall"
	"testing"
)

// directFlag is the flag of open(2) for direct I/O.
const directFlag = syscall.O_DIRECT

// directly opens a file for direct I/O. It returns nil if the file system has none.
func directly(b *testing.B, file *os.File) *os.File {
	direct, err := os.OpenFile(file.Name(), os.O_RDONLY|directFlag, 0)
	if err != nil {
		return nil
	}
	b.Cleanup(func() { direct.Close() })
	return direct
}
