package fault

import (
	"syscall"

	"github.com/completionport/completion/internal/backend"
)

var _ calls = (*kernel)(nil)

// calls are the calls of a kernel of readiness.
type calls interface {
	backend.Calls
	backend.Direct
}

// kernel makes the calls of another kernel, except those that a fault makes fail.
type kernel struct {
	calls
	choose Choose
	poller *poller // nil if the kernel waits for readiness itself
}

// Wrap returns a function for sys.InjectFaults. choose decides for all ports that are
// opened with it, except ports with a Native kernel, which makes other calls: see OfRing.
func Wrap(choose Choose) func(backend.Poller, backend.Calls) (backend.Poller, backend.Calls) {
	return func(p backend.Poller, k backend.Calls) (backend.Poller, backend.Calls) {
		direct, ok := k.(calls)
		if !ok {
			return p, k
		}
		waits := &poller{Poller: p, choose: choose, armed: make(map[int]uint32)}
		wrapped := &kernel{calls: direct, choose: choose, poller: waits}
		if s, ok := direct.(backend.Splicer); ok {
			return waits, &splicer{wrapped, s}
		}
		return waits, wrapped
	}
}

// meet reports whether a fault makes a call fail, and returns its errno. For a fault with
// Made, meet makes the call with the function made; if the call itself fails, meet returns
// the errno of the call instead.
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
	if f.How&Edge != 0 && k.poller != nil {
		k.poller.owe(fd)
	}
	return f.Errno, true
}

func (k *kernel) Read(fd int, p []byte) (int, syscall.Errno) {
	if errno, faulty := k.meet(Read, fd, nil); faulty {
		return 0, errno
	}
	return k.calls.Read(fd, p)
}

func (k *kernel) ReadV(fd int, parts [][]byte) (int, syscall.Errno) {
	if errno, faulty := k.meet(Read, fd, nil); faulty {
		return 0, errno
	}
	return k.calls.ReadV(fd, parts)
}

func (k *kernel) WriteV(fd int, parts [][]byte) (int, syscall.Errno) {
	if errno, faulty := k.meet(Write, fd, nil); faulty {
		return 0, errno
	}
	return k.calls.WriteV(fd, parts)
}

func (k *kernel) ReadControl(fd int, parts [][]byte, c *backend.Control) (int, syscall.Errno) {
	if errno, faulty := k.meet(Read, fd, nil); faulty {
		return 0, errno
	}
	return k.calls.(backend.Messenger).ReadControl(fd, parts, c)
}

func (k *kernel) WriteControl(fd int, parts [][]byte, c *backend.Control) (int, syscall.Errno) {
	if errno, faulty := k.meet(Write, fd, nil); faulty {
		return 0, errno
	}
	return k.calls.(backend.Messenger).WriteControl(fd, parts, c)
}

func (k *kernel) Write(fd int, p []byte) (int, syscall.Errno) {
	if errno, faulty := k.meet(Write, fd, nil); faulty {
		return 0, errno
	}
	return k.calls.Write(fd, p)
}

// SendFile reports that it is not supported if the kernel has no such call.
func (k *kernel) SendFile(fd int, file uintptr, at int64, n int) (int, syscall.Errno, bool) {
	sender, ok := k.calls.(backend.FileSender)
	if !ok {
		return 0, 0, false
	}
	if errno, faulty := k.meet(SendFile, fd, nil); faulty {
		return 0, errno, true
	}
	return sender.SendFile(fd, file, at, n)
}

func (k *kernel) Receive(fd int, messages []backend.Message) (int, syscall.Errno) {
	if errno, faulty := k.meet(Receive, fd, nil); faulty {
		return 0, errno
	}
	return k.calls.Receive(fd, messages)
}

func (k *kernel) Send(fd int, messages []backend.Message) (int, syscall.Errno) {
	if errno, faulty := k.meet(Send, fd, nil); faulty {
		return 0, errno
	}
	return k.calls.Send(fd, messages)
}

func (k *kernel) Accept(fd int) (int, syscall.Errno) {
	if errno, faulty := k.meet(Accept, fd, nil); faulty {
		return -1, errno
	}
	return k.calls.Accept(fd)
}

func (k *kernel) Connect(fd int, to backend.Address) syscall.Errno {
	connect := func() syscall.Errno { return k.calls.Connect(fd, to) }
	if errno, faulty := k.meet(Connect, fd, connect); faulty {
		return errno
	}
	return connect()
}

func (k *kernel) Connected(fd int) syscall.Errno {
	if errno, faulty := k.meet(Connected, fd, nil); faulty {
		return errno
	}
	return k.calls.Connected(fd)
}

func (k *kernel) CloseWrite(fd int) syscall.Errno {
	if errno, faulty := k.meet(CloseWrite, fd, nil); faulty {
		return errno
	}
	return k.calls.CloseWrite(fd)
}

func (k *kernel) Close(fd int) syscall.Errno {
	closing := func() syscall.Errno { return k.calls.Close(fd) }
	if errno, faulty := k.meet(Close, fd, closing); faulty {
		return errno
	}
	return closing()
}
