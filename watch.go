package completion

import "net"

// Watch returns a Socket for a descriptor that another owner keeps, such as that of a library
// in C: a socket, a pipe, or anything else that AdoptStream takes or that the system reports
// as ready. The port gets a duplicate, changes nothing of it, and never reads or writes it by
// itself: submit an ops.Poll to wait for readiness, and let the owner make the calls.
//
// Close the Socket when the owner closes its descriptor. Until then, the duplicate keeps the
// connection open. Closing the Socket ends its operations, closes the duplicate only, and
// leaves the descriptor and its options to the owner. While the owner makes calls of its own,
// do not submit others than Polls.
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
