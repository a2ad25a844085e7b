package completion

import "github.com/completionport/completion/internal/uring"

// The second backend of Linux is io_uring, package internal/uring. Its kernel is Native, and
// the calls that do not wait are those of internal/sys, as with epoll. It is not the default.
// It keeps the promises of internal/backend in these ways.
//
// Armed once: Arm makes an entry for the descriptor, and no call. There is no readiness: an
// operation that is started finds what is there. Disarm removes the entry.
//
// Generation: the number of a result is the token of its request, with the descriptor and a
// count, and the entry of the descriptor has the generation. It is the right entry, since the
// engine closes no descriptor with an operation inside. A result of any other request has a
// token that no side has, and is dropped.
//
// Every operation ends once: Start is IORING_OP_ACCEPT, IORING_OP_RECV, IORING_OP_SEND or
// IORING_OP_POLL_ADD, each with one result. Pooled reads select their buffer
// (IOSQE_BUFFER_SELECT). A send has MSG_NOSIGNAL, and moves what there is room
// for. O_NONBLOCK of the socket has no effect on these requests: without data, they wait. Old
// kernels make an exception for accepts, which then wait with IORING_OP_POLL_ADD. The kernel keeps
// results for which the queue has no room (IORING_FEAT_NODROP).
//
// Abandon is IORING_OP_ASYNC_CANCEL with the token, again as long as that misses the operation and
// it is still inside. ECANCELED is of the class Again. A write that was cancelled has moved nothing,
// and so it has EAGAIN. An operation that ends with ECANCELED since its thread has exited is started
// again: see package uring.
//
// If io_uring_enter(2) fails for good, every operation ends with its errno, and backend.Mortal says
// so: see package uring. None ends before the kernel has let go of its memory.
//
// ReadAts of files are IORING_OP_READ, each with a number of its own. All else of files blocks, and
// the work pool performs it.
//
// No call blocks: connect is connect(2) on a non-blocking socket, datagrams have MSG_DONTWAIT,
// and both wait with IORING_OP_POLL_ADD. None of these calls is repeated.
//
// Wait and Wake of a leader that parks: it parks in Go's poller, which watches an eventfd that
// is registered with the ring (IORING_REGISTER_EVENTFD) and enabled only meanwhile. The end of
// its wait is a read deadline, and Wake sets one in the past.
//
// Wait and Wake of a leader that blocks: io_uring_enter(2) submits and waits, with a time-out.
// Wake is IORING_OP_NOP: its result stays in the queue until a leader takes it. A lock keeps it
// and the close of the ring apart. None of this allocates.
var ioUring = opener{uring.Name, uring.Open}
