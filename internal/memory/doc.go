// Package memory imitates a kernel inside the process: stream sockets, listeners and edges
// of readiness, without a system.
//
// It has two layers.
//
//   - System is the state machine. It takes no lock, starts no goroutine, waits for
//     nothing and reads no clock, so its caller decides what happens next and when.
//     The same calls in the same order have the same results.
//   - Network is a System behind one mutex, for any number of goroutines. Network.Open
//     returns the backend.Kernel and backend.Poller of one completion port. A Conn, a
//     Listener and a PacketConn are blocking ends for a test. A Network works inside a bubble of
//     testing/synctest: every wait is on a channel or a condition made in that bubble,
//     with the bubble's clock.
//
// # What it imitates
//
// It imitates TCP, also for addresses that are paths. Where systems differ, it imitates
// Linux:
//
//   - A connect is always under way at first; an edge reports its end. It does not wait
//     for an accept, but it waits while the backlog is full.
//   - Bytes that are sent are in the receiver's buffer when the call returns, unless they
//     pass a Link with a delay or a rate. A writer may be ahead of its reader by the size of its send
//     buffer and the other end's receive buffer.
//   - Closing with unread bytes sends a reset. One call returns the error of a reset;
//     those after it return the end of the stream or a broken pipe. Bytes that arrived
//     before a reset can still be read.
//   - A new descriptor gets the smallest free number. A closed one is free at once.
//   - Reads stop at urgent data, which an event reports, and on a unix socket at the
//     end of a message, which no event reports.
//   - Readiness is edge-triggered. There is an edge for what is ready when a descriptor
//     is armed, for every arrival, and for room after a write that found too
//     little. An edge reports all that is ready when it is collected.
package memory
