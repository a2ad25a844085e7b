// Package ionet is package net on completion ports: it implements net.Listener, net.Conn and
// net.PacketConn on sockets of a port. Programs and libraries that use these types, such as
// net/http, crypto/tls or database drivers, run on a port unchanged.
//
// What it is for:
//
//   - Connections that wait without a buffer: Conn.ReadReady waits until there is data,
//     and returns it in a buffer of a pool.
//   - Tests: with a port on a completion.Memory, the same program runs without a network,
//     also in a bubble of testing/synctest, with delays, resets and refusals that the
//     test orders.
//   - One port for all: a program submits operations of package ops on some connections,
//     and passes others to libraries. Conn.Socket and NewConn convert between the two.
//
// It is not faster than package net at everything. A goroutine that waits in Read costs as
// much as in package net.
//
// # Ports
//
// The zero Dialer and ListenConfig, and Listen and Dial, use DefaultPort. A Dialer or a
// ListenConfig with a Port uses that one. A port has no goroutine of its own: the
// goroutines that wait in methods of this package do its work. A connection whose port is
// closed returns errors that match net.ErrClosed.
//
// # As package net
//
// Deadlines, closing and errors are as package net documents them for net.Conn and
// net.Listener: errors except io.EOF are *net.OpError, and match net.ErrClosed,
// os.ErrDeadlineExceeded and the errno of the system. Methods of a Conn may be called by
// several goroutines at the same time. Several Reads take turns, and so do several
// Writes.
//
// These things differ:
//
//   - A Conn is not a *net.TCPConn. Libraries that test for this type do less without it:
//     grpc-go sets no TCP_USER_TIMEOUT.
//   - After a reset, each Read and Write returns the reset. In package net one call
//     returns it, and later Reads return io.EOF on some systems.
//   - CloseWrite waits for the Writes that are under way.
//   - CloseRead concerns this end only, and succeeds after a reset.
//   - A Read of no bytes returns os.ErrDeadlineExceeded if the deadline has passed. A Write
//     of no bytes makes no system call, so it succeeds after CloseWrite.
//   - SetLinger has two cases only: see Conn.SetLinger.
//   - A Dialer does not call the hooks ConnectStart, ConnectDone, DNSStart and DNSDone of
//     net/http/httptrace.
//
// The networks are "tcp", "tcp4", "tcp6" and "unix", and on Windows "pipe"; for ListenPacket and a
// Dialer, those of completion.Port.ListenPacket, too. If a datagram is larger than the buffer of
// a PacketConn's read, the rest is lost without an error, on every system. Package net returns an
// error on Windows.
package ionet
