package completion

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/completionport/completion/internal/backend"
	"github.com/completionport/completion/internal/memory"
	"github.com/completionport/completion/internal/sys"
)

// Memory is a network inside the process, for tests. A port that is opened with a
// Memory as its Config.Memory has its sockets in that network and makes no system
// calls for them, on every system alike. A test connects to the port through Dial and
// Listen, and injects the faults that it tests. The zero Memory is ready to use. A
// Memory must not be copied. Several ports may share one.
//
//	var network completion.Memory
//	port, err := completion.Open(&completion.Config{Memory: &network})
//	ln, err := port.Listen("tcp", "10.0.0.1:7000")
//	conn, err := network.Dial("tcp", "10.0.0.1:7000")
//
// A Memory behaves as TCP does on Linux over the loopback, with the error numbers of
// the system that the test runs on. Each fault documents what it imitates. Every IP
// address exists. Names exist for Port.Dial only, as SetHost gives them: use numeric
// addresses elsewhere. The network "unix" accepts any text as an address and creates no file.
// Files are not in the Memory: those of its ports are the system's, and no fault concerns them.
//
// The number of bytes that a call moves and the order of readiness events depend only
// on the calls made. The order of several goroutines that run at once stays random.
//
// In a bubble of testing/synctest, everything uses the clock of the bubble: deadlines
// and delays pass when all goroutines wait. Open the ports and make the deadlines
// inside the bubble. A port on a backend of the system does not work in a bubble,
// since a goroutine that waits for the system stops the clock.
//
// A Memory starts no goroutine. It need not be closed, but its ports and connections
// must be.
type Memory struct {
	network memory.Network

	hostsMu sync.Mutex
	hosts   map[string][]netip.Addr
}

// memoryBackend is the name of the backend that Memory is.
const memoryBackend = memory.Name

// Dial connects to an address on which a port of this Memory, or the test, listens. It
// returns the test's end of the connection: a net.Conn that blocks, supports deadlines,
// and has the methods CloseWrite, SetLinger, SetReadBuffer and SetWriteBuffer, as
// *net.TCPConn has. Dial waits for room in the backlog, but not for an Accept.
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

// Listen returns a listener of the test, for ports that connect. The connections that
// it accepts are as those from Dial.
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

// ListenPacket returns a datagram socket of the test: a net.PacketConn that blocks and supports
// deadlines. The networks are "udp", "udp4", "udp6" and "unixgram".
func (m *Memory) ListenPacket(network, address string) (net.PacketConn, error) {
	addr, at, family, err := resolvePackets(network, address, true)
	if err == nil {
		var c net.PacketConn
		if c, err = m.network.ListenPacket(family, at); err == nil {
			return c, nil
		}
	}
	return nil, &net.OpError{Op: "listen", Net: network, Addr: addr, Err: err}
}

// SetHost gives a host these addresses, for Port.Dial on ports of the Memory. Without
// addresses, the host does not exist any more. A Dial to a host that does not exist ends
// with a *net.DNSError whose IsNotFound is true. The names of services are "http" and
// "https".
func (m *Memory) SetHost(name string, addresses ...netip.Addr) {
	m.hostsMu.Lock()
	defer m.hostsMu.Unlock()
	if m.hosts == nil {
		m.hosts = make(map[string][]netip.Addr)
	}
	m.hosts[name] = nil
	for _, a := range addresses {
		m.hosts[name] = append(m.hosts[name], a.Unmap())
	}
}

// LimitTransfer limits the number of bytes that one system call of a port moves, so
// that reads are short and writes take several calls. The remaining bytes are ready
// at once. Zero, the default, means no limit. The test's ends of connections are not
// limited.
func (m *Memory) LimitTransfer(bytes int) { m.network.LimitTransfer(max(bytes, 0)) }

// Delay makes everything that is sent from now on arrive later by delay: bytes, ends of
// streams, resets, requests for a connection and refusals. The order on each connection
// is kept. Zero, the default, means no delay.
func (m *Memory) Delay(delay time.Duration) { m.network.SetDelay(max(delay, 0)) }

// Rate limits each direction of each connection to so many bytes per second, for the bytes
// that are sent from now on. They arrive one after the other, in pieces of at most a tenth
// of a second and at most 1460 bytes: n bytes take n seconds divided by the rate, in a
// bubble exactly. A write ends, as without a Rate, when its bytes are in the buffers of
// the system. An end of the stream follows the bytes that were sent before it. A reset
// replaces those that have not left yet. Zero, the default, means no limit.
func (m *Memory) Rate(bytes int) { m.network.SetRate(max(bytes, 0)) }

