package completion

import "net"

// Watch returns a Socket for a descriptor that stays with another owner, such as a C library:
// a socket, a pipe, or anything else that AdoptStream takes or that the system reports as
// ready. The port gets a duplicate, changes no option of it, and does not read or write it by
// itself: submit an ops.Poll to wait for readiness, and let the owner make the calls. While the
// owner makes calls, submit nothing but Polls.
//
// Close the Socket when the owner closes its descriptor. Until then, the duplicate keeps the
// connection open. Closing the Socket ends its operations and closes the duplicate only. The
// descriptor and its options do not change. Methods that set options set those of the owner's
// socket, and Detach returns an error that matches errors.ErrUnsupported.
//
// The error matches errors.ErrUnsupported on Windows, on a Memory, and for a regular file.
func (p *Port) Watch(descriptor uintptr) (*Socket, error) {
	fd, err := p.kernel.Watch(descriptor)
	if err != nil {
		return nil, opError("watch", nil, nil, err)
	}
	_, isTCP := p.kernel.LocalAddr(fd).(*net.TCPAddr)
	h, failure := p.core.AddStream(fd, p.kernel.Disown)
	added, err := p.added("watch", h, failure, !isTCP)
	return (*Socket)(added), err
}
