package completion

import "github.com/completionport/completion/internal/epoll"

// The backend of Linux is epoll, package internal/epoll, with the calls of
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
// each time that room appears in a full send buffer, whether what came before has been
// read or not. A short read of TCP has taken all there was, unless it stopped at urgent
// data, and EPOLLPRI reports that as StopsShort. A read of a unix socket may stop at the
// end of a message without an event for the rest, so all its events have StopsShort. The
// end of the stream may share an event with the data before it, which EPOLLRDHUP reports
// as StopsShort; EPOLLHUP does not, since a socket that was never connected has it, too.
//
// No call blocks: recv and send have MSG_DONTWAIT, since others may share the socket and
// clear its O_NONBLOCK. accept4 has no such flag: for a listener that is shared, poll(2)
// is called first. None of these is repeated, but for a recv that returns EAGAIN at
// urgent data because a signal is pending (sys.Kernel.Read).
//
// Wait and Wake: a leader that parks does so in Go's poller, to which the epoll
// descriptor was added, and epoll_pwait with a time-out of 0 takes the events. Its
// time-out is a deadline of that file, and Wake is a deadline in the past, which stays
// until a leader sets another: so it ends the next wait if none is under way. A leader that
// serves others in there (Park) goes back to sleep without another epoll_pwait. A leader
// that blocks is in epoll_pwait, its time-out rounded up to milliseconds. Wake writes to
// an eventfd, whose edge stays until epoll_pwait reports it. A lock keeps that write and
// the close of the eventfd apart. None of this allocates.
var backends = []opener{{epoll.Name, epoll.Open}}
