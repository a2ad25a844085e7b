//go:build darwin || dragonfly || freebsd || netbsd || openbsd

package completion

import "github.com/completionport/completion/internal/kqueue"

// The backend of macOS and the BSDs is kqueue, package internal/kqueue, with the calls
// of internal/sys. It keeps the promises of internal/backend in these ways.
//
// Armed once: Arm is kevent(2) with two changes, EVFILT_READ and EVFILT_WRITE, each with
// EV_ADD and EV_CLEAR, and no room for events: an error is returned at once. A filter
// reports what is ready when it is added. Disarm makes no call: close(2) removes the
// knotes of a descriptor with their pending events, even if the descriptor has duplicates.
//
// Generation: udata carries it. The waker's events have the generation 0.
//
// Never too seldom: with EV_CLEAR, a filter reports each arrival of data and each time
// that there is room again. There may be events without a reason. No event says that a
// read stops at urgent data or at the end of a message, so all events of EVFILT_READ have
// StopsShort, and reads go on until EAGAIN or the end of the stream. So EV_EOF of
// EVFILT_READ is not needed. EV_EOF of EVFILT_WRITE says nothing about reads: it also
// follows a half close of our own.
//
// No call blocks: recv and send have MSG_DONTWAIT, and MSG_NBIO as well on NetBSD. macOS
// ignores MSG_DONTWAIT in a send, which relies on O_NONBLOCK there. accept has no such
// flag: for a listener that is shared, poll(2) is called first. Only kevent with changes
// is repeated, after EINTR: to submit a change twice does no harm. After a send that
// returns EPIPE, SO_ERROR is read, since these systems keep the reset for the next call.
// EPROTOTYPE of macOS means the same reset.
//
// Wait and Wake: Go's poller does not accept a kqueue, so a leader blocks in kevent(2)
// both ways. Its time-out is rounded up to microseconds and is one day at most. Wake
// triggers an EVFILT_USER, which stays triggered until a wait has taken it. Open tests
// EVFILT_USER: a system that lacks it or does not report it gets a pipe. A lock keeps
// Wake and the close of the queue apart. Wake allocates nothing.
var backends = []opener{{kqueue.Name, kqueue.Open}}
