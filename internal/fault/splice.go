package fault

import (
	"syscall"

	"github.com/completionport/completion/internal/backend"
)

var _ backend.Splicer = (*splicer)(nil)

// splicer is a kernel that splices.
type splicer struct {
	*kernel
	pipes backend.Splicer
}

func (k *splicer) OpenPipe() (backend.Pipe, syscall.Errno) {
	if errno, faulty := k.meet(OpenPipe, -1, nil); faulty {
		return backend.Pipe{}, errno
	}
	return k.pipes.OpenPipe()
}

func (k *splicer) ClosePipe(p backend.Pipe) { k.pipes.ClosePipe(p) }

func (k *splicer) CanSplice(from, to int) bool { return k.pipes.CanSplice(from, to) }

// PaysToSplice is true for half of the numbers, so that a few bytes meet the faults of both ways.
func (k *splicer) PaysToSplice(n int) bool { return n%2 == 0 }

func (k *splicer) SpliceIn(from int, p backend.Pipe, n int) (int, syscall.Errno, bool) {
	if errno, faulty := k.meet(SpliceIn, from, nil); faulty {
		return 0, errno, errno != syscall.EINVAL
	}
	return k.pipes.SpliceIn(from, p, n)
}

func (k *splicer) SpliceOut(p backend.Pipe, to, n int) (int, syscall.Errno) {
	if errno, faulty := k.meet(SpliceOut, to, nil); faulty {
		return 0, errno
	}
	return k.pipes.SpliceOut(p, to, n)
}
