// Package iocp is the backend of Windows: a Poller that dequeues the packets of a
// completion port, and a Kernel to which the engine gives whole operations.
//
// The package has no content on other systems.
//
// # How an operation ends
//
// The Kernel starts an operation with an OVERLAPPED in the entry of its descriptor
// (accepts have their own, see acceptQueue). When the operation has ended, Windows posts
// a packet with the descriptor as its key and the address of the OVERLAPPED. Windows
// writes to that memory until then, so the entry stays reachable: through the table of
// descriptors and, if the program drops its port, through the set of open ports.
//
// The OVERLAPPED says which operation a packet belongs to. The Poller compares its address
// with those in the entry of the key. It must not follow the address as a pointer, since a
// program that borrows the descriptor makes calls with OVERLAPPEDs of its own. The entry
// is the right one, since no descriptor is closed with an operation inside.
//
// Accepts without an operation are the exception. They are cancelled when their listener
// is closed, and their packets come later, when the number may have a new owner. They are
// found by their OVERLAPPED alone, see orphanedAccepts.
//
// # Named pipes
//
// An accept takes over an instance of the pipe, so the listener has a number of its own, and
// each instance is associated with the port under its own number, which the connection keeps.
// All instances without a connection wait for clients from Arm on: see pipeListener.
//
// A table entry without a generation is a mark. It tells Arm that a descriptor is a pipe, and
// Close, after Disarm, that it is closed by CloseHandle. A read of no bytes waits for data as
// that of a socket does (libuv and .NET rely on it, too). No call writes to a pipe what there is
// room for, so Write and WriteV find no room, and each write is one operation of the system.
package iocp
