package sys

import (
	"github.com/completionport/completion/internal/backend"
)

// Errno returns the errno.
func Errno(errno backend.Errno) backend.Errno { return errno }

// ErrorOf returns an errno as an error.
func ErrorOf(errno backend.Errno) error { return errno }
