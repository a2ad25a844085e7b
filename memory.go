package completion

import (
	"fmt"
	"net"
	"slices"
	"time"

	"github.com/completionport/completion/internal/backend"
	"github.com/completionport/completion/internal/memory"
	"github.com/completionport/completion/internal/sys"
)

// Memory is a network inside the process, for tests: ports that are opened with
// it as their Config.Memory have sockets without a system underneath, on every
// system alike. A test talks to them through Dial and Listen, and orders the
// faults that it wants to see handled. The zero Memory is ready to use; it must
// not be copied. Several ports may share one.
//
//	var network completion.Memory
//	port, err := completion.Open(&completion.Config{Memory: &network})
//	ln, err := port.Listen("tcp", "10.0.0.1:7000")
//	conn, err := network.Dial("tcp", "10.0.0.1:7000")
//
// It behaves as TCP does on Linux over the loopback, with the error numbers of
// the system that the test runs on: see each fault for what it imitates. Every
// IP address is there. Addresses should be given in numbers, since names are
// looked up outside. The network "unix" takes any text for an address and makes
// no file. Two things depend on nothing but the calls made: how many bytes a
// call moves, and in which order edges come. What several goroutines do at once
// is as random as ever.
//
// Within a bubble of testing/synctest everything works with the bubble's clock:
// deadlines and delays pass when all goroutines wait. Open ports and make
// deadlines inside the bubble, then. A port on the system's own backend does not work
// in a bubble: there a goroutine that waits for the system keeps the clock from
// moving.
//
// It starts no goroutine. A Memory needs no closing; its ports and connections
// do.
type Memory struct{ network memory.Network }

// memoryBackend is the name of the backend that Memory is.
const memoryBackend = memory.Name

// Dial returns the test's own end of a connection to an address, on which a port
// of this Memory listens, or the test itself. It is a net.Conn that blocks, with
// deadlines, and has CloseWrite, SetLinger, SetReadBuffer and SetWriteBuffer, as
// *net.TCPConn does. Dial waits for room in the backlog, but for no Accept.
func (m *Memory) Dial(network, address string) (net.Conn, error) {
	addr, resolved, err := resolve(network, address)
	if err == nil {
		var c net.Conn
		if c, err = m.network.Dial(network, sys.FamilyOf(network, addr), resolved); err == nil {
			return c, nil
		}
	}
	return nil, &net.OpError{Op: "dial", Net: network, Addr: addr, Err: err}
}

// Listen returns the test's own listener, for ports that connect. What it
// accepts is as from Dial.
func (m *Memory) Listen(network, address string) (net.Listener, error) {
	addr, resolved, family, err := resolveListen(network, address, true)
	if err == nil {
		var l net.Listener
		if l, err = m.network.Listen(network, family, resolved); err == nil {
			return l, nil
		}
	}
	return nil, &net.OpError{Op: "listen", Net: network, Addr: addr, Err: err}
}

// LimitTransfer lets no system call of a port move more than so many bytes, so
// that reads are short and writes take several calls. What is left is ready at
// once. Zero means no limit, the default. The test's own ends are not limited.
func (m *Memory) LimitTransfer(bytes int) { m.network.LimitTransfer(max(bytes, 0)) }

// Delay makes everything sent from now on arrive d later: bytes, ends of streams,
// resets, requests for a connection and refusals. Nothing overtakes what was
// sent before it on the same connection. Zero, the default, means at once.
func (m *Memory) Delay(d time.Duration) { m.network.SetDelay(max(d, 0)) }

// Refuse makes connects to an address fail with ECONNREFUSED (for "unix" with
// ENOENT), whoever listens there, until Restore. Connections that are there
// stay.
func (m *Memory) Refuse(network, address string) error {
	_, at, err := resolve(network, address)
	if err == nil {
		m.network.Refuse(at)
	}
	return err
}

// Ignore leaves connects to an address without an answer, until Restore: they
// wait until they are cancelled or overdue. Those that have begun to wait go on
// doing so.
func (m *Memory) Ignore(network, address string) error {
	_, at, err := resolve(network, address)
	if err == nil {
		m.network.Ignore(at)
	}
	return err
}

// Restore ends Refuse and Ignore for an address.
func (m *Memory) Restore(network, address string) error {
	_, at, err := resolve(network, address)
	if err == nil {
		m.network.Restore(at)
	}
	return err
}

// Reset closes a connection from Dial, or one that a listener of Listen has
// accepted, with a reset instead of an end. The other side can still read what
// has arrived. Any other net.Conn returns errors.ErrUnsupported.
func (m *Memory) Reset(c net.Conn) error { return m.network.Reset(c) }

// Fail makes system calls of ports fail: the next so many of that kind, or all
// of them if times is negative; zero takes back what was ordered. The calls are
// "socket", "listen", "accept", "connect", "read", "write" and "closewrite"; any
// other panics. The error is one that package syscall defines, such as
// syscall.EMFILE: a syscall.Errno where the system has these; any other panics. A
// call that fails does nothing, and its connection stays as it was: what the port
// concludes from the error is what matters. EMFILE for "accept" is a process
// without descriptors. EINTR for "accept", "connect", "read" and "write", and EAGAIN
// for these but "connect", go unnoticed: a system interrupts such calls, or finds
// nothing to do. From other calls, which no system answers so, they come through as
// any error does. EAGAIN for "connect" says on Linux that the backlog of a unix
// listener is full, and ends the Connect.
func (m *Memory) Fail(call string, err error, times int) {
	if !slices.Contains(memory.Calls, call) {
		panic(fmt.Sprintf("completion: Memory.Fail of %q, not one of %q", call, memory.Calls))
	}
	errno := backend.ErrnoOf(err)
	if errno == 0 && times != 0 {
		panic(fmt.Sprintf("completion: Memory.Fail with %v, which is no system call's error", err))
	}
	m.network.Fail(call, errno, times)
}
