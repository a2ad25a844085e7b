package completion

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"

	"github.com/completionport/completion/internal/backend"
	"github.com/completionport/completion/internal/core"
	"github.com/completionport/completion/internal/sys"
)

var (
	errInUse     = errors.New("the socket is in use: operations are in flight, or another goroutine is in one of its methods")
	errFileInUse = errors.New("the file is in use: operations are in flight")
)

// Detach gives the socket back to package net: it returns a connection with the same
// socket, which no longer belongs to the port. Nothing is lost: the connection reads the bytes
// that have arrived, and the system sends the bytes that were written. The Socket is closed
// from then on, as after Close.
//
// The socket must be idle: Detach fails if an operation is in flight, or another goroutine
// is in a method of the socket. A program that waits for data cancels its Read, and detaches
// when the Read was delivered. With TLS (package iotls), Detach returns an error that matches
// errors.ErrUnsupported, since the keys are the port's. It does so on Windows, too, where a
// socket cannot leave its completion port.
//
// If Detach fails, the socket stays with the port. Operations that were submitted
// meanwhile may have ended with net.ErrClosed.
//
// On a Memory, the connection is one of that Memory, as from Memory.Dial.
func (s *Socket) Detach() (conn net.Conn, err error) {
	err = detach(s.core(), func(k kernel, fd int) error {
		shared, err := k.Share(fd, backend.StreamSocket)
		conn, _ = shared.(net.Conn)
		return err
	})
	return conn, err
}

// Detach gives the listener back to package net, as Socket.Detach does. Connections that
// wait in its backlog are not lost. If closing the Listener would have removed the file of
// a unix socket, closing the result removes it.
func (l *Listener) Detach() (listener net.Listener, err error) {
	h, removes := l.core(), false
	err = detach(h, func(k kernel, fd int) error {
		removes = h.HasAtClose()
		shared, err := k.Share(fd, backend.ListeningSocket)
		listener, _ = shared.(net.Listener)
		return err
	})
	if keeper, ok := listener.(interface{ SetUnlinkOnClose(bool) }); ok {
		keeper.SetUnlinkOnClose(removes)
	}
	return listener, err
}

// Detach gives the datagram socket back to package net, as Socket.Detach does. Datagrams that
// have arrived are not lost. The result is a *net.UDPConn or a *net.UnixConn: if the socket has
// a peer, it is a net.Conn, too. A unix socket keeps its file, which package net does not remove.
func (s *PacketSocket) Detach() (conn net.PacketConn, err error) {
	err = detach(s.core(), func(k kernel, fd int) error {
		shared, err := k.Share(fd, backend.DatagramSocket)
		conn, _ = shared.(net.PacketConn)
		return err
	})
	return conn, err
}

// Detach gives the file back: it returns the *os.File that the port has used, on every system.
// The File is closed from then on, as after Close, and the descriptor stays open.
//
// The file must be idle: Detach fails if an operation of it is in flight, also a SendFile.
func (f *File) Detach() (*os.File, error) {
	calls, why := f.core().Detach()
	switch why {
	case core.IsClosed:
		return nil, errFileClosed
	case core.HasWork:
		return nil, &fs.PathError{Op: "detach", Path: f.Name(), Err: errFileInUse}
	}
	return calls.(*sys.File).File, nil
}

// detach gives the socket of h another owner, which share makes.
func detach(h *core.Handle, share func(k kernel, fd int) error) (err error) {
	why := h.Detach(func(fd int) bool {
		err = share(kernelOf(h), fd)
		return err == nil
	}, func(fd int) { kernelOf(h).Disown(fd) })
	switch why {
	case core.IsClosed:
		return net.ErrClosed
	case core.IsLayered:
		err = fmt.Errorf("the socket has TLS: %w", errors.ErrUnsupported)
	case core.HasWork:
		err = errInUse
	}
	if err != nil {
		return opError("detach", nil, nil, err)
	}
	return nil
}
