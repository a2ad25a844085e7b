package sys

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/windows"
)

// Windows has unix sockets from 10.0.17063 on. They differ little from TCP: they have no
// protocol number and none of TCP's options. As for TCP, ConnectEx requires a bound socket:
// a unix socket is bound to an address without a name.

// These calls are variables for tests: Wine has no unix sockets, and refuses some options.
var (
	wsaSocket   = windows.WSASocket
	bind        = callBind
	getsockname = windows.Getsockname
	getpeername = windows.Getpeername
	getsockopt  = windows.Getsockopt
	setsockopt  = windows.SetsockoptInt
	ioctl       = windows.WSAIoctl
	connect     = callConnectEx
)

var procBind = windows.NewLazySystemDLL("ws2_32.dll").NewProc("bind")

// callBind is bind, with all bytes of the address: package windows leaves out the zero
// byte of a unix address without a name.
func callBind(s windows.Handle, raw unsafe.Pointer, size int32) error {
	failed, _, errno := syscall.SyscallN(procBind.Addr(), uintptr(s), uintptr(raw), uintptr(size))
	if failed == 0 {
		return nil
	}
	return result(0, errno)
}

// callConnectEx begins a connect.
func callConnectEx(fd int, raw unsafe.Pointer, size int32, o *windows.Overlapped) syscall.Errno {
	ok, _, errno := syscall.SyscallN(connectEx, uintptr(fd), uintptr(raw), uintptr(size), 0, 0, 0, uintptr(unsafe.Pointer(o)))
	return result(ok, errno)
}

// unixRoom is the size, in bytes, of the memory of a unix address for ConnectEx, which has
// been seen to write behind such an address (libuv/libuv#4636).
const unixRoom = 512

// rawUnix returns a path in the form for the system, which ends with a zero byte. As in
// package net, a name that begins with @ is in the abstract namespace. rawUnix returns nil
// if the path is too long.
func rawUnix(path string) (raw unsafe.Pointer, size int32) {
	room := new([unixRoom]byte)
	r := (*windows.RawSockaddrUnix)(unsafe.Pointer(room))
	if len(path) >= len(r.Path) {
		return nil, 0
	}
	r.Family = windows.AF_UNIX
	name := room[unsafe.Offsetof(r.Path):]
	copy(name, path)
	size = int32(unsafe.Offsetof(r.Path)) + int32(len(path)) + 1
	if path != "" && path[0] == '@' {
		name[0] = 0
		size--
	}
	return unsafe.Pointer(room), size
}
