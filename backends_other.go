//go:build !linux && !windows && !darwin && !dragonfly && !freebsd && !netbsd && !openbsd

package completion

// No backend here yet: Open returns errors.ErrUnsupported.
var backends []opener
