//go:build linux

package uring

import (
	"runtime"
	"slices"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/completionport/completion/internal/backend"
)

// listenOn returns a listener on an address that nothing else here uses.
func listenOn(t *testing.T, port int) (fd int, err error) {
	t.Helper()
	fd, err = syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_NONBLOCK|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	syscall.SetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1)
	if err = syscall.Bind(fd, &syscall.SockaddrInet4{Port: port, Addr: [4]byte{127, 93, 71, 6}}); err == nil {
		err = syscall.Listen(fd, 1)
	}
	return fd, err
}

// listenAgain is listenOn as soon as the port is free, and reports whether that was at once.
func listenAgain(t *testing.T, port int) (fd int, free bool) {
	fd, err := listenOn(t, port)
	for free = err == nil; err != nil; fd, err = listenOn(t, port) {
		syscall.Close(fd)
	}
	return fd, free
}

// The address of a listener is free when it is closed behind its last accept. The kernel
// releases what a request holds after it has stored the result, and here behind that of
// many others.
func TestAddressFreeBehindAResult(t *testing.T) {
	b, _ := opened(t, 512, 1024)
	var others [200]int
	for i := range others {
		others[i], _ = pair(t, b)
	}
	listeners, begun := make(chan int), make(chan bool)
	defer close(listeners)
	var over atomic.Bool
	go beginOnThread(b, others[:], listeners, begun, &over)
	fd, err := listenOn(t, 0)
	if err != nil {
		t.Fatal(err)
	}
	address, _ := syscall.Getsockname(fd)
	taken := 0
	for range 1000 {
		b.Poller.Arm(fd, 1)
		listeners <- fd
		<-begun
		abandonAll(b, append(others[:], fd))
		b.Poller.Disarm(fd)
		syscall.Close(fd)
		var free bool
		if fd, free = listenAgain(t, address.(*syscall.SockaddrInet4).Port); !free {
			taken++
		}
		over.Store(true)
	}
	syscall.Close(fd)
	if taken > 0 {
		t.Errorf("%d of 1,000 addresses were not free", taken)
	}
}

// beginOnThread begins a poll of each of the others, and an accept of each listener. The kernel
// makes this thread complete them, which runs until they are over.
func beginOnThread(b backend.Backend, others []int, listeners <-chan int, begun chan<- bool, over *atomic.Bool) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	k := b.Kernel.(backend.Native)
	for fd := range listeners {
		for _, other := range others {
			k.Start(other, backend.PollIn, nil, nil)
		}
		k.Start(fd, backend.Accept, nil, nil)
		b.Poller.Wait(backend.Look, make([]backend.Event, 8))
		over.Store(false)
		begun <- true
		for !over.Load() {
		}
	}
}

// abandonAll cancels the requests, and returns as soon as that of the last one has ended.
func abandonAll(b backend.Backend, fds []int) {
	kind, last, events := backend.PollIn, fds[len(fds)-1], make([]backend.Event, 512)
	for _, fd := range fds {
		if fd == last {
			kind = backend.Accept
		}
		b.Kernel.(backend.Native).Abandon(fd, kind)
	}
	for ended := false; !ended; {
		n, _ := b.Poller.Wait(backend.Look, events)
		ended = slices.ContainsFunc(events[:n], func(e backend.Event) bool { return e.FD == last })
	}
}
