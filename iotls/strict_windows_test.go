package iotls_test

import (
	"os"

	"github.com/completionport/completion/internal/strict"
)

// The suite runs in strict mode as well: see CONTRIBUTING.md.
func init() {
	if os.Getenv("COMPLETION_STRICT_WINDOWS") != "" {
		strict.Set(true)
	}
}
