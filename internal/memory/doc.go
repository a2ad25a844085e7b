// Package memory is a kernel in a process: stream sockets, listeners and edges
// of readiness, without a system underneath.
//
// It has two layers.
//
//   - System is the state machine. It is pure: it takes no lock, starts no
//     goroutine, waits for nothing and asks no clock, so whoever calls it
//     decides what happens next and when. The same calls in the same order
//     have the same results.
//   - Network is a System behind one mutex, for any number of goroutines: a
//     Port of it is the backend.Kernel and backend.Poller of one completion port, a
//     Conn or a Listener is a blocking end for a test. It works inside a bubble
//     of testing/synctest: whatever waits, waits on a channel or a condition
//     made in that bubble, with the bubble's clock.
//
// # What it imitates
//
// Linux, where systems differ, and TCP, also for addresses that are paths:
//
//   - A connect is always under way at first and brings an edge when it ends.
//     It needs nobody to accept; if the backlog is full, it waits.
//   - What is sent is in the receiver's buffer when the call returns, unless a
//     delay is set. A writer may be ahead of its reader by the size of its send
//     buffer and the other's receive buffer.
//   - Closing with unread bytes is a reset. One call is told of a reset, those
//     after it see the end of the stream or a broken pipe. What had arrived
//     before a reset can still be read.
//   - Descriptor numbers are given out smallest first, and again at once.
//   - Reads stop at urgent data, which an event tells, and on a unix socket at the
//     end of a message, which none does.
//   - Readiness is edge-triggered: an edge for what is ready when a descriptor
//     is armed, for every arrival, and for room after a write that found too
//     little. An edge tells all that is ready when it is collected.
package memory
