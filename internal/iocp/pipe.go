//go:build windows

package iocp

import (
	"cmp"
	"net"
	"os"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/completionport/completion/internal/backend"
	"github.com/completionport/completion/internal/sys"
)

var _ backend.NamedPipes = (*Kernel)(nil)

// pipeEnd is what an end of a named pipe has besides. It does not change: an instance that has
// got a client gets another entry.
type pipeEnd struct {
	at         net.Addr
	associated bool          // with the port
	messages   bool          // the server has made a pipe of messages
	listener   *pipeListener // of an instance that waits for a client, else nil
}

// pipeListener holds the instances of a named pipe that have no connection of the program yet.
// All of them wait for clients, whether an accept of the engine is pending or not: a client
// connects to any of them. An accept gets the one whose client came first.
//
// So an accept that is abandoned leaves the kernel as it is. A packet without an OVERLAPPED
// reports its end.
//
// A pipe has its name as long as there is an instance. Those that have clients belong to the
// program, and the system may make no others. So one more, reserved, keeps the name until the
// listener is closed: no other program can make a pipe of that name, and a client that finds no
// instance waits for one.
//
// The engine makes one call about a listener's accepts at a time, but a packet may be dequeued
// at any time.
type pipeListener struct {
	at   net.Addr
	port *Poller
	fd   int
	want int // how many instances wait, or have a client
	// generation is set before the first instance waits.
	generation uint32

	mu       sync.Mutex
	reserved *sys.PipeInstance   // keeps the name
	idle     []*sys.PipeInstance // they are to wait, and may have clients: their wait has failed, or see reserve
	inside   []*sys.PipeInstance // they wait
	ended    []*sys.PipeInstance // they have clients, in the order in which these came
	waiting  bool                // an accept is pending for the engine, without an event so far
	failure  syscall.Errno       // why an instance has failed, when an accept was told so
}

// ListenPipe makes the instance that keeps the name, and leaves a mark for Arm.
func (k *Kernel) ListenPipe(at net.Addr, instances int) (int, error) {
	l := &pipeListener{at: at, port: k.port, want: instances}
	err := l.reserve()
	if err == nil {
		l.fd, err = sys.NewPipeListener()
	}
	if err != nil {
		l.close()
		return -1, err
	}
	k.port.sockets.Set(l.fd, &socket{pipes: l})
	return l.fd, nil
}

// reserve makes the first instance of the pipe, and another one for each client that gets it
// before this call does. The one that this call gets has had its client, and gets no other.
func (l *pipeListener) reserve() error {
	for {
		i, errno := sys.NewPipeInstance(l.at.String(), len(l.idle) == 0)
		if errno != 0 {
			return os.NewSyscallError("CreateNamedPipe", errno)
		}
		client, busy, err := sys.OpenPipe(l.at.String())
		if err == nil {
			l.reserved = i
			sys.ClosePipe(client)
			return nil
		}
		if l.idle = append(l.idle, i); !busy {
			return err
		}
	}
}

// OpenPipe opens the client's end, and leaves a mark for Arm.
func (k *Kernel) OpenPipe(at net.Addr) (fd int, busy bool, err error) {
	fd, busy, err = sys.OpenPipe(at.String())
	if err == nil {
		k.port.sockets.Set(fd, &socket{pipe: &pipeEnd{at: at, messages: sys.HasMessages(fd)}})
	}
	return fd, busy, err
}

// longestAwait is how many milliseconds an AwaitPipe takes at most. A program that ends a Dial
// waits for it.
const longestAwait = 50

// AwaitPipe is WaitNamedPipe. If the system refuses to wait, a sleep keeps the caller from
// asking again and again.
func (k *Kernel) AwaitPipe(at net.Addr) {
	if !sys.AwaitPipe(at.String(), longestAwait) {
		time.Sleep(longestAwait * time.Millisecond)
	}
}

// armPipe is Arm for an end of a pipe and for a listener.
func (p *Poller) armPipe(fd int, entry, mark *socket) syscall.Errno {
	entry.pipe, entry.pipes = mark.pipe, mark.pipes
	if l := mark.pipes; l != nil {
		l.generation = entry.generation
		p.sockets.Set(fd, entry)
		return l.refill()
	}
	if !mark.pipe.associated {
		if _, errno := p.port.Associate(fd, false); errno != 0 {
			return errno
		}
	}
	p.sockets.Set(fd, entry)
	return 0
}

// listenerOf returns the listener that a packet with the key of s belongs to, nil if none.
func listenerOf(s *socket) *pipeListener {
	switch {
	case s == nil:
	case s.pipes != nil:
		return s.pipes
	case s.pipe != nil:
		return s.pipe.listener
	}
	return nil
}

// refill makes instances wait until as many as wanted wait or have clients. A client may have got
// one that is idle, so that one comes before a new one.
func (l *pipeListener) refill() (errno syscall.Errno) {
	for errno == 0 {
		var i *sys.PipeInstance
		l.mu.Lock()
		full := len(l.inside)+len(l.ended) >= l.want
		if !full && len(l.idle) > 0 {
			i = l.idle[0]
			l.idle = slices.Delete(l.idle, 0, 1)
		}
		l.mu.Unlock()
		if full {
			return 0
		}
		if i == nil {
			i, errno = sys.NewPipeInstance(l.at.String(), false)
		}
		if errno == 0 {
			errno = l.await(i)
		}
	}
	return errno
}

