package completion

import (
	"errors"
	"fmt"
	"net"
	"reflect"

	"github.com/completionport/completion/internal/backend"
	"github.com/completionport/completion/internal/core"
)

// AdoptConn takes over a connection of package net. The port gets its own descriptor of
// the connection. AdoptConn then closes conn, and the connection stays open. No other
// goroutine may read or write conn meanwhile. If AdoptConn fails, conn is unchanged and
// the caller still owns it.
//
// The connection must be a TCP or unix stream. For any other, a *tls.Conn or one of
// AF_VSOCK for instance, AdoptConn returns an error that matches
// errors.ErrUnsupported. A connection that net.FileConn made of a socket that was
// never connected becomes a socket as from Port.Socket. A port on a Memory adopts
// only connections that this Memory has dialled or accepted.
//
// On Windows, the system moves the socket from the completion port of Go's runtime to
// this one. Before Windows 8.1 and on Wine, the system cannot do this, and AdoptConn
// returns an error that matches errors.ErrUnsupported. AdoptConn fails if an
// operation on conn is under way.
//
// The connection may be shared with the result of (*net.TCPConn).File or with a child
// process. If these make it blocking, the port works as before, except on macOS: there
// the port's writes may block.
func (p *Port) AdoptConn(conn net.Conn) (*Socket, error) {
	fd, err := p.kernel.Adopt(conn, backend.StreamSocket)
	if err != nil {
		return nil, opError("adopt", nil, nil, err)
	}
	local := conn.LocalAddr()
	// Package net makes a connection of any stream socket. After a reset, package net
	// still knows the remote address, even where the system does not.
	connected := p.kernel.RemoteAddr(fd) != nil || conn.RemoteAddr() != nil
	h, err := p.addAdopted(fd, local != nil && local.Network() == "unix", connected, nil)
	if err != nil {
		return nil, err
	}
	conn.Close()
	return (*Socket)(h), nil
}

// addAdopted adds a descriptor of Adopt to the port, or closes that descriptor only. In
// that case the socket still belongs to its owner, so nothing was changed on it before.
func (p *Port) addAdopted(fd int, isUnix, isConnected bool, atClose func()) (*core.Handle, error) {
	h, failure := p.core.AddShared(fd, isConnected, atClose, p.kernel.Disown)
	return p.added("adopt", h, failure, isUnix)
}

// AdoptListener takes over a TCP or unix stream listener of package net, as AdoptConn
// takes over a connection. Connections that wait in its backlog are not lost. When
// the adopted listener is closed, it removes its file if listener would have removed
// it. The file of a listener from net.FileListener, or after SetUnlinkOnClose(false),
// stays.
//
// A type of the program that embeds a *net.UnixListener is adopted in the same way. A
// type that implements the methods of a unix listener otherwise must have
// SetUnlinkOnClose, too: without that method, closing listener would remove the file,
// and AdoptListener returns an error that matches errors.ErrUnsupported. With that
// method, the file stays, also when the adopted listener is closed: listener does not
// report whether it would have removed the file. See Listener.SetUnlinkOnClose.
//
// The listener may be shared, as a connection may. os/exec makes a listener blocking
// when it passes the listener to a child process: accepts work as before. If the
// listener is blocking and another process accepts from it, too, an accept may find
// that the other process took the connection. That accept blocks, and blocks the
// port, until the next connection.
func (p *Port) AdoptListener(listener net.Listener) (*Listener, error) {
	fd, err := p.kernel.Adopt(listener, backend.ListeningSocket)
	if err != nil {
		return nil, opError("adopt", nil, nil, err)
	}
	local := p.kernel.LocalAddr(fd)
	unix, isUnix := local.(*net.UnixAddr)
	keeper, keeps := listener.(interface{ SetUnlinkOnClose(bool) })
	var remove func()
	if path := fileOf(unix); path != "" {
		if !keeps {
			p.kernel.Disown(fd)
			err = fmt.Errorf("%T would remove its file: it has no SetUnlinkOnClose: %w", listener, errors.ErrUnsupported)
			return nil, opError("adopt", nil, local, err)
		}
		if unlinksOnClose(listener) {
			remove = p.kernel.FileRemover(path)
		}
	}
	h, err := p.addAdopted(fd, isUnix, true, remove)
	if err != nil {
		return nil, err
	}
	if !isUnix {
		acceptNoDelay(h)
	}
	if keeps { // from now on the adopted listener removes the file, or not
		keeper.SetUnlinkOnClose(false)
	}
	listener.Close()
	return (*Listener)(h), nil
}

// AdoptPacketConn takes over a datagram socket of package net, as AdoptConn takes over a
// connection: a *net.UDPConn or a *net.UnixConn of "unixgram", with a peer or without one.
// Datagrams that have arrived are not lost. For any other, and on a system where
// AdoptConn does so, AdoptPacketConn returns an error that matches errors.ErrUnsupported. A port
// on a Memory adopts what Memory.ListenPacket has returned.
//
// The file of a unix socket stays when the PacketSocket is closed, as package net leaves it.
func (p *Port) AdoptPacketConn(conn net.PacketConn) (*PacketSocket, error) {
	fd, err := p.kernel.Adopt(conn, backend.DatagramSocket)
	if err != nil {
		return nil, opError("adopt", nil, nil, err)
	}
	_, isUnix := p.kernel.LocalAddr(fd).(*net.UnixAddr)
	connected := p.kernel.RemoteAddr(fd) != nil
	if c, ok := conn.(net.Conn); ok && c.RemoteAddr() != nil {
		connected = true
	}
	h, err := p.addAdopted(fd, isUnix, connected, nil)
	if err != nil {
		return nil, err
	}
	h.SetDatagrams()
	conn.Close()
	return (*PacketSocket)(h), nil
}

// acceptNoDelay turns Nagle's algorithm off for all that an adopted listener accepts,
// which inherits it. Where the listener can't have the option, as one of Multipath TCP
// can't before Linux 5.17, the connections get it one by one. The listener is taken
// over already, so nothing of this is a failure.
func acceptNoDelay(h *core.Handle) {
	fd, ok := h.Acquire()
	if !ok {
		return // the port was closed meanwhile
	}
	defer h.Release()
	if k := kernelOf(h); k.SetNoDelay(fd, true) != nil {
		k.AcceptNoDelay(fd)
	}
}

// unlinksOnClose reports whether closing a listener removes its file. Package net
// does not export that, and closing to find out would remove the file. So package
// reflect reads the field of l, or of the listener that l embeds. If there is no such
// field, the file is kept: a file too many is in the way, a missing one cuts a server
// off.
func unlinksOnClose(l net.Listener) bool { return unlinks(reflect.ValueOf(l)) }

func unlinks(l reflect.Value) bool {
	for l.Kind() == reflect.Pointer || l.Kind() == reflect.Interface {
		l = l.Elem()
	}
	if l.Kind() != reflect.Struct {
		return false
	}
	if l.Type() == reflect.TypeFor[net.UnixListener]() {
		field := l.FieldByName("unlink")
		return field.IsValid() && field.Kind() == reflect.Bool && field.Bool()
	}
	for i := range l.NumField() {
		if l.Type().Field(i).Anonymous && unlinks(l.Field(i)) {
			return true
		}
	}
	return false
}
