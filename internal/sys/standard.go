package sys

import "os"

// IsStandard reports whether file is the standard input, output or error output. Its
// descriptor must stay open: the next owner of the number would get what others print.
func IsStandard(file *os.File) (yes bool) {
	if raw, err := file.SyscallConn(); err == nil {
		raw.Control(func(fd uintptr) { yes = fd <= 2 })
	}
	return yes
}
