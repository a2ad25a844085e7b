// Package completion brings I/O completion ports to Go, on every system that
// has a backend.
//
// A program gives a port operations, together with the buffers they need, and
// gets both back when they are finished. It does not wait for readiness and
// then make calls; it says what it wants done. One goroutine can serve any
// number of connections, and an idle connection holds neither a goroutine nor
// a buffer.
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
// The operations are in package ops. There are two ways to use them: Submit,
// and then Next, NextBatch or Completions, for loops that handle whatever is
// finished; Await, or Start and then Wait, for a goroutine that wants one
// operation done.
//
// # Who runs the port
//
// There is no hidden goroutine. A goroutine that waits in Next, NextBatch,
// Completions, Wait, Await or Shutdown does the port's work: one of them has
// the lead and polls, performs what has become possible, and passes the lead on
// when it leaves. With nobody in them I/O and deadlines may be late, but are
// never lost. Submit may make the first system call of an operation itself.
//
// # Fairness
//
// While the bodies of a loop run, the port looks at I/O and at the clock about
// every 100 µs, or after each body if one takes longer. Bodies that suddenly take
// longer are noticed after at most 16 of them. The port's own work holds its lock,
// and keeps other waiters waiting, for about a millisecond at most, whatever the
// number of timers that are due, operations that are queued or connections that are
// ready. Not bounded so: one Submit or NextBatch holds the lock for all its operations,
// and the port looks at I/O again only after the batch that it has handed out.
//
// # Exactly once
//
// Every operation that Submit or Start has accepted completes exactly once:
// with its result, an error, or because it was cancelled, overdue, or its
// handle or port was closed. A completion goes to one goroutine.
//
// # Ownership
//
// From an accepted Submit until they are handed out, an operation and its
// buffers belong to the port. Using a Buffer one does not own panics, and so
// does asking an operation in flight for its outcome. Operations and buffers
// that were handed out can be used again.
//
// Mistakes of the programmer panic, and nothing is accepted: a nil operation,
// one that is in flight, a handle or pool of another port, a buffer that is
// lent, a read with both or neither of Buf and Pool, a read into no memory, Wait
// for an operation that was not started or by two goroutines at once. Everything
// else is an outcome, a closed handle included. An operation that a closed port
// refuses has one, too: net.ErrClosed.
//
// A pool's buffer that was released and is used all the same panics while it is in
// the pool. When the pool has lent it again, only -race and the setting
// check=buffers (see Debugging) find that out: see Buffer.Release.
//
// # Order
//
// Operations of one direction of one handle (Accept and Read; Connect, Write
// and CloseWrite) are performed in the order they were submitted. Reads and
// writes don't wait for each other, but both wait for a Connect before them and
// share its failure. Which goroutine handles which completion first is not
// promised.
//
// A write sends all its bytes or ends with an error and the number sent. A write
// that ends after some of its bytes breaks its direction until it is delivered:
// by Next, NextBatch or Completions, or by Wait or Await if it was started. What is
// queued behind it in its direction (writes, CloseWrites, also a Connect), and what is
// submitted there before it is delivered, ends with ErrWriteAborted and sends nothing,
// unless it was cancelled, overdue, closed or above Config.MaxInFlight first. So no
// program sends into the middle of a message before it can know that the message is
// broken. What is submitted after that is sent.
//
// On Windows a write that is cancelled, overdue or closed while the system has it
// counts as one that ends after some of its bytes, and its number is a lower bound:
// the system does not report what it had sent.
//
// # Data
//
// A read ends when there is data, whatever made an earlier call of the system
// stop short of it: urgent data of TCP, descriptors or credentials on a unix
// socket. The last urgent byte that was sent is not part of the stream, unless the
// socket has SO_OOBINLINE. An earlier one is, if the later one came before reads had
// passed it. Descriptors that come with data are closed.
//
// # Cancelling
//
// Cancelling is a request; the completion is the fact. The operation ends with
// its natural result, if that comes first, or with ErrCanceled and the bytes
// moved so far. What arrived before the deadline of a read, accept or connect is
// its result, however late the port looks, but not for a late read that finds its
// pool empty, and on Windows only for the first operation of a queue. A write ends
// at its deadline, whatever room there is. The first of cancel, deadline and close to be
// recorded decides the error. What a cancelled operation had already produced, a
// connection or a pool's buffer, is handed out or released. Neither Cancel nor
// SetDeadline nor Buffer.Release makes a system call on a connection.
//
// # Closing
//
// Closing a handle ends its operations with net.ErrClosed; when the last has
// ended, the descriptor goes back to the system. Closing a port closes its
// handles. What is finished can still be dequeued. Shutdown finishes queued
// writes first.
//
// # Errors
//
// All errors answer errors.Is with Go's own values:
//
//	io.EOF                    the end of the stream, with 0 bytes
//	io.ErrUnexpectedEOF       the end of the stream within a Full read
//	net.ErrClosed             the handle or the port was closed
//	os.ErrDeadlineExceeded    the deadline passed
//	ErrCanceled               cancelled; matches context.Canceled
//	ErrWriteAborted           a write before this one ended half-way, and was
//	                          not delivered when this one was submitted
//	ErrLimit                  more than Config.MaxInFlight
//	io.ErrShortBuffer         a Read with Append, and no room in its Buf
//	errors.ErrUnsupported     not on this system, or not for this kind
//
// Any other error is the system's: a *net.OpError, in which errors.As finds an
// *os.SyscallError and a syscall.Errno. Its Source is the local address and its
// Addr the remote one; for an Accept, Addr is the address listened on, and for a
// failed Connect, and for what waited for it, the address that was not reached.
// They are noted when the operation fails, and not nil for a connection: see
// Socket.RemoteAddr. Timeout and Temporary are right on every system: a lack of
// descriptors or memory (EMFILE, ENFILE, ENOBUFS, ENOMEM), or of registrations with
// epoll (ENOSPC), is temporary. On Windows the errno is Winsock's, and errors.Is finds
// the POSIX name, too. Err and Wait return the same error value each time. A reset is
// never reported as io.EOF.
//
// # The race detector
//
// With -race a program learns of memory that it uses while the port owns it,
// whichever goroutine does, and whichever made the system call: writing or
// reading the memory of a read, or changing the bytes of a write, between the
// Submit that accepted the operation and its being handed out; using memory of
// a pool's buffer that was released; changing a shared buffer before its last
// write was handed out. The report's "created at" shows where the memory was
// given away. Each use of a *Buffer that was released panics, whoever has its
// memory by now. Not found are: reading the bytes of a write, which harms nobody;
// memory outside Go's heap and variables; the fields of an operation, unless two
// goroutines use them at once; and now and then a use among many, since the
// detector keeps only the last few uses of each place.
//
// # Limits
//
// The number of operations is bounded by the program's own objects, or by
// Config.MaxInFlight. Data is never read without an operation that waits for
// it.
//
// # Testing
//
// A port whose Config names a Memory has its sockets in that network inside the
// process: a test holds the other ends, orders faults, and works with the clock
// of a testing/synctest bubble.
//
// # Debugging
//
// COMPLETIONDEBUG is a list of settings with commas between. The setting
// backend=NAME chooses the backend of ports whose Config names none;
// wait=park or wait=block says how a loop that waits for completions sleeps: as
// a goroutine, or in a system call. With check=buffers a pool lends a new *Buffer
// each time, at the cost of an allocation, so that every use of one that was
// released panics; it is the one setting that concerns ports on a Memory, too.
package completion
