package porttest

import (
	"errors"
	"net"
	"runtime"

	"github.com/completionport/completion"
)

// pipesUnsupported: where there are no named pipes, both calls say so.
func pipesUnsupported(e *env) {
	if e.onSystem() && runtime.GOOS == "windows" {
		e.Skip("Windows has them")
	}
	p := e.port(nil)
	const name = `\\.\pipe\completion-porttest`
	_, err := p.Listen("pipe", name)
	noPipe(e, err, "listen", name)
	_, err = p.Dial(e.ctx, "pipe", name)
	noPipe(e, err, "dial", name)
	e.idle(p)
}

func noPipe(e *env, err error, op, name string) {
	e.Helper()
	var failure *net.OpError
	if !errors.Is(err, errors.ErrUnsupported) || !errors.As(err, &failure) {
		e.Fatalf("%s: %v", op, err)
	}
	equal(e, "operation", failure.Op, op)
	equal(e, "network", failure.Net, "pipe")
	equal(e, "address", failure.Addr, net.Addr(completion.PipeAddr(name)))
}
