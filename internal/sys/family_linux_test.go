//go:build linux && !386 && !s390x

package sys

import (
	"net"
	"runtime"
	"testing"
	"unsafe"

	"github.com/completionport/completion/internal/backend"
	"golang.org/x/sys/unix"
)

// A system without IPv6 refuses its sockets, or has no address to bind them to. A
// listener on every address of every family is one for IPv4 there.
func TestListenWithoutIPv6(t *testing.T) {
	for _, c := range []struct {
		name       string
		call, arg  uint32
		value      uint32
		errno      unix.Errno
		socketFits bool // an IPv6 socket can be opened
	}{
		{"NoSockets", unix.SYS_SOCKET, 0, unix.AF_INET6, unix.EAFNOSUPPORT, false},
		{"NoProtocol", unix.SYS_SOCKET, 0, unix.AF_INET6, unix.EPROTONOSUPPORT, false},
		{"NoAddresses", unix.SYS_BIND, 2, unix.SizeofSockaddrInet6, unix.EADDRNOTAVAIL, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			// The thread ends with this goroutine: it is never unlocked.
			runtime.LockOSThread()
			failCalls(t, c.call, c.arg, c.value, c.errno)
			k := &Kernel{}
			fd, err := k.Socket(backend.IPv6)
			if (err == nil) != c.socketFits {
				t.Fatalf("an IPv6 socket: %v", err)
			}
			if err == nil {
				unix.Close(fd)
			}
			for _, address := range []string{":0", "[::]:0", "0.0.0.0:0"} {
				addr, err := net.ResolveTCPAddr("tcp", address)
				if err != nil {
					t.Fatal(err)
				}
				fd, err := k.Listen(ListenFamily("tcp", addr, true), backend.Address{Inet: addr.AddrPort()}, backend.ListenOptions{})
				if err != nil {
					t.Fatalf("listen on %s: %v", address, err)
				}
				defer unix.Close(fd)
				if at := k.LocalAddr(fd).(*net.TCPAddr); at.Port == 0 || !at.IP.Equal(net.IPv4zero) {
					t.Errorf("%s listens on %v", address, at)
				}
			}
		})
	}
}

// failCalls lets calls of this thread fail if one of their arguments has a value.
func failCalls(t *testing.T, call, arg, value uint32, errno unix.Errno) {
	t.Helper()
	const nr, args = 0, 16 // offsets in struct seccomp_data
	low := uint32(args + 8*arg)
	if *(*byte)(unsafe.Pointer(&[]uint16{1}[0])) == 0 { // big-endian
		low += 4
	}
	program := []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: nr},
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, Jf: 3, K: call},
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: low},
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, Jf: 1, K: value},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ERRNO | uint32(errno)},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW},
	}
	filter := unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		t.Fatal(err)
	}
	if err := unix.Prctl(unix.PR_SET_SECCOMP, unix.SECCOMP_MODE_FILTER, uintptr(unsafe.Pointer(&filter)), 0, 0); err != nil {
		t.Skipf("this kernel filters no calls: %v", err)
	}
}