// await makes an instance wait for a client. It is in the list before the call, since its
// packet may be dequeued before the call returns. No accept of the engine is pending.
func (l *pipeListener) await(i *sys.PipeInstance) (errno syscall.Errno) {
	if l.port.sockets.Get(i.FD) == nil {
		l.port.sockets.Set(i.FD, &socket{pipe: &pipeEnd{at: l.at, associated: true, listener: l}})
		if _, errno = l.port.port.Associate(i.FD, false); errno != 0 {
			l.discard(i)
			return errno
		}
	}
	l.mu.Lock()
	l.inside = append(l.inside, i)
	l.mu.Unlock()
	errno, hasPacket := i.Await()
	if hasPacket {
		return 0
	}
	l.mu.Lock()
	l.inside = slices.DeleteFunc(l.inside, func(b *sys.PipeInstance) bool { return b == i })
	l.hasWaited(i, errno)
	l.mu.Unlock()
	return errno
}

// hasWaited takes back an instance whose wait has ended. mu is held.
func (l *pipeListener) hasWaited(i *sys.PipeInstance, errno syscall.Errno) {
	if errno == 0 {
		l.ended = append(l.ended, i)
	} else {
		l.idle = append(l.idle, i)
	}
}

// discard closes an instance, which gives up its number.
func (l *pipeListener) discard(i *sys.PipeInstance) {
	l.port.sockets.Set(i.FD, nil)
	sys.ClosePipe(i.FD)
}

// start returns an instance that has a client, or leaves the accept pending. If the system lets an
// idle instance not wait, which may have a client, that is an error.
func (l *pipeListener) start() (n int, errno syscall.Errno, pending bool) {
	for again := true; again; {
		errno = l.refill()
		l.mu.Lock()
		again = errno == 0 && len(l.inside)+len(l.ended) < l.want // a wait has failed meanwhile
		l.failure = 0
		l.waiting = !again && len(l.ended) == 0 && len(l.inside) > 0 && (errno == 0 || len(l.idle) == 0)
		pending = l.waiting
		l.mu.Unlock()
	}
	if pending {
		return 0, 0, true
	}
	n, ended := l.finish()
	if ended == sys.Aborted && errno != 0 {
		return -1, errno, false
	}
	return n, ended, false
}

// finish returns the instance whose client came first. Another instance takes its place before
// that. If the system has none just now, the next start tries again. If no instance has a client,
// the error is that of one which has failed. If there is none, because the accept was abandoned or
// an instance cancelled, the accept begins again.
func (l *pipeListener) finish() (int, syscall.Errno) {
	l.mu.Lock()
	if len(l.ended) == 0 {
		errno := cmp.Or(l.failure, sys.Aborted)
		l.mu.Unlock()
		return -1, errno
	}
	i := l.ended[0]
	l.ended = slices.Delete(l.ended, 0, 1)
	l.mu.Unlock()
	l.refill()
	l.port.sockets.Set(i.FD, &socket{pipe: &pipeEnd{at: l.at, associated: true}})
	return i.FD, 0
}

// take records the end of a wait, and reports whether the engine needs an event, because it waits
// for an accept. It does also if the wait has failed: a client may have got the instance meanwhile,
// and the next start makes it wait again.
func (l *pipeListener) take(p *Poller, packet *sys.Packet) (tell bool) {
	if packet.Overlapped == 0 {
		return true // of abandon
	}
	l.mu.Lock()
	at := slices.IndexFunc(l.inside, func(i *sys.PipeInstance) bool { return i.IsOf(packet) })
	if at < 0 {
		l.mu.Unlock()
		p.orphans.take(packet)
		return false
	}
	i := l.inside[at]
	l.inside = slices.Delete(l.inside, at, at+1)
	errno := i.Result()
	l.hasWaited(i, errno)
	if tell = l.waiting && (errno != 0 || len(l.ended) > 0); tell {
		l.waiting, l.failure = false, errno
	}
	l.mu.Unlock()
	return tell
}

// abandon posts the end of the pending accept. The lock is held meanwhile, so an instance that
// gets a client now posts no end besides.
func (l *pipeListener) abandon() (heard bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.waiting || l.port.port.Post(l.fd) != 0 {
		return false
	}
	l.waiting = false
	return true
}

// close closes all instances. The clients of those that no accept has got see the end. The
// packets of the others come later.
func (l *pipeListener) close() {
	l.mu.Lock()
	inside, all := l.inside, slices.Concat(l.inside, l.ended, l.idle)
	if l.reserved != nil {
		all = append(all, l.reserved)
	}
	addOrphans(&l.port.orphans, inside) // before they leave this queue: a packet is always found
	l.reserved, l.idle, l.inside, l.ended = nil, nil, nil, nil
	l.mu.Unlock()
	for _, i := range inside {
		i.Cancel()
	}
	for _, i := range all {
		l.discard(i)
	}
}
