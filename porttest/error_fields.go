package porttest

import (
	"errors"
	"fmt"
	"net"
	"os"
	"runtime"
	"strings"
	"syscall"

	"github.com/completionport/completion"
	"github.com/completionport/completion/ops"
)

// errorFieldCases look into the errors of the system.
var errorFieldCases = []testCase{
	errorFields,
	errorStays,
	openAtDescriptorLimit,
	failedConnectNamesItsTarget,
	laterUsesOfFailedSocket,
	connectOfBadFamily,
	connectToNilAddressHasNoAddr,
	connectAsksNoForeignAddress,
	connectToPortThatIsNone,
}

func errorFields(e *env) {
	p := e.port(nil)
	s, other := e.pair(p)
	local, remote := s.LocalAddr().String(), other.LocalAddr().String()
	is(e, p.Await(e.ctx, &ops.CloseWrite{On: s}), nil)
	write := &ops.Write{To: s, Buf: text("abc")}
	var err *net.OpError
	if !errors.As(p.Await(e.ctx, write), &err) {
		e.Fatalf("error is %T", write.Err())
	}
	equal(e, "Op", err.Op, "write")
	equal(e, "Net", err.Net, "tcp")
	equal(e, "Source", err.Source.String(), local)
	equal(e, "Addr", err.Addr.String(), remote)
	var call *os.SyscallError
	if !errors.As(err.Err, &call) {
		e.Fatalf("inner error is %T", err.Err)
	}
	if !strings.Contains("write wsasend", call.Syscall) || call.Syscall == "" {
		e.Fatalf("the system call is %q", call.Syscall)
	}
	equal(e, "Timeout", err.Timeout(), false)
	equal(e, "Temporary", err.Temporary(), false)
	equal(e, "text", err.Error(), fmt.Sprintf("write tcp %s->%s: %v", local, remote, call))
	is(e, err, syscall.EPIPE) // by its POSIX name on every system
	// CloseWrite has a word of its own, and the system's name for the call.
	fresh, _ := p.Socket("tcp4")
	if !errors.As(p.Await(e.ctx, &ops.CloseWrite{On: fresh}), &err) || !errors.As(err, &call) {
		e.Fatalf("CloseWrite of a socket that is not connected: %v", err)
	}
	equal(e, "Op", err.Op, "closewrite")
	equal(e, "call", call.Syscall, "shutdown")
	is(e, err, syscall.ENOTCONN)
}

// errorStays: the error of an operation is the same each time, whoever asks and
// whatever became of the connection.
func errorStays(e *env) {
	p := e.port(nil)
	s, other := e.pair(p)
	local, remote := s.LocalAddr().String(), other.LocalAddr().String()
	is(e, p.Await(e.ctx, &ops.CloseWrite{On: s}), nil)
	write, awaited := &ops.Write{To: s, Buf: text("abc")}, &ops.Write{To: s, Buf: text("abc")}
	e.submit(p, write)
	if got := e.next(p); got != completion.Operation(write) {
		e.Fatalf("dequeued %T", got)
	}
	second := p.Await(e.ctx, awaited)
	is(e, s.Close(), nil) // before anybody has asked for the first
	var same [4]error
	var asking []func()
	for i := range same {
		asking = append(asking, func() { same[i] = write.Err() })
	}
	allOf(asking...)
	for _, again := range same {
		equal(e, "error", again, same[0])
	}
	equal(e, "error of another Wait", p.Wait(e.ctx, awaited), second)
	equal(e, "error of an awaited one", awaited.Err(), second)
	for _, err := range []error{same[0], second} {
		is(e, err, brokenPipe)
		var op *net.OpError
		if !errors.As(err, &op) || op.Source == nil || op.Addr == nil {
			e.Fatalf("%v has no addresses", err)
		}
		equal(e, "Source", op.Source.String(), local)
		equal(e, "Addr", op.Addr.String(), remote)
	}
}

// failedConnectNamesItsTarget: what was not reached, and not what this side was
// called meanwhile. What waited for the connect has the same error.
func failedConnectNamesItsTarget(e *env) {
	p := e.port(nil)
	nobody := e.refusingAddress()
	s, err := p.Socket("tcp4")
	is(e, err, nil)
	read := &ops.Read{From: s, Buf: own(8)}
	connect := &ops.Connect{On: s, To: nobody}
	e.submit(p, connect, read)
	e.expectAll(p, connectionRefused, connect, read)
	equal(e, "error of the read", read.Err(), connect.Err())
	refused := func(err error) {
		e.Helper()
		var op *net.OpError
		var call *os.SyscallError
		if !errors.As(err, &op) || !errors.As(err, &call) {
			e.Fatalf("error is %T", err)
		}
		equal(e, "Op", op.Op, "connect")
		equal(e, "Net", op.Net, "tcp")
		equal(e, "Source", op.Source, nil)
		equal(e, "Addr", op.Addr.String(), nobody.String())
		equal(e, "text", op.Error(), fmt.Sprintf("connect tcp %v: %v", nobody, call))
		is(e, err, syscall.ECONNREFUSED)
	}
	refused(connect.Err())
	is(e, s.Close(), nil)
	refused(connect.Err())
	// The address is a copy: this one is the program's again.
	connect.To.(*net.TCPAddr).Port++
	var op *net.OpError
	errors.As(connect.Err(), &op)
	if op.Addr.String() == nobody.String() {
		e.Fatal("the error has the program's own address")
	}
}

