package main

import (
	"errors"

	"github.com/completionport/completion"
	"github.com/completionport/completion/ops"
)

// dialed is what the goroutine that dials for a client tells the loop. It is an operation
// that ends at once: the port delivers it with this type.
type dialed struct {
	ops.Post
	client, backend *completion.Socket
	err             error // why there is no backend
}

// dial connects a backend for a client, and tells the loop.
func (p *proxy) dial(client *completion.Socket, first int) {
	d := &dialed{client: client}
	d.backend, d.err = p.reach(first)
	// The only error of Submit is a closed port. It has closed both sockets.
	p.port.Submit(d)
}

// reach connects to the first of the addresses that accepts, beginning with the one of that
// number.
func (p *proxy) reach(first int) (*completion.Socket, error) {
	dialer := completion.Dialer{Timeout: p.connect}
	var errs []error
	for i := range p.to {
		socket, err := dialer.Dial(p.dialing, p.port, "tcp", p.to[(first+i)%len(p.to)])
		if err == nil {
			return socket, nil
		}
		errs = append(errs, err)
		if p.dialing.Err() != nil {
			break
		}
	}
	return nil, errors.Join(errs...)
}
