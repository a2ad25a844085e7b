package completion

import (
	"errors"
	"fmt"
	"net"
	"reflect"

	"github.com/completionport/completion/internal/core"
)

// AdoptConn takes over a connection of package net: the port gets a descriptor
// of its own for it, and c is closed without the connection noticing. It must
// be a TCP or unix stream; others, a *tls.Conn or one of AF_VSOCK for instance, return
// errors.ErrUnsupported. On Windows the system moves the socket from the completion
// port of Go's runtime to this one: a system that can't (before Windows 8.1, and
// Wine) returns errors.ErrUnsupported, and one where an operation on c is under way
// refuses. What net.FileConn has made of a socket that was never connected is taken
// as one from Port.Socket. If AdoptConn fails, c is as it was and still the
// caller's. No other goroutine may be reading or writing c. A port on a Memory
// adopts what that Memory has dialled or accepted, and nothing else.
//
// The connection may be shared, with what (*net.TCPConn).File has returned or with
// a child process. If others make it blocking, the port goes on as before; on macOS
// alone its writes may block then.
func (p *Port) AdoptConn(c net.Conn) (*Socket, error) {
	fd, err := p.kernel.Adopt(c, false)
	if err != nil {
		return nil, opError("adopt", nil, nil, err)
	}
	local := c.LocalAddr()
	// Package net makes a connection of any stream socket. Where the system has
	// forgotten with whom one was that has been reset, package net has not.
	connected := p.kernel.RemoteAddr(fd) != nil || c.RemoteAddr() != nil
	h, err := p.addAdopted(fd, local != nil && local.Network() == "unix", connected, nil)
	if err != nil {
		return nil, err
	}
	c.Close()
	return (*Socket)(h), nil
}

// addAdopted makes a descriptor of Adopt the port's, or closes it and nothing else: the
// socket is its owner's still. So nothing is changed on it before.
func (p *Port) addAdopted(fd int, isUnix, isConnected bool, atClose func()) (*core.Handle, error) {
	h, failure := p.core.AddShared(fd, isConnected, atClose, p.kernel.Disown)
	return p.added("adopt", h, failure, isUnix)
}

// AdoptListener takes over a TCP or unix stream listener of package net in the
// same way. Connections that wait in its backlog are not lost. When the adopted
// listener is closed it removes its file if l would have: the file of a listener
// from net.FileListener, or after SetUnlinkOnClose(false), stays.
//
// A type of the program's that embeds a *net.UnixListener is adopted as that is. One
// that has its methods otherwise must have SetUnlinkOnClose, too, or its file would go
// when l is closed: without it AdoptListener returns errors.ErrUnsupported. With it
// the file stays, also in the end, since l can't be asked: see
// Listener.SetUnlinkOnClose.
//
// The listener may be shared in the same way: os/exec makes it blocking when it
// hands it to a child process, and accepts go on as before. But while it is
// blocking, and another process accepts from it, too, an accept that comes second
// blocks, and holds up the port, until the next connection.
func (p *Port) AdoptListener(l net.Listener) (*Listener, error) {
	fd, err := p.kernel.Adopt(l, true)
	if err != nil {
		return nil, opError("adopt", nil, nil, err)
	}
	local := p.kernel.LocalAddr(fd)
	unix, isUnix := local.(*net.UnixAddr)
	keeper, keeps := l.(interface{ SetUnlinkOnClose(bool) })
	var remove func()
	if path := fileOf(unix); path != "" {
		if !keeps {
			p.kernel.Disown(fd)
			err = fmt.Errorf("%T would remove its file: it has no SetUnlinkOnClose: %w", l, errors.ErrUnsupported)
			return nil, opError("adopt", nil, local, err)
		}
		if unlinksOnClose(l) {
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
	if keeps { // what becomes of the file is the adopted one's business
		keeper.SetUnlinkOnClose(false)
	}
	l.Close()
	return (*Listener)(h), nil
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

// unlinksOnClose tells whether closing a listener removes its file. Package net keeps
// that to itself, and can't be asked but by closing, when the file would be gone. So
// its field is looked at, which package reflect allows, in what l is or embeds. If
// there is none, the file is kept: one left over is in the way, one missing cuts a
// server off.
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
