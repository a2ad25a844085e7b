package completion

import (
	"errors"
	"fmt"
	"net"
	"syscall"

	"github.com/completionport/completion/internal/sys"
)

// AdoptConn takes over a connection of package net: the port gets a descriptor
// of its own for it, and c is closed without the connection noticing. It must
// be a TCP or unix stream; others, a *tls.Conn for instance, return
// errors.ErrUnsupported. If AdoptConn fails, c is as it was and still the
// caller's. No other goroutine may be reading or writing c.
func (p *Port) AdoptConn(c net.Conn) (*Socket, error) {
	fd, err := duplicate(c, false)
	if err != nil {
		return nil, &OpError{Op: "adopt", Err: err}
	}
	h, err := p.add(fd, true, nil)
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
	fd, err := duplicate(l, true)
	if err != nil {
		return nil, &OpError{Op: "adopt", Err: err}
	}
	unix, isUnix := l.(*net.UnixListener)
	path := ""
	if name := l.Addr().String(); isUnix && name != "" && name[0] != '@' {
		path = name
	}
	adopted, err := p.addListener(fd, !isUnix, path)
	if err != nil {
		return nil, err
	}
	if isUnix { // the file is the adopted one's
		unix.SetUnlinkOnClose(false)
	}
	l.Close()
	return adopted, nil
}

// duplicate gets a descriptor of our own for a socket of package net.
func duplicate(c any, listening bool) (int, error) {
	sc, ok := c.(syscall.Conn)
	if !ok {
		return -1, fmt.Errorf("%T has no descriptor: %w", c, errors.ErrUnsupported)
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return -1, err
	}
	fd := -1
	var inner error
	if err := raw.Control(func(s uintptr) { fd, inner = sys.Duplicate(int(s), listening) }); err != nil {
		return -1, err
	}
	if errors.Is(inner, syscall.EPROTOTYPE) {
		return -1, fmt.Errorf("%T is not of the right kind: %w", c, errors.ErrUnsupported)
	}
	return fd, inner
}
