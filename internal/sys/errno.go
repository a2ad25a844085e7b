package sys

import (
	"os"

	"github.com/completionport/completion/internal/backend"
)

// Explained makes an errno in a call's error one of ErrorOf.
func Explained(err error) error {
	if call, ok := err.(*os.SyscallError); ok {
		if errno, ok := call.Err.(backend.Errno); ok {
			return &os.SyscallError{Syscall: call.Syscall, Err: ErrorOf(errno)}
		}
	}
	return err
}
