package porttest

import (
	"errors"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"github.com/completionport/completion"
	"github.com/completionport/completion/ops"
)

// limitedProcess, if set, tells a test process that it may run out of
// descriptors: nobody else is in it.
const limitedProcess = "PORTTEST_DESCRIPTOR_LIMIT"

// acceptAtDescriptorLimit runs the case in a process of its own.
func acceptAtDescriptorLimit(e *env) {
	e.needsSystem("it limits the descriptors of a process")
	if os.Getenv(limitedProcess) != "" {
		acceptWithoutDescriptors(e)
		return
	}
	program, err := os.Executable()
	if err != nil {
		program = os.Args[0] // a system that does not tell
	}
	if _, err := os.Stat(os.DevNull); err != nil {
		e.Skipf("a process and its descriptors need %s: %v", os.DevNull, err)
	}
	pattern := "^" + strings.ReplaceAll(e.Name(), "/", "$/^") + "$"
	e.watchdog.stop() // that process has its own
	c := exec.Command(program, "-test.run="+pattern, "-test.v", "-test.count=1")
	c.Env = append(os.Environ(), limitedProcess+"=1")
	output, err := c.CombinedOutput()
	switch passed := strings.Contains(string(output), "--- PASS: "+e.Name()); {
	case err == nil && strings.Contains(string(output), "--- SKIP: "+e.Name()):
		e.Skip("no limit of descriptors on this system")
	case err != nil || !passed:
		e.Fatalf("%v\n%s", err, output)
	}
}

func acceptWithoutDescriptors(e *env) {
	p := e.port(nil)
	l := e.listen(p, "tcp4")
	const count = 3
	for range count {
		e.dial(l.Addr())
	}
	if err := limitDescriptors(); errors.Is(err, errors.ErrUnsupported) {
		e.Skip("no limit of descriptors on this system")
	} else if err != nil {
		e.Fatal(err)
	}
	giveBack := e.takeDescriptors()

	for range 2 {
		var all []completion.Operation
		for range count {
			all = append(all, &ops.Accept{On: l})
		}
		e.submit(p, all...)
		e.expectAll(p, syscall.EMFILE, all...)
		for _, op := range all {
			if op.(*ops.Accept).Conn != nil {
				e.Fatal("a failed accept has a connection")
			}
		}
	}
	e.restful(p)

	giveBack()
	var all []completion.Operation
	for range count {
		all = append(all, &ops.Accept{On: l})
	}
	e.submit(p, all...)
	e.expectAll(p, nil, all...)
	for _, op := range all {
		is(e, op.(*ops.Accept).Conn.Close(), nil)
	}
}

// takeDescriptors opens files until there is no descriptor left.
func (e *env) takeDescriptors() (giveBack func()) {
	e.Helper()
	files := e.openAll()
	return func() {
		for _, f := range files {
			f.Close()
		}
	}
}

func (e *env) openAll() (files []*os.File) {
	e.Helper()
	for {
		f, err := os.Open(os.DevNull)
		if errors.Is(err, syscall.EMFILE) {
			return files
		}
		if err != nil {
			e.Fatal(err)
		}
		files = append(files, f)
	}
}

// restful checks that a port with nothing to do does nothing while it waits.
func (e *env) restful(p *completion.Port) {
	e.Helper()
	before := p.Stats().Polls
	timer := &ops.Timer{After: 20 * time.Millisecond}
	e.submit(p, timer)
	e.expect(p, timer, nil)
	if polls := p.Stats().Polls - before; polls > 20 {
		e.Fatalf("%d looks at the poller while a timer of 20 ms ran", polls)
	}
}

// pendingAcceptAtDescriptorLimit has the accept in flight when the connection comes.
func pendingAcceptAtDescriptorLimit(e *env) {
	if os.Getenv(limitedProcess) == "" {
		acceptAtDescriptorLimit(e)
		return
	}
	p := e.port(nil)
	l := e.listen(p, "tcp4")
	a := &ops.Accept{On: l}
	// It has its descriptor already.
	c := &ops.Connect{On: e.socket(p, "tcp4"), To: l.Addr()}
	// Before the accept: io_uring keeps the limit that holds when it gets the request.
	if err := limitDescriptors(); errors.Is(err, errors.ErrUnsupported) {
		e.Skip("no limit of descriptors on this system")
	} else if err != nil {
		e.Fatal(err)
	}
	e.submit(p, a)
	e.idle(p)
	giveBack := e.takeDescriptors()
	e.submit(p, c)
	if first := e.next(p); first != completion.Operation(a) && first != completion.Operation(c) {
		e.Fatalf("dequeued %T", first)
	}
	e.next(p)
	is(e, c.Err(), nil)
	is(e, a.Err(), syscall.EMFILE)
	e.restful(p)

	giveBack()
	e.submit(p, a)
	e.expect(p, a, nil)
	equal(e, "remote", a.Conn.RemoteAddr().String(), c.On.LocalAddr().String())
}

// openAtDescriptorLimit: whichever of its descriptors a port can't have, Open fails
// with an error as any other call does.
func openAtDescriptorLimit(e *env) {
	if os.Getenv(limitedProcess) == "" {
		acceptAtDescriptorLimit(e)
		return
	}
	e.port(nil) // Go's own poller is there now
	if err := limitDescriptors(); errors.Is(err, errors.ErrUnsupported) {
		e.Skip("no limit of descriptors on this system")
	} else if err != nil {
		e.Fatal(err)
	}
	files := e.openAll()
	failed := 0
	for _, f := range files {
		p, err := e.open(nil)
		if err == nil {
			is(e, p.Close(), nil)
		} else {
			failed++
			var op *net.OpError
			var call *os.SyscallError
			if !errors.As(err, &op) || !errors.As(err, &call) {
				e.Fatalf("with %d descriptors: %v, which has %#v and %#v", failed-1, err, op, call)
			}
			equal(e, "Op", op.Op, "open")
			equal(e, "Temporary", op.Temporary(), true)
			is(e, err, syscall.EMFILE)
		}
		f.Close()
	}
	if failed == 0 || failed == len(files) {
		e.Fatalf("Open failed with up to %d of %d descriptors", failed, len(files))
	}
}
