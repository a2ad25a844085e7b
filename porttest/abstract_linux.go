package porttest

import (
	"fmt"
	"net"
	"os"

	"github.com/completionport/completion/ops"
)

// abstractNames: a unix address that begins with @ is in the abstract namespace, without a
// file, for streams and for datagrams. It is free again when its owner is closed.
func abstractNames(e *env) {
	e.needsSystem("names of Linux")
	p := e.port(nil)
	name := fmt.Sprintf("@completion-%d", os.Getpid())
	for range 2 {
		l, err := p.Listen("unix", name)
		is(e, err, nil)
		equal(e, "address", l.Addr().String(), name)
		connected(e, p, l)
		s := e.socket(p, "unix")
		accept := &ops.Accept{On: l}
		e.submit(p, accept)
		is(e, p.Await(e.ctx, &ops.Connect{On: s, To: &net.UnixAddr{Net: "unix", Name: name}}), nil)
		e.expect(p, accept, nil)
		equal(e, "remote", s.RemoteAddr().String(), name)
		is(e, l.Close(), nil)

		a, err := p.ListenPacket("unixgram", name)
		is(e, err, nil)
		b, err := p.ListenPacket("unixgram", name+"b")
		is(e, err, nil)
		is(e, p.Await(e.ctx, &ops.WriteTo{To: a, Buf: text("hello"), Path: name + "b"}), nil)
		read := &ops.ReadFrom{From: b, Buf: own(8)}
		is(e, p.Await(e.ctx, read), nil)
		equal(e, "received", string(read.Buf.Bytes()), "hello")
		equal(e, "sender", read.Path, name)
		is(e, a.Close(), nil)
		is(e, b.Close(), nil)
		_, err = os.Lstat(name)
		equal(e, "no file", os.IsNotExist(err), true)
	}
}
