// Package peers has servers on other libraries, as the documentation and the examples of each
// library show them. All turn Nagle's algorithm off, read into buffers of the size that all
// programs have where the library lets them choose it, and have as many loops as the setting
// workers says, or one. What else is known to help a library is set, and named in its file.
package peers

import (
	"errors"
	"fmt"
	"net/netip"

	"github.com/completionport/completion/bench/internal/echo"
	"golang.org/x/sys/unix"
)

// serve starts a server of one library, with that many loops.
type serve func(s echo.Spec, buffer, workers int) (addr string, err error)

var programs = []struct {
	name    string
	workers bool // it can have several loops
	serve   serve
}{
	{"gnet", true, serveGnet},
	{"gaio", true, serveGaio},
	{"nbio", true, serveNbio},
	{"netpoll", true, serveNetpoll},
	{"evio", true, serveEvio},
	{"sonic", false, serveSonic},
}

// Names returns the names of the programs. With workers true, only of those that can have
// several loops.
func Names(workers bool) (names []string) {
	for _, p := range programs {
		if p.workers || !workers {
			names = append(names, p.name)
		}
	}
	return names
}

// Register adds the programs to those of bench/internal/echo.
func Register() {
	for _, p := range programs {
		echo.Register(p.name, echo.Program{Serve: func(s echo.Spec, buffer int) (echo.Serving, error) {
			if s.Backend != "" || s.Spin != 0 || s.Work != 0 || s.Ports != 0 || s.Workers > 1 && !p.workers {
				return nil, fmt.Errorf("%s has no such setting", s)
			}
			addr, err := p.serve(s, buffer, max(s.Workers, 1))
			return serving(addr), err
		}})
	}
}

// serving is a server that runs as long as its process.
type serving string

func (s serving) Addr() string { return string(s) }
func (s serving) Close()       {}

const anyPort = "127.0.0.1:0"

// errEnded is the reason of a server that returns before it listens, and gives none.
var errEnded = errors.New("the server has ended")

// await returns the address that a server reports, or why it has ended before.
func await(addr <-chan string, ended <-chan error) (string, error) {
	select {
	case a := <-addr:
		return a, nil
	case err := <-ended:
		if err == nil {
			err = errEnded
		}
		return "", err
	}
}

// addressOf returns the address of a listening socket, for libraries that do not tell which
// port the system has chosen.
func addressOf(fd int) (string, error) {
	name, err := unix.Getsockname(fd)
	if err != nil {
		return "", err
	}
	a, ok := name.(*unix.SockaddrInet4)
	if !ok {
		return "", errors.New("not an address of IPv4")
	}
	return netip.AddrPortFrom(netip.AddrFrom4(a.Addr), uint16(a.Port)).String(), nil
}

// dialogue is a connection to a key-value server: the bytes of an incomplete request, and
// the memory of the answers. A nil dialogue is an echo, and needs no memory.
type dialogue struct {
	store     *echo.Store
	rest, out []byte
}

func newDialogue(store *echo.Store) *dialogue {
	if store == nil {
		return nil
	}
	return &dialogue{store: store}
}

// answer returns what to send for the bytes that have come. That is valid until the next
// call, and no longer than in.
func (d *dialogue) answer(in []byte) ([]byte, error) {
	if d == nil {
		return in, nil
	}
	if len(d.rest) > 0 {
		d.rest = append(d.rest, in...)
		in = d.rest
	}
	rest, out, err := d.store.Answer(in, d.out[:0])
	d.rest, d.out = append(d.rest[:0], rest...), out
	return out, err
}
