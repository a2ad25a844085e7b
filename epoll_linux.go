package completion

import "github.com/completionport/completion/internal/epoll"

// The first backend of Linux is epoll, package internal/epoll, with the calls of
// internal/sys. It keeps the promises of internal/backend in these ways.
//
// Armed once: Arm is EPOLL_CTL_ADD with EPOLLIN, EPOLLOUT, EPOLLRDHUP, EPOLLPRI and
// EPOLLET, and no EPOLL_CTL_MOD follows. epoll_ctl reports what is ready at that time as
// an event. Disarm is EPOLL_CTL_DEL. It comes before close(2), since a duplicate in
// another process would keep the registration alive.
//
// Generation: epoll_event.data has 64 bits, the descriptor in one half and the
// generation in the other. The eventfd that wakes a leader has the generation 0.
//
// Never too seldom: with EPOLLET, Linux reports an event for each arrival of data and
// each time that room appears in a full send buffer, whether earlier data has been read
// or not. A short read of TCP has taken all data, unless it stopped at urgent data:
// then events have EPOLLPRI, which becomes StopsShort. A read of a unix socket may stop
// at the end of a message without an event for the rest, so all its events have
// StopsShort. The end of the stream may share an event with the data before it:
// EPOLLRDHUP becomes StopsShort. EPOLLHUP does not, since a socket that was never
// connected has it, too.
//
// No call blocks: recv and send have MSG_DONTWAIT, since others may share the socket and
// clear its O_NONBLOCK. accept4 has no such flag: for a listener that is shared, poll(2)
// is called first. None of these calls is repeated, except a recv that returns EAGAIN at
// urgent data because a signal is pending (sys.Kernel.Read).
//
// Wait and Wake of a leader that parks: it parks in Go's poller, to which the epoll
// descriptor was added, and takes the events with epoll_pwait and a time-out of 0. The
// end of its wait is a read deadline of the epoll file. Wake sets a deadline in the past,
// which stays until a leader sets another, so it ends the next wait if none is under way.
// A leader that serves others inside Park goes back to sleep without another epoll_pwait.
//
// Wait and Wake of a leader that blocks: it waits in epoll_pwait, with its time-out
// rounded up to milliseconds. Wake writes to an eventfd, whose edge stays until
// epoll_pwait reports it. A lock keeps that write and the close of the eventfd apart.
// None of this allocates.
var backends = []opener{{epoll.Name, epoll.Open}, ioUring}
