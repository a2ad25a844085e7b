//go:build !unix

package porttest

import "errors"

// limitDescriptors: this system has no such limit.
func limitDescriptors() error { return errors.ErrUnsupported }
