//go:build !linux && !windows && !darwin && !dragonfly && !freebsd && !netbsd && !openbsd

package completion

// This system has no backend yet: Open returns errors.ErrUnsupported.
var backends []opener
