//go:build windows

package iocp

import (
	"errors"
	"fmt"
	"net"
	"syscall"
	"time"

	"github.com/completionport/completion/internal/backend"
	"github.com/completionport/completion/internal/sys"
)

// The calls of this file are made for sockets and for ends of named pipes.

// pipe returns the address of a named pipe if fd is one of its ends or its listener.
func (k *Kernel) pipe(fd int) (at net.Addr, isPipe bool) {
	switch s := k.port.sockets.Get(fd); {
	case s == nil:
	case s.pipe != nil:
		return s.pipe.at, true
	case s.pipes != nil:
		return s.pipes.at, true
	}
	return nil, false
}

// startPipe is Start for a read or a write of a pipe. Each of them has a packet, unless it
// fails at once.
func (s *socket) startPipe(fd int, kind backend.Kind, data []byte) (n int, errno syscall.Errno, pending bool) {
	t := s.transfer(kind)
	if kind == backend.Read {
		errno = t.ReceivePipe(fd, data)
	} else {
		errno = t.SendPipe(fd, data)
	}
	if errno == sys.Pending || errno == 0 {
		return 0, 0, true
	}
	t.Failed()
	return 0, sys.PipeErrno(kind, errno), false
}

// Read of a pipe reads what is there.
func (k *Kernel) Read(fd int, p []byte) (int, syscall.Errno) {
	if s := k.port.sockets.Get(fd); s != nil && s.pipe != nil {
		return sys.ReadPipe(fd, p, s.pipe.messages)
	}
	return k.Kernel.Read(fd, p)
}

// ReadV of a pipe reads what is there.
func (k *Kernel) ReadV(fd int, parts [][]byte) (int, syscall.Errno) {
	if s := k.port.sockets.Get(fd); s != nil && s.pipe != nil {
		return sys.ReadPipeV(fd, parts, s.pipe.messages)
	}
	return k.Kernel.ReadV(fd, parts)
}

// Write of a pipe finds no room: no call writes what there is room for without waiting.
func (k *Kernel) Write(fd int, p []byte) (int, syscall.Errno) {
	if _, ok := k.pipe(fd); ok {
		return 0, sys.WouldBlock
	}
	return k.Kernel.Write(fd, p)
}

// WriteV is as Write.
func (k *Kernel) WriteV(fd int, parts [][]byte) (int, syscall.Errno) {
	if _, ok := k.pipe(fd); ok {
		return 0, sys.WouldBlock
	}
	return k.Kernel.WriteV(fd, parts)
}

// CloseWrite of a pipe fails: its two directions end together.
func (k *Kernel) CloseWrite(fd int) syscall.Errno {
	if _, ok := k.pipe(fd); ok {
		return sys.Unsupported
	}
	return k.Kernel.CloseWrite(fd)
}

// Close closes fd, and removes the mark of a pipe.
func (k *Kernel) Close(fd int) syscall.Errno {
	if _, ok := k.pipe(fd); !ok {
		return k.Kernel.Close(fd)
	}
	if l := k.port.sockets.Get(fd).pipes; l != nil {
		l.close()
	}
	k.port.sockets.Set(fd, nil)
	return sys.ClosePipe(fd)
}

// LocalAddr of a pipe is its name.
func (k *Kernel) LocalAddr(fd int) net.Addr {
	if at, ok := k.pipe(fd); ok {
		return at
	}
	return k.Kernel.LocalAddr(fd)
}

// RemoteAddr of a pipe is its name, too.
func (k *Kernel) RemoteAddr(fd int) net.Addr {
	if at, ok := k.pipe(fd); ok {
		return at
	}
	return k.Kernel.RemoteAddr(fd)
}

// PipeCall returns the name of a call.
func (k *Kernel) PipeCall(fd int, kind backend.Kind) string {
	if _, ok := k.pipe(fd); !ok {
		return ""
	}
	switch kind {
	case backend.Accept:
		return "connectnamedpipe"
	case backend.Read, backend.CopyIn:
		return "readfile"
	case backend.Write, backend.Copy:
		return "writefile"
	}
	return ""
}

// ofSockets calls set, which sets an option, unless fd is a pipe.
func (k *Kernel) ofSockets(fd int, set func() error) error {
	if _, ok := k.pipe(fd); ok {
		return fmt.Errorf("a named pipe has no options of sockets: %w", errors.ErrUnsupported)
	}
	return set()
}

// SetNoDelay is for sockets.
func (k *Kernel) SetNoDelay(fd int, on bool) error {
	return k.ofSockets(fd, func() error { return k.Kernel.SetNoDelay(fd, on) })
}

// SetKeepAlive is for sockets.
func (k *Kernel) SetKeepAlive(fd int, idle time.Duration) error {
	return k.ofSockets(fd, func() error { return k.Kernel.SetKeepAlive(fd, idle) })
}

// SetReadBuffer is for sockets.
func (k *Kernel) SetReadBuffer(fd, bytes int) error {
	return k.ofSockets(fd, func() error { return k.Kernel.SetReadBuffer(fd, bytes) })
}

// SetWriteBuffer is for sockets.
func (k *Kernel) SetWriteBuffer(fd, bytes int) error {
	return k.ofSockets(fd, func() error { return k.Kernel.SetWriteBuffer(fd, bytes) })
}

// SetResetOnClose is for sockets.
func (k *Kernel) SetResetOnClose(fd int, on bool) error {
	return k.ofSockets(fd, func() error { return k.Kernel.SetResetOnClose(fd, on) })
}
