// Package iocp is the backend of Windows: a Poller that dequeues the packets of a
// completion port, and a Kernel to which the engine gives whole operations.
//
// The package has no content on other systems.
//
// # How an operation ends
//
// The Kernel starts an operation with an OVERLAPPED that lies in the entry of its
// descriptor (accepts have their own, see acceptQueue). When it has ended, Windows posts
// a packet with the descriptor as its key and the address of the OVERLAPPED. Windows
// writes to that memory until then, so the entry stays reachable: through the table of
// descriptors, and through the set of open ports if the program drops its port.
//
// A packet is told from others by its OVERLAPPED. It is looked up in the entry of its
// key: the address alone is no pointer that may be followed, since a program that borrows
// the descriptor makes calls with OVERLAPPEDs of its own. No descriptor is closed with an
// operation inside, so the entry is the right one; but accepts that nobody asked for any
// more are cancelled when their listener is closed, and their packets come later, when
// the number may have a new owner. They are found by themselves.
package iocp
