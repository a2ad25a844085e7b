package fault

import (
	"syscall"

	"github.com/completionport/completion/internal/core"
	"github.com/completionport/completion/internal/sys"
)

var _ sys.Calls = (*kernel)(nil)

// kernel makes the calls of another, but for those that meet a fault.
type kernel struct {
	sys.Calls
	choose Choose
	poller *poller
}

// Wrap returns a function for sys.InjectFaults. choose serves all ports that
// are opened with it, but not those with a core.Native kernel, which makes other
// calls.
func Wrap(choose Choose) func(core.Poller, sys.Calls) (core.Poller, sys.Calls) {
	return func(p core.Poller, k sys.Calls) (core.Poller, sys.Calls) {
		if _, native := k.(core.Native); native {
			return p, k
		}
		waits := &poller{Poller: p, choose: choose, armed: make(map[int]uint32)}
		return waits, &kernel{Calls: k, choose: choose, poller: waits}
	}
}

// meet asks whether a call fails. made, if not nil, makes it for a fault that
// wants that, and returns its errno, which counts if the call was bound to fail
// anyway.
func (k *kernel) meet(call Call, fd int, made func() syscall.Errno) (errno syscall.Errno, faulty bool) {
	f := k.choose(call, fd)
	if f == nil {
		return 0, false
	}
	if f.How&Made != 0 {
		if errno := made(); errno != 0 && errno != syscall.EINPROGRESS {
			return errno, true
		}
	}
	if f.How&Edge != 0 {
		k.poller.owe(fd)
	}
	return f.Errno, true
}

func (k *kernel) Read(fd int, p []byte) (int, syscall.Errno) {
	if errno, faulty := k.meet(Read, fd, nil); faulty {
		return 0, errno
	}
	return k.Calls.Read(fd, p)
}

func (k *kernel) Write(fd int, p []byte) (int, syscall.Errno) {
	if errno, faulty := k.meet(Write, fd, nil); faulty {
		return 0, errno
	}
	return k.Calls.Write(fd, p)
}

func (k *kernel) Accept(fd int) (int, syscall.Errno) {
	if errno, faulty := k.meet(Accept, fd, nil); faulty {
		return -1, errno
	}
	return k.Calls.Accept(fd)
}

func (k *kernel) Connect(fd int, to core.Address) syscall.Errno {
	connect := func() syscall.Errno { return k.Calls.Connect(fd, to) }
	if errno, faulty := k.meet(Connect, fd, connect); faulty {
		return errno
	}
	return connect()
}

func (k *kernel) Connected(fd int) syscall.Errno {
	if errno, faulty := k.meet(Connected, fd, nil); faulty {
		return errno
	}
	return k.Calls.Connected(fd)
}

func (k *kernel) CloseWrite(fd int) syscall.Errno {
	if errno, faulty := k.meet(CloseWrite, fd, nil); faulty {
		return errno
	}
	return k.Calls.CloseWrite(fd)
}

func (k *kernel) Close(fd int) syscall.Errno {
	closing := func() syscall.Errno { return k.Calls.Close(fd) }
	if errno, faulty := k.meet(Close, fd, closing); faulty {
		return errno
	}
	return closing()
}
