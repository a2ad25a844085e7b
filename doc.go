// Package completion provides I/O completion ports for Go, on every system that has a
// backend: epoll on Linux, kqueue on macOS and the BSDs, IOCP on Windows.
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
// The operations are in package ops. There are two ways to use them:
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
// What blocks a thread is performed by the work pool of the port: the operations of files,
// and ops.Work. It has at most Config.Workers goroutines, 64 by default. A goroutine is
// started when there is work, and ends when there is none. It needs no goroutine that waits
// on the port.
//
// The number of operations that wait for a goroutine is unlimited, and Submit refuses none:
// a full pool only delays. Limit the number in flight in the program, as by the number of
// buffers of a Pool. Operations that wait begin in this order: those of one file in the order
// of their Submits, the reads apart from all others; and files, and all operations
// that have no file, take turns.
//
// An operation can be cancelled while it waits. Once a goroutine has begun it, the call of
// the system goes on: the operation and its buffer stay with the port until the call
// returns, also past a deadline, a cancel or a close, and its result is the outcome. Of a
// Work, the context of the function ends then. Port.Close and Port.Shutdown wait for
// operations that have begun.
//
// A function of a Work that waits for other operations of the pool may wait for ever: all
// goroutines may be in such functions.
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
//   - a ReadAt as a Read; a Write, a WriteAt or an Append without a Buf;
//   - a ReadV or WriteV without buffers, with a nil one, or with one that is there twice,
//     unless a WriteV has it and it is shared; or a ReadV without any memory;
//   - a ReadMsg or a WriteMsg without a Buf, or a WriteMsg of descriptors without a byte;
//   - the same of ReadFrom, RecvMsg, WriteTo, SendMsg and batches, and a batch of no messages;
//   - a Work without a function;
//   - a SendFile without a File;
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
// A handle has two directions: one for Accept, Read, ReadFrom and ReadBatch, one for Connect,
// Write, CloseWrite, WriteTo and WriteBatch. A Poll is in that of the readiness it waits for.
// What is said of a Read holds for a ReadV, and what is said of a Write for a WriteV and a
// SendFile. A Copy stands in two directions, as a Read and as a Write, and begins when it is its
// turn in both.
//
// The operations of one direction are performed in the order in which they were submitted. Reads
// and writes do not wait for each other. Both wait for a Connect that was submitted before them,
// and fail with it. If several goroutines wait on the port, also in Await, two operations of one
// direction may be dequeued in the other order, on rare occasions: the order in which completions
// are handled is not promised.
//
// A Write sends all its bytes, or it ends with an error and the number of bytes sent. If
// a Write ends after some but not all of its bytes, its direction is broken until that
// Write is delivered. While a direction is broken:
//
//   - Operations that were queued behind the Write, and operations that are submitted in
//     that direction, end with ErrWriteAborted and send nothing. This holds for Write,
//     CloseWrite and Connect.
//   - If one of these operations was cancelled, timed out, was closed or was above
//     Config.MaxInFlight before it was aborted, it ends with that error instead.
//
// Writes that are queued behind one another leave together, in one system call for up to 64
// of them. This changes nothing of the above: each completes by itself, with its own count.
//
// So the program can learn that a message is broken before any later bytes are sent.
// Operations that are submitted after the delivery of the Write are performed.
//
// On Windows, a Write that is cancelled, times out or is closed while the system performs
// it counts as one that ended after some of its bytes. Its N is a lower bound, since the
// system does not report how many bytes of the last piece it sent: at most 256 KiB more.
//
// The operations of a file have no order among each other: several are performed at a time,
// and any of them may end first. To write behind a write, or to sync it, submit that when
// the first is delivered. There are two exceptions:
//
//   - Appends of one File are performed one at a time, in the order of their Submits.
//   - A CloseFile is performed when all operations of the file have ended that were
//     submitted before it.
//
// # Data
//
// A Read ends when there is data, even if an earlier system call stopped before that
// data: at urgent data of TCP, or at descriptors or credentials on a unix socket. The
// last urgent byte that was sent is not part of the stream, unless the socket has
// SO_OOBINLINE. If a second urgent byte arrives before reads have passed the first one,
// the first one is part of the stream.
//
// Descriptors that arrive on a unix socket are closed, unless they arrive in a ReadMsg, or of
// datagrams in a RecvMsg: then the program owns those that are delivered, and the port closes
// the others. The system has none for an operation that ended otherwise.
//
// Pipes, FIFOs and terminals are streams, too: see Port.AdoptStream.
//
// With TLS (package iotls), the same operations move plain bytes. The documentation of that
// package says what is different then.
//
// # Datagrams
//
// A PacketSocket is a socket of UDP or of unix datagrams. A ReadFrom receives one datagram
// with its sender, and a WriteTo sends one, all of it or nothing. A datagram may have 0
// bytes. One that is larger than the buffer ends its ReadFrom with io.ErrShortBuffer, and
// the next ReadFrom gets the next datagram. A ReadBatch and a WriteBatch move several
// datagrams: each tells how many.
//
// A RecvMsg and a SendMsg are a ReadFrom and a WriteTo with a Control: the address that a
// datagram was sent to, or is sent from, its interface, TTL, ECN, and the time of its arrival.
// A message of a batch may have a Control, too. The socket reports what SetReports selects.
// What a system can't send is an error, and is not left out. With ReportSegments, several
// datagrams of one sender may be in one buffer.
//
// Each error is the outcome of one operation and says nothing about the next. That holds for
// ECONNREFUSED, too, which a connected socket reports when nobody has received what it sent:
// the system gives it to one later operation. Nothing breaks a PacketSocket but its Close.
//
// # Cancelling
//
// Cancel requests cancellation. The operation completes once: with its natural result
// if that came first, otherwise with ErrCanceled and the number of bytes moved so
// far.
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
// ended, the descriptor is returned to the system. Closing a port closes its handles.
// Operations that are complete can still be dequeued. Shutdown performs the queued
// writes before it closes the port.
//
// A file is closed by a CloseFile, by File.Close, or with its port. In each case the
// operations that a goroutine has begun end first, and the descriptor is closed once.
// Shutdown lets a Copy send what it has taken, and take no more.
// It performs the WriteAts, Appends, Syncs, Truncates and CloseFiles that are queued.
//
// # Errors
//
// errors.Is matches the errors of operations with these values:
//
//	io.EOF                    the end of the stream, with 0 bytes
//	io.ErrUnexpectedEOF       the end of the stream, after some bytes of a Full Read; the
//	                          end of the file before the Count of a SendFile, or of
//	                          the stream before that of a Copy
//	net.ErrClosed             the handle or the port was closed; of a file, fs.ErrClosed, too
//	os.ErrDeadlineExceeded    the operation timed out: its deadline passed
//	ErrCanceled               the operation was cancelled; matches context.Canceled
//	ErrWriteAborted           an earlier Write ended after some of its bytes, and was
//	                          not delivered when this operation was submitted
//	ErrLimit                  more operations in flight than Config.MaxInFlight
//	io.ErrShortBuffer         a Read with Append, and no room in its Buf; a datagram that
//	                          is larger than its buffer
//	ErrHandshake              a TLS handshake excludes the operation
//	errors.ErrUnsupported     not supported on this system, or for this kind of object
//
// Any other error comes from the system, or with TLS from crypto/tls. Of the system, it is a *net.OpError, in which errors.As finds
// an *os.SyscallError and a syscall.Errno:
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
//
// Of a file, it is a *fs.PathError in which errors.Is finds the system's errno, and the
// values of package io/fs, such as fs.ErrNotExist. The error of a Work is that of its function,
// and the error of a Process that of package os.
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
//     a goroutine, or in a system call. It has an effect on epoll only, since the other
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