// laterUsesOfFailedSocket: nothing is connected there, and the reason is known.
func laterUsesOfFailedSocket(e *env) {
	p := e.port(nil)
	s, err := p.Socket("tcp4")
	is(e, err, nil)
	is(e, p.Await(e.ctx, &ops.Connect{On: s, To: e.refusingAddress()}), connectionRefused)
	write := &ops.Write{To: s, Buf: text("abc")}
	is(e, p.Await(e.ctx, write), connectionRefused)
	var op *net.OpError
	if !errors.As(write.Err(), &op) {
		e.Fatalf("error is %T", write.Err())
	}
	equal(e, "Op", op.Op, "write")
	equal(e, "Addr", op.Addr, nil)
}

// connectOfBadFamily: the error has the address as it was given.
func connectOfBadFamily(e *env) {
	p := e.port(nil)
	s, err := p.Socket("tcp4")
	is(e, err, nil)
	to := &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 53}
	connect := &ops.Connect{On: s, To: to}
	is(e, p.Await(e.ctx, connect), syscall.EAFNOSUPPORT)
	var op *net.OpError
	if !errors.As(connect.Err(), &op) {
		e.Fatalf("error is %T", connect.Err())
	}
	equal(e, "Net", op.Net, "udp")
	equal(e, "Addr", op.Addr.String(), to.String())
	nowhere := &ops.Connect{On: e.socket(p, "tcp4")}
	is(e, p.Await(e.ctx, nowhere), syscall.EAFNOSUPPORT)
	if !errors.As(nowhere.Err(), &op) || op.Addr != nil {
		e.Fatalf("a connect to nowhere: %v", nowhere.Err())
	}
}

// connectToNilAddressHasNoAddr: whatever type the nil has, the error has no address,
// and its text and fields can be used.
func connectToNilAddressHasNoAddr(e *env) {
	p := e.port(nil)
	for _, to := range []net.Addr{nil, (*net.TCPAddr)(nil), (*net.UnixAddr)(nil), (*net.UDPAddr)(nil), (*foreignAddr)(nil)} {
		connect := &ops.Connect{On: e.socket(p, "tcp4"), To: to}
		is(e, p.Await(e.ctx, connect), syscall.EAFNOSUPPORT)
		var op *net.OpError
		if !errors.As(connect.Err(), &op) || op.Addr != nil {
			e.Fatalf("a connect to a nil %T: %#v", to, op)
		}
		var call *os.SyscallError
		equal(e, "a system call's", errors.As(op, &call), true)
		equal(e, "text", op.Error(), "connect: "+call.Error())
	}
}

// foreignAddr is an address of a program's own, which must not be asked for anything
// while the port is at work: it would not come back.
type foreignAddr struct{ leave func() }

func (a *foreignAddr) Network() string { a.leave(); return "foreign" }
func (a *foreignAddr) String() string  { a.leave(); return "foreign" }

// connectAsksNoForeignAddress: an address whose methods panic, end the goroutine or call
// the port does no harm. The error has it as it was given.
func connectAsksNoForeignAddress(e *env) {
	p := e.port(nil)
	for _, leave := range []func(){
		func() { panic("asked") },
		runtime.Goexit,
		func() { p.Close() },
	} {
		s := e.socket(p, "tcp4")
		connect := &ops.Connect{On: s, To: &foreignAddr{leave}}
		read := &ops.Read{From: s, Buf: own(1)}
		e.submit(p, connect, read)
		e.expectAll(p, syscall.EAFNOSUPPORT, connect, read)
		equal(e, "in flight", p.Stats().InFlight, 0)
		var op *net.OpError
		if !errors.As(connect.Err(), &op) {
			e.Fatalf("error is %T", connect.Err())
		}
		equal(e, "Addr", op.Addr, connect.To)
	}
}

// connectToPortThatIsNone: as with package net, and not to the port that is left of
// the number in 16 bits.
func connectToPortThatIsNone(e *env) {
	p := e.port(nil)
	l := e.listen(p, "tcp4")
	for _, other := range []int{1 << 16, -1 << 16, 1 << 20, -1} {
		to := *l.Addr().(*net.TCPAddr)
		if to.Port += other; other == -1 {
			to.Port = -1
		}
		s := e.socket(p, "tcp4")
		connect := &ops.Connect{On: s, To: &to}
		read := &ops.Read{From: s, Buf: own(1)}
		e.submit(p, connect, read)
		e.expectAll(p, syscall.EINVAL, connect, read)
		equal(e, "error of the read", read.Err(), connect.Err())
		var op *net.OpError
		if !errors.As(connect.Err(), &op) {
			e.Fatalf("error is %T", connect.Err())
		}
		equal(e, "Op", op.Op, "connect")
		equal(e, "Addr", op.Addr.String(), to.String())
		e.onlyClosable(p, s)
	}
	equal(e, "handles", p.Stats().Handles, 1)
}
