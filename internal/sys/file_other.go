//go:build !linux

package sys

import "os"

// tryFile is empty: these systems have no read of a file that does not block.
type tryFile struct{ fd int }

func (*tryFile) init(*os.File) {}
func (*tryFile) can() bool     { return false }

func (*tryFile) starts(int) bool { return false }

func (*tryFile) readAt([]byte, int64) (n int, err error, ok bool) { return 0, nil, false }
