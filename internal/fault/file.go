package fault

import (
	"syscall"

	"github.com/completionport/completion/internal/sys"
)

// ofFiles are the names that package sys has for the calls of a file.
var ofFiles = map[string]Call{
	"read": FileRead, "try": FileTry, "write": FileWrite, "sync": FileSync,
	"stat": FileStat, "truncate": FileTruncate, "close": FileClose,
}

// ChooseOfFiles returns a function for sys.InjectFileFaults. A close that fails frees the
// descriptor all the same.
func ChooseOfFiles(choose Choose) sys.FileFault {
	return func(call string) syscall.Errno {
		if f := choose(ofFiles[call], -1); f != nil {
			return f.Errno
		}
		return 0
	}
}
