package sys

import (
	"github.com/completionport/completion/internal/backend"
)

// ErrorOf returns an errno as an error.
func ErrorOf(errno backend.Errno) error { return errno }
