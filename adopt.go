package completion

import "net"

// AdoptConn takes over a connection of package net: the port gets a descriptor
// of its own for it, and c is closed without the connection noticing. It must
// be a TCP or unix stream; others, a *tls.Conn for instance, return
// errors.ErrUnsupported. On Windows nothing can be taken over, since
// what package net opens belongs to the completion port of Go's runtime for good:
// errors.ErrUnsupported. If AdoptConn fails, c is as it was and still the
// caller's. No other goroutine may be reading or writing c. A port on a Memory
// adopts what that Memory has dialled or accepted, and nothing else.
func (p *Port) AdoptConn(c net.Conn) (*Socket, error) {
	fd, err := p.kernel.Adopt(c, false)
	if err != nil {
		return nil, &OpError{Op: "adopt", Err: err}
	}
	h, err := p.add("adopt", fd, true, nil)
	if err != nil {
		return nil, err
	}
	c.Close()
	return (*Socket)(h), nil
}

// AdoptListener takes over a TCP or unix stream listener of package net in the
// same way. Connections that wait in its backlog are not lost. The file of a
// unix listener is removed when the adopted one is closed.
func (p *Port) AdoptListener(l net.Listener) (*Listener, error) {
	fd, err := p.kernel.Adopt(l, true)
	if err != nil {
		return nil, &OpError{Op: "adopt", Err: err}
	}
	unix, isUnix := l.(*net.UnixListener)
	path := ""
	if name := l.Addr().String(); isUnix && name != "" && name[0] != '@' {
		path = name
	}
	adopted, err := p.addListener(fd, l.Addr().Network() != "unix", path)
	if err != nil {
		return nil, err
	}
	if isUnix { // the file is the adopted one's
		unix.SetUnlinkOnClose(false)
	}
	l.Close()
	return adopted, nil
}
