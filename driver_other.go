//go:build !linux

package completion

// No backend here yet: Open returns errors.ErrUnsupported.
var drivers []opener
