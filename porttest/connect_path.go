package porttest

import (
	"net"
	"path/filepath"

	"github.com/completionport/completion"
	"github.com/completionport/completion/ops"
)

func connectUnixRefused(e *env) {
	e.needsSystem("a file outlives its listener")
	p := e.port(nil)
	l, err := e.network.Listen("unix", e.address("unix"))
	if err != nil {
		e.Fatal(err)
	}
	l.(*net.UnixListener).SetUnlinkOnClose(false)
	l.Close()
	c := &ops.Connect{On: e.socket(p, "unix"), To: l.Addr()}
	e.submit(p, c)
	e.expect(p, c, errnoRefused)
}

func connectUnixNoSuchFile(e *env) {
	p := e.port(nil)
	path := filepath.Join(filepath.Dir(e.address("unix")), "none")
	c := &ops.Connect{On: e.socket(p, "unix"), To: &net.UnixAddr{Net: "unix", Name: path}}
	e.submit(p, c)
	equal(e, "dequeued", e.next(p), completion.Operation(c))
	if err := c.Err(); !e.isNoSuchFile(err) {
		e.Fatalf("connect to a file that is not there: %v", err)
	}
}