// Link is a slow line in one direction, in addition to Memory.Delay and Memory.Rate: what
// passes several of them is delayed by each, and the lowest rate counts.
type Link struct {
	// Delay is as that of Memory.Delay.
	Delay time.Duration

	// Rate is as that of Memory.Rate: the bytes per second of each connection. Zero
	// means no limit.
	Rate int
}

// LinkTo puts a Link in front of an address: what is sent there from now on passes it.
// With the address of a listener, this makes uploads slow and not the answers. The zero
// Link removes it.
func (m *Memory) LinkTo(network, address string, l Link) error {
	_, at, err := resolveEither(network, address)
	if err == nil {
		m.network.LinkTo(at, l.internal())
	}
	return err
}

// LinkFrom is LinkTo for what is sent from an address. With the address of a listener,
// this makes its answers slow; with that of a client, the client's uploads.
func (m *Memory) LinkFrom(network, address string, l Link) error {
	_, at, err := resolveEither(network, address)
	if err == nil {
		m.network.LinkFrom(at, l.internal())
	}
	return err
}

// resolveEither resolves an address of stream or of datagram sockets. What is injected for
// it concerns both.
func resolveEither(network, address string) (net.Addr, backend.Address, error) {
	if strings.HasPrefix(network, "udp") || network == "unixgram" {
		return resolvePacket(network, address)
	}
	return resolve(network, address)
}

func (l Link) internal() memory.Link {
	return memory.Link{Delay: max(int64(l.Delay), 0), Rate: max(l.Rate, 0)}
}

// Refuse makes connects to an address fail with ECONNREFUSED (for "unix" with ENOENT)
// until Restore, even if there is a listener. Existing connections stay. Datagrams to the
// address meet the same answer: see PacketSocket.Connect.
func (m *Memory) Refuse(network, address string) error {
	_, at, err := resolveEither(network, address)
	if err == nil {
		m.network.Refuse(at)
	}
	return err
}

// Ignore leaves connects to an address without an answer until Restore. Such a connect
// waits until it is cancelled or timed out, also after Restore. Datagrams to the address
// disappear.
func (m *Memory) Ignore(network, address string) error {
	_, at, err := resolveEither(network, address)
	if err == nil {
		m.network.Ignore(at)
	}
	return err
}

// Restore ends Refuse and Ignore for an address.
func (m *Memory) Restore(network, address string) error {
	_, at, err := resolveEither(network, address)
	if err == nil {
		m.network.Restore(at)
	}
	return err
}

// Lose makes the next datagrams that are sent to an address disappear. times is their
// number. If times is negative, all of them disappear from now on. If times is zero, no
// datagram disappears any more. A Memory loses no other datagrams of UDP than those that
// find no room in the receive buffer of the socket (see PacketSocket.SetReadBuffer), and
// reorders none of one sender.
func (m *Memory) Lose(network, address string, times int) error {
	_, at, err := resolvePacket(network, address)
	if err == nil {
		m.network.Lose(at, times)
	}
	return err
}

// Reset closes a connection with a reset instead of the end of the stream. The other
// side can still read what has arrived. conn comes from Dial, or from a listener of
// Memory.Listen. For any other net.Conn, Reset returns an error that matches
// errors.ErrUnsupported.
func (m *Memory) Reset(conn net.Conn) error { return m.network.Reset(conn) }

// Fail makes the next system calls of one kind fail in all ports of the Memory. times
// is the number of calls that fail. If times is negative, all of them fail from now
// on. If times is zero, no call of this kind fails any more.
//
// call is "socket", "listen", "accept", "connect", "read", "write", "closewrite", "receive"
// or "send", the last two of datagrams. Any other panics. err is an error that package syscall defines, such as syscall.EMFILE: a
// syscall.Errno on systems that use these. Any other panics, unless times is zero.
//
// A call that fails does nothing, and its connection stays as it was: the test shows
// what the port concludes from the error. EMFILE for "accept" imitates a process
// without free descriptors. Some errors are special:
//
//   - EINTR for "accept", "connect", "read", "write", "receive" and "send", and EAGAIN for
//     all of these but "connect", have no effect on the operation: a system interrupts such
//     calls, or has nothing for them to do.
//   - EINTR and EAGAIN for other calls are reported as any other error: no system
//     returns them there.
//   - EAGAIN for "connect" ends the Connect. On Linux it means that the backlog of a
//     unix listener is full.
func (m *Memory) Fail(call string, err error, times int) {
	if !slices.Contains(memory.Calls, call) {
		panic(fmt.Sprintf("completion: Memory.Fail: unknown call %q, not one of %q", call, memory.Calls))
	}
	errno := backend.ErrnoOf(err)
	if errno == 0 && times != 0 {
		panic(fmt.Sprintf("completion: Memory.Fail: %v is not an error of a system call", err))
	}
	m.network.Fail(call, errno, times)
}
