package porttest_test

import (
	"os"

	"github.com/completionport/completion/internal/sys"
)

// The suite runs in strict mode as well: see CONTRIBUTING.md.
func init() {
	if os.Getenv("COMPLETION_STRICT_WINDOWS") != "" {
		sys.SetStrict(true)
	}
}
