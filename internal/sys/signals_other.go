//go:build !unix

package sys

import "os"

// AllSignals returns nil, which means all of them.
func AllSignals() []os.Signal { return nil }
