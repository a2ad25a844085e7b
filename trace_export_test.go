package completion

import (
	"fmt"

	"github.com/completionport/completion/internal/backend"
	"github.com/completionport/completion/internal/kqueue"
	"github.com/completionport/completion/internal/memory"
)

// OpenTracedKqueue is OpenKqueue for a kernel without random habits. call is called with
// each call of the port on its queue, and with each read of a socket: before a kevent that
// waits, and after any other call.
func OpenTracedKqueue(m *Memory, config Config, habits memory.Habits, call func(string)) (*Port, error) {
	config.Memory = m
	if err := config.check(); err != nil {
		return nil, err
	}
	queue := tracedKqueue{m.network.NewKqueue(habits, 0), call}
	b, err := kqueue.OpenOn(queue, tracedKernel{m.network.Kernel(), call})
	if err != nil {
		return nil, err
	}
	return config.port(b), nil
}

type tracedKqueue struct {
	kqueue.System
	call func(string)
}

func (q tracedKqueue) Change(first, second kqueue.Event) backend.Errno {
	errno := q.System.Change(first, second)
	q.call("kevent(queue, changes)")
	return errno
}

func (q tracedKqueue) Wait(events []kqueue.Event, nanoseconds int64) (int, backend.Errno) {
	wait := "no time-out"
	if nanoseconds >= 0 {
		wait = fmt.Sprintf("%d ns", nanoseconds)
	}
	q.call(fmt.Sprintf("kevent(queue, room for %d events, %s)", len(events), wait))
	n, errno := q.System.Wait(events, nanoseconds)
	for _, e := range events[:n] {
		name := map[kqueue.Filter]string{kqueue.Read: "EVFILT_READ", kqueue.Write: "EVFILT_WRITE", kqueue.User: "EVFILT_USER"}[e.Filter]
		q.call(fmt.Sprintf("  = an event: conn, %s, %d bytes", name, e.Data))
	}
	return n, errno
}

type tracedKernel struct {
	memory.Kernel
	call func(string)
}

func (k tracedKernel) Read(fd int, p []byte) (int, backend.Errno) {
	n, errno := k.Kernel.Read(fd, p)
	result := fmt.Sprint(n)
	if errno != 0 {
		result = errno.Error()
	}
	k.call(fmt.Sprintf("recv(conn, %d bytes, MSG_DONTWAIT) = %s", len(p), result))
	return n, errno
}
