package completion

import (
	"net"
	"reflect"
)

// AdoptConn takes over a connection of package net: the port gets a descriptor
// of its own for it, and c is closed without the connection noticing. It must
// be a TCP or unix stream; others, a *tls.Conn or one of AF_VSOCK for instance, return
// errors.ErrUnsupported. On Windows the system moves the socket from the completion
// port of Go's runtime to this one: a system that can't (before Windows 8.1, and
// Wine) returns errors.ErrUnsupported, and one where an operation on c is under way
// refuses. If AdoptConn fails, c is as it was and still the
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
	h, err := p.add("adopt", fd, local != nil && local.Network() == "unix", true, nil)
	if err != nil {
		return nil, err
	}
	c.Close()
	return (*Socket)(h), nil
}

// AdoptListener takes over a TCP or unix stream listener of package net in the
// same way. Connections that wait in its backlog are not lost. When the adopted
// listener is closed it removes its file if l would have: the file of a listener
// from net.FileListener, or after SetUnlinkOnClose(false), stays.
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
	unix, isUnix := l.(*net.UnixListener)
	var remove func()
	if path := fileOf(l.Addr()); isUnix && path != "" && unlinksOnClose(unix) {
		remove = p.kernel.FileRemover(path)
	}
	adopted, err := p.addListener("adopt", fd, l.Addr().Network() != "unix", remove)
	if err != nil {
		return nil, err
	}
	if isUnix { // what becomes of the file is the adopted one's business
		any(unix).(interface{ SetUnlinkOnClose(bool) }).SetUnlinkOnClose(false)
	}
	l.Close()
	return adopted, nil
}

// unlinksOnClose tells whether closing l removes its file. Package net keeps that
// to itself, and can't be asked but by closing, when the file would be gone. So its
// field is looked at, which package reflect allows. If some day there is none, the
// file is kept: one left over is in the way, one missing cuts a server off.
func unlinksOnClose(l *net.UnixListener) bool {
	field := reflect.ValueOf(l).Elem().FieldByName("unlink")
	return field.IsValid() && field.Kind() == reflect.Bool && field.Bool()
}
