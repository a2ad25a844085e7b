// Package uring is the backend of Linux that uses io_uring(7): a Poller that takes results
// out of the completion queue, and a Native kernel that puts requests into the submission
// queue. A port has one ring.
//
// The package has no content on other systems.
//
// # What is a request
//
// Accepts, and reads and writes of sockets, are requests of these kinds. All else waits with a
// request for readiness (IORING_OP_POLL_ADD, once), and then a call of sys.Kernel is made that
// does not wait: connects, datagrams, and streams that are no sockets. A descriptor counts as a
// socket, in each direction, until a request ends with ENOTSOCK. A read of no bytes is a request for
// readiness. Where something in the error queue of the socket ends such requests at once, the next
// one peeks, or is for a pause: see side.woken.
//
// A pooled read of a large pool is a request that selects its buffer when there are data, from a
// ring of buffers that the kernel has of that pool (IORING_REGISTER_PBUF_RING, Linux 5.19). If the
// ring is empty, the request ends as one for readiness does.
//
// A ReadAt is a request (IORING_OP_READ). Those of one file are any number and end in any order, so
// they have numbers, and no sides: see readAts. Nobody cancels them.
//
// # Which operation a result belongs to
//
// The number that a result carries (user_data) is its token: the descriptor, the direction, and
// a count. A side, which is one direction of a descriptor, has the count of the request that is
// inside the kernel, and 2^30 requests of a side in succession have different ones. The counts of the
// next owner of a descriptor begin elsewhere. So a request to cancel an operation hits no later one.
//
// # When requests are submitted
//
// Start puts a request into the submission queue, which the kernel does not read by itself.
// The leader submits what is there in the call in which it waits. What others put there while
// the leader sleeps, they submit themselves. A long loop body, or one that waits for others, does
// not delay requests for long: they are submitted when there are many, and by a timer. See
// queue.
//
// The call that submits also performs what can be performed at once. It is a raw one, unless it moves
// much: from an ordinary call that lasts so long, Go's runtime takes the processor away.
//
// # Requests and threads
//
// The kernel performs a request in the thread that has submitted it: if there are no data yet,
// that thread is interrupted when they come. If it has exited, the request ends with ECANCELED or
// EFAULT, and has moved nothing. Threads of Go exit when a goroutine ends that was locked to one.
// So an operation that ends in this way, and that nobody has abandoned, is put into the queue
// once more, see Poller.revive. Behind EFAULT, it is a request for readiness, and then a call.
//
// # Memory
//
// The kernel writes to Go memory after Start has returned. A side keeps it reachable, and the
// set of open ports keeps the side, even if the program drops its port.
//
// # The end of a ring
//
// If io_uring_enter(2) fails for good, all operations end with its errno: see ended.go.
//
// # Two ways to wait
//
// Block: a leader waits in io_uring_enter(2), which also submits. A request that does nothing
// wakes it.
//
// Park: a leader parks in Go's own poller, which watches an eventfd. The kernel writes to it only
// while a leader parks, since otherwise each result would wake a thread that is in Go's poller.
// A deadline in the past wakes the leader.
package uring
