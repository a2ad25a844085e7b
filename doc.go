// Package completion provides I/O completion ports for Go, on every system that has a
// backend: epoll on Linux, io_uring if a program asks for it, kqueue on macOS and the BSDs,
// IOCP on Windows.
//
// A program submits operations to a port, together with the buffers they need. The
// port performs the operations and returns each of them when it is complete. The
// program does not wait for readiness, and makes no I/O calls of its own. One goroutine
// can serve any number of connections. An idle connection holds neither a goroutine nor a
// buffer.
//
//	port, err := completion.Open(nil)
//	ln, err := port.Listen("tcp", "127.0.0.1:7000")
//	port.Submit(&ops.Accept{On: ln})
//	for op := range port.Completions(ctx) {
//		switch op := op.(type) {
//		case *ops.Accept: // op.Conn, op.Err()
//		case *ops.Read:   // op.Buf.Bytes(), op.N(), op.Err()
//		case *ops.Write:
//		}
//	}
//
// The operations are in package ops: of streams, datagrams, files, timers, signals and child
// processes, and functions that block. There are two ways to use them:
//
//   - Submit, and then Next, NextBatch or Completions: for a loop that handles every
//     operation that is complete.
//   - Await, or Start and then Wait: for a goroutine that needs one operation.
//
// # Who runs the port
//
// A port that is idle has no background goroutine. The goroutines that wait in Next, NextBatch,
// Completions, Wait, Await or Shutdown do the port's work. One of them leads: it polls
// the system, and hands off the lead when it leaves. The leader performs the operations
// that can proceed; on several processors, other goroutines that wait for any
// completion help it.
//
// While no goroutine waits in one of these methods, I/O and deadlines may be late, but
// none is lost. Submit may make the first system call of an operation itself.
//
// # The work pool
//
// The work pool of the port performs the operations that block a thread: those of files, and
// ops.Work. It has at most Config.Workers goroutines, 64 by default. It starts a goroutine when
// there is work, and the goroutine ends when there is none. The pool makes progress even if no
// goroutine waits on the port.
//
// These operations are not in the pool: a SendFile reads its file in Submit, or in the goroutine
// that does the port's work, and may wait for the disk. A Dial, a Handshake (package iotls), a
// Signal and a Process each have a goroutine of their own while they are in flight.
//
// The number of operations that wait for the pool is unlimited, and Submit refuses none: a full
// pool only delays. A program can limit the number in flight itself, for example by the number
// of buffers of a Pool. The operations of one file begin in the order of their Submits, its
// reads independently of the rest. Files take turns. All operations without a file together
// take turns as one file does.
//
// An operation that waits for the pool can be cancelled. Once a goroutine has begun it, a
// cancel, a deadline or a close does not interrupt the system call: the port owns the operation
// and its buffer until the call returns, and the result of the call is the outcome. For a Work,
// they end the context of the function. Port.Close and Port.Shutdown wait for operations that
// have begun.
//
// If the function of a Work waits for other operations of the pool, it may wait for ever: all
// goroutines of the pool may be in such functions.
//
// # Fairness
//
// Between the bodies of a loop, the port checks I/O and the clock: about every 100 µs, or
// after each body that takes longer. If bodies suddenly take longer, the port notices
// this after at most 16 of them.
//
// The port's own work holds the port's lock, and makes other waiting goroutines wait,
// for about 1 ms at most. This limit does not depend on the number of timers that are
// due, of operations that are queued, or of connections that are ready. It does not
// cover two cases:
//
//   - One Submit or one NextBatch holds the lock for all its operations.
//   - After NextBatch has delivered a batch, the port checks I/O again only after the
//     program has handled the batch.
//
// # Exactly once
//
// Every operation that Submit or Start accepts completes exactly once. It completes
// with its result, with an error, or because it was cancelled, it timed out, or its
// handle or its port was closed. Each completion is delivered to one goroutine.
//
// The handle of an operation is what its field On, From or To names: a Socket, a
// Listener, a PacketSocket or a File.
//
// # Ownership
//
// Once Submit or Start accepts an operation, the port owns the operation and its
// buffers until the operation is delivered. Next, NextBatch and Completions deliver a
// submitted operation; Wait and Await deliver a started one. Using a Buffer that
// the program does not own panics. N and Err panic while the port owns the operation.
// The program can use a delivered operation and its buffers again.
//
// A mistake of the program panics, and the port accepts no operation of that call.
// Mistakes are:
//
//   - an operation that is nil, that is not one of package ops, or that the port owns;
//   - an operation without a handle, or with a handle or a pool of another port;
//   - a buffer that the program does not own, or a Read into a shared buffer;
//   - a Borrow without a pool, or an operation whose pool is not from Port.NewPool;
//   - a Read with both or neither of Buf and Pool, a Read into a Buf without memory, or
//     a pooled read with Append;
//   - a ReadAt with the mistakes of a Read; a Write, a WriteAt or an Append without a Buf;
//   - a ReadV or WriteV without buffers, with a nil buffer, or with the same buffer twice,
//     except a shared buffer of a WriteV; a ReadV whose buffers have no memory;
//   - a ReadRights or a WriteRights without a Buf; a WriteRights with Rights and an empty Buf;
//   - a ReadFrom, RecvMsg or ReadBatch with the mistakes of a Read, a WriteTo, SendMsg or
//     WriteBatch with those of a Write; a batch without Messages;
//   - a Work without a function, a Signal without its Signals, a Process without a process;
//   - a SendFile with both or neither of From and File, or with a From of another port;
//   - a Copy without a From or a To;
//   - Wait for an operation that was not started, or not on this port;
//   - two goroutines that wait for one operation at the same time.
//
// Any other failure, such as a closed handle, is the outcome of the operation. If the
// port is closed, Submit and Start return net.ErrClosed, and each of the operations has
// this outcome.
//
// Using a pool's buffer after its release panics while the buffer is in the pool.
// After the pool has given the buffer to the next owner, only -race and the setting
// check=buffers (see Debugging) detect such a use: see Buffer.Release.
//
// # Order
//
// A handle, unless it is a File, has two directions, each with a queue:
//
//   - in: Accept, Read, ReadV, ReadRights, ReadFrom, RecvMsg, ReadBatch, and Poll for reading;
//   - out: Connect, Write, WriteV, WriteRights, SendFile, CloseWrite, WriteTo, SendMsg,
//     WriteBatch, and Poll for writing.
//
// A Copy is in two queues, as a Read of one socket and as a Write of the other. It begins when
// it is the first in both. What this documentation says of a Read also holds for ReadV and
// ReadRights, of a Write for WriteV, WriteRights and SendFile, of a ReadFrom for RecvMsg, and of a
// WriteTo for SendMsg.
//
// The operations of one direction are performed in the order in which they were submitted. Reads
// and writes do not wait for each other. Both wait for a Connect that was submitted before them,
// and fail with it. The order of delivery is not promised: if several goroutines wait on the
// port, also in Await, two operations of one direction may, on rare occasions, be delivered in
// the reverse order.
//
// A Write sends all its bytes, or it ends with an error and the number of bytes sent. If
// a Write ends after some but not all of its bytes, its direction is broken until that
// Write is delivered. While a direction is broken:
//
//   - Operations that were queued behind the Write, and operations that are submitted in
//     that direction, end with ErrWriteAborted and send nothing. This holds for Write,
//     CloseWrite, Connect, and a Poll for writing.
//   - If one of these operations was cancelled, timed out, was closed or was above
//     Config.MaxInFlight before it was aborted, it ends with that error instead.
//
// So the program can learn that a message is broken before any later bytes are sent.
// Operations that are submitted after the delivery of the Write are performed.
//
// One system call sends up to 64 queued Writes of a handle. All of the above still holds: each
// Write completes by itself, with its own count.
//
// On Windows, a Write that is cancelled, times out or is closed while the system performs
// it counts as one that ended after some of its bytes. Its N is a lower bound, since the
// system does not report how many bytes of the last piece it sent: at most 256 KiB more.
//
// The operations of a file may end in any order, since several are performed at a time. If a
// write or a Sync must come after a write, submit it when that write has been delivered. There
// are two exceptions:
//
//   - Appends of one File are performed one at a time, in the order of their Submits.
//   - A CloseFile is performed when all operations of the file that were submitted before it
//     have ended.
//
// # Data
//
// A Read ends when there is data, even if an earlier system call stopped before that
// data: at urgent data of TCP, or at descriptors or credentials on a unix socket. The
// last urgent byte that was sent is not part of the stream, unless the socket has
// SO_OOBINLINE. If a second urgent byte arrives before reads have passed the first one,
// the first one is part of the stream.
//
// Descriptors that arrive on a unix socket belong to the program if a ReadRights or a RecvMsg
// delivers them. The port closes all others. A ReadRights or a RecvMsg that ends with an error
// delivers none.
//
// Pipes, FIFOs and terminals are streams, too: see Port.AdoptStream.
//
// With TLS (package iotls), the same operations move decrypted bytes. The documentation of that
// package lists the differences.
//
// # Datagrams
//
// A PacketSocket is a UDP socket or a unix datagram socket. A ReadFrom receives one datagram
// with its sender, and a WriteTo sends one, all of it or nothing. A datagram may have 0
// bytes. If a datagram is larger than the buffer, its ReadFrom ends with io.ErrShortBuffer, and
// the next ReadFrom receives the next datagram. A ReadBatch and a WriteBatch move several
// datagrams: Count is their number.
//
// A RecvMsg and a SendMsg are a ReadFrom and a WriteTo with control messages: the local
// address of the datagram, its interface, TTL, ECN, and the time of its arrival. A message of a
// batch may have control messages, too. PacketSocket.SetReports selects which of them the
// socket reports. A control message that the system can't send is an error: none is silently
// left out. With ReportSegments, several datagrams of one sender may be in one buffer.
//
// Each error is the outcome of one operation, and does not affect the next. This includes
// ECONNREFUSED of a connected socket: no socket received an earlier datagram, and the system
// reports that to one later operation. No error breaks a PacketSocket.
//
// # Cancelling
//
// Cancel requests cancellation. The operation completes once: with its result if that came
// first, otherwise with ErrCanceled and the number of bytes moved so far.
//
// Data, connections and answers that arrive before the deadline of a Read, Accept, Connect
// or ReadFrom count, however late the port checks I/O. This does not cover three cases:
//
//   - a pooled read that finds its pool empty;
//   - an operation whose deadline has passed when it is submitted;
//   - on Windows, an operation that is not the first of its queue.
//
// A Write or a WriteTo ends at its deadline, even if the system has room for more bytes.
//
// Of cancel, deadline and close, the one that is recorded first decides the error. If a
// cancelled operation already has a connection or a pool's buffer, the port delivers it
// or releases it. Cancel, SetDeadline and Buffer.Release make no system
// call on a connection.
//
// # Closing
//
// Closing a handle ends its operations with net.ErrClosed. When the last of them has
// ended, the descriptor is returned to the system. Closing a port closes its handles, one
// after another. If the peer of an operation is a socket of the same port, and is closed first,
// the operation still ends with net.ErrClosed, and not with io.EOF or a reset.
// Operations that are complete can still be dequeued. Shutdown performs the queued
// writes before it closes the port.
//
// Shutdown also performs the WriteAts, Appends, Syncs, Truncates and CloseFiles that are
// queued. A Copy sends the bytes that it has read, and reads no more.
//
// A file is closed by a CloseFile, by File.Close, or with its port. In each case the
// operations that a goroutine has begun end first, and the descriptor is closed once.
//
// # Errors
//
// errors.Is matches the errors of operations with these values:
//
//	io.EOF                    the end of the stream, with 0 bytes
//	io.ErrUnexpectedEOF       the end of the stream, after some bytes of a Full Read, or
//	                          of a message of a ReadUntil; the end of the file before
//	                          the Count of a SendFile, or of the stream before that of
//	                          a Copy
//	net.ErrClosed             the handle or the port was closed; for a file, also fs.ErrClosed
//	os.ErrDeadlineExceeded    the operation timed out: its deadline passed
//	ErrCanceled               the operation was cancelled; matches context.Canceled
//	ErrWriteAborted           an earlier Write ended after some of its bytes, and was
//	                          not delivered when this operation was submitted
//	ErrLimit                  more operations in flight than Config.MaxInFlight
//	io.ErrShortBuffer         a Read with Append, and no room in its Buf; a ReadUntil
//	                          whose message has no room; a datagram that is larger
//	                          than its buffer
//	ErrHandshake              a TLS handshake excludes the operation
//	errors.ErrUnsupported     not supported on this system, or for this kind of object
//
// Any other error comes from the system, or with TLS from crypto/tls. An error of the system is
// a *net.OpError, in which errors.As finds an *os.SyscallError and a syscall.Errno:
//
//   - Source is the local address. Addr is the remote address. For an Accept, Addr is
//     the listener's address. For a failed Connect, and for operations that waited for
//     it, Addr is the address that was not reached.
//   - The addresses are recorded when the operation fails. For a connection they are
//     not nil: see Socket.RemoteAddr.
//   - Timeout and Temporary are correct on every system. A lack of descriptors or
//     memory (EMFILE, ENFILE, ENOBUFS, ENOMEM), or of registrations with epoll
//     (ENOSPC), is temporary.
//   - On Windows the errno is Winsock's. errors.Is matches the POSIX name, too.
//   - If the system does not let a port use its io_uring any more, since a seccomp filter was
//     installed after Open, what needs the io_uring ends with an error whose SyscallError names
//     io_uring_enter, as soon as the port finds out: all operations of sockets, those in flight
//     included, unless a cancel, a deadline or a close ends them. They may have moved bytes that
//     are not in N, so their connections are of no use to others. Timers, files and what else
//     needs no socket go on. The port can be closed.
//
// The error of an operation on a file is a *fs.PathError. It matches the system's errno and the
// values of package io/fs, such as fs.ErrNotExist. It has no method Temporary: for a lack of
// descriptors on Unix, compare with syscall.EMFILE. The error of a Work is the error of its
// function. The error of a Process is the error of package os.
//
// Err and Wait return the same error value each time. A reset is never reported as
// io.EOF.
//
// # The race detector
//
// With -race, the race detector reports uses of memory that the port owns, whichever
// goroutine uses it, and whichever goroutine made the system call. The line "created at"
// of the report shows where the program submitted or released the memory.
//
// Detected:
//
//   - writing or reading the memory of a Read, or changing the bytes of a Write,
//     between the Submit that accepted the operation and the delivery of the
//     operation;
//   - using the memory of a pool's buffer after the release of that buffer;
//   - changing a shared buffer before its last Write is delivered;
//   - each use of a *Buffer after its release: it panics, even if the memory has a new
//     owner.
//
// Not detected:
//
//   - reading the bytes of a Write, which does no harm;
//   - memory outside Go's heap and variables;
//   - the fields of an operation, unless two goroutines use them at the same time;
//   - occasionally one use among many, since the detector keeps only the last few uses
//     of each place.
//
// # Limits
//
// The number of operations in flight is unlimited, unless Config.MaxInFlight limits it.
// The port reads no data ahead of a Read.
//
// The port keeps a record of 64 bytes for each operation in flight, and uses it again
// for later ones. It never frees these records: after a burst of a million timers, they
// take 64 MB until the port is garbage. The entry of a deadline takes 16 bytes until the
// deadline has passed, even if the operation completes earlier.
//
// # Testing
//
// If the Config of a port names a Memory, the port's sockets are in that network
// inside the process. A test holds the peers, injects faults, and can run in a bubble of
// testing/synctest, with its clock.
//
// # Debugging
//
// The environment variable COMPLETIONDEBUG is a list of settings, separated by commas:
//
//   - backend=NAME selects the backend of ports whose Config names none.
//   - wait=park or wait=block selects how a loop that waits for completions sleeps: as
//     a goroutine, or in a system call. It has an effect on epoll and io_uring only, since the other
//     backends have one way to sleep.
//   - check=buffers makes a pool use a new *Buffer for each owner, at the cost of one
//     allocation, so that every use of a released *Buffer panics.
//   - dump=callers makes Port.Dump show when and by whom each operation was submitted, at
//     the cost of some microseconds for each operation.
//
// The settings check and dump apply to ports on a Memory, too.
//
// Port.Dump writes what a port waits for. Config.Observer receives each step of its work;
// package optrace draws these steps.
package completion
