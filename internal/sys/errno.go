package sys

import (
	"os"

	"github.com/completionport/completion/internal/backend"
)

// Explained returns err with ErrorOf applied to its errno, if it is an *os.SyscallError
// with an errno.
func Explained(err error) error {
	if call, ok := err.(*os.SyscallError); ok {
		if errno, ok := call.Err.(backend.Errno); ok {
			return &os.SyscallError{Syscall: call.Syscall, Err: ErrorOf(errno)}
		}
	}
	return err
}
