// Package backend is the contract between the engine and the system below it: epoll,
// kqueue, the completion port of Windows, the network in memory, or a simulator.
//
// A backend has two halves. Its Poller reports what has happened, and its Kernel
// performs the system calls. The engine, package core, does everything else: queues,
// deadlines, cancellation, buffers, and who polls.
//
// # Two kinds of kernel
//
// A kernel of readiness performs calls that never block. The poller reports when a
// descriptor has become readable or writable, and the engine makes the call then.
//
// A Native kernel takes whole operations. The engine starts one, the poller reports
// that it has ended, and the engine asks for its result. What the two kinds share is
// the interface Kernel.
//
// # Promises of a backend
//
//   - A descriptor is armed once, for both directions, edge-triggered, until it is
//     disarmed. What is ready when it is armed is reported as an edge.
//   - An event carries the descriptor and the generation that it was armed with.
//   - There may be events without a reason, but no event is missing: after a call that
//     returned EAGAIN, or moved less than it was asked to, an event follows as soon as
//     more is possible. If a short read does not guarantee that, the events of the
//     descriptor have StopsShort.
//   - No call of the kernel blocks, and the backend repeats none. Errors are reported as
//     the system reports them. The exceptions are an accept on a listener that another
//     process shares, a send on macOS, and a read where urgent data may have been: see
//     sys.Kernel and the files of the backends in the root.
//   - Poller.Wake ends the wait that is under way, or the next one. It allocates
//     nothing, except on Windows if the system has no memory for a packet.
//
// # Promises of the engine
//
//   - SetTimeout, Wait and Parker.Park are called by one goroutine at a time. Arm, Disarm
//     and Wake are called by any goroutine at any time, Wake also during and after Close.
//   - In each direction of a descriptor there is at most one call at a time, and
//     inside a Native kernel at most one operation that the engine has started. ReadAts of files
//     are in no direction.
//   - A descriptor is disarmed before it is closed, and neither happens during a call
//     for it or while an operation of it is inside a Native kernel.
//   - When the poller is closed, no goroutine waits in it, and all descriptors are closed.
//   - The engine holds no lock during a call, except Kernel.Now and Kernel.Classify.
package backend
