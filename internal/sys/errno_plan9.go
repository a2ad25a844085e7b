package sys

import "github.com/completionport/completion/internal/core"

// Errno returns the errno.
func Errno(errno core.Errno) core.Errno { return errno }

// ErrorOf returns an errno as an error.
func ErrorOf(errno core.Errno) error { return errno }
