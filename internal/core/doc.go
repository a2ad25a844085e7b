// Package core is the engine: it builds a completion port on a backend.
//
// It makes no system call and has no build tags. A backend.Poller reports what is ready
// and a backend.Kernel performs the calls, so the same code runs on epoll, on kqueue, on
// the completion port of Windows and on an imitated kernel.
//
// # Parts
//
// The files are in this order. A file uses those before it, with few exceptions, most of
// them types that refer to each other.
//
//	phase.go, buffer.go, failure.go,    phases, memory and failures of an operation; its
//	record.go, slot.go                  part in the program (Record) and the port (Slot)
//	fifo.go, heap.go, timers.go         queues; deadlines and timers
//	handle.go, pool.go, vector.go,      a descriptor with its two queues; buffers of
//	copying.go                          one size, and several in one operation; the
//	                                    two halves of a copy
//	observe.go, port.go, copy_turn.go,  the port: its parts and its lock; how outcomes
//	handles.go                          reach the program; its handles
//	queue.go, until.go, complete.go,    the work in a queue: how operations end, reads up
//	perform.go, apply.go, source.go,    to a delimiter, calls and their results, files to
//	poll.go, gather.go, layer.go,       send, readiness alone, calls of several writes or
//	selected.go, native.go,             buffers, calls through a layer, buffers that a
//	work.go, file.go, readat.go,        kernel selects, goroutines of
//	workpool.go, direction.go,          operations, files, ReadAts inside a kernel, the
//	handshake.go, intent.go             work pool, handshakes, cancels and deadlines
//	serve.go                            what the scheduler calls: events, turns
//	acquire.go, submit.go, await.go,    what the program calls
//	close.go, detach.go
//	dump.go                             what is in flight, for Port.Dump
//
// Package scheduler, on which these are built, decides who polls and who sleeps.
//
// # The life of a read
//
//  1. Submit claims the operation: a compare-and-swap on its Record gives it a Slot. If
//     two goroutines submit it, that fails for one. The read is Accepted (submit.go).
//  2. begin (submit.go) puts it at the end of its handle's queue: it is Queued. If the
//     direction is ready, it is performed. Otherwise it waits (enqueue and run in
//     direction.go).
//  3. An event arrives. The leader or a helper sets the latch of the direction (serve.go).
//     The read is Calling, the lock is released, and the call is made (call and perform
//     in direction.go; perform.go).
//  4. The result is applied under the lock: the bytes are added to Record.n (apply.go).
//     The read is Done (complete.go), or Queued again.
//  5. Unlocking the handle (handles.go) publishes it: to the queue of finished
//     operations, or to the goroutine that waits for it. Its slot is free (port.go).
//  6. Next or Wait delivers it (port.go, await.go). The pointer in the Record is written
//     last: a goroutine that sees Idle may use the operation.
//
// # Locks
//
// There are three kinds, always taken in this order: a handle's, a pool's, the port's. Before
// them, halves of Copies are queued under a lock of their own: see beginTogether.
// No goroutine holds the locks of two handles, and none holds a lock during a system
// call. A held lock is a value: Handle.lock returns a locked, Pool.lock a stock,
// Port.lock the state. Code that needs the lock is a method of that value.
//
//   - A handle's lock guards its two queues, its latches and its state. The outcome of
//     every operation in these queues is decided under it.
//   - A pool's lock guards its buffers and the handles that wait for one; the work pool's
//     lock its goroutines and the directions that have a turn.
//   - The port's lock guards all other parts, and the scheduler.
//
// # Exactly once
//
// The goroutine that takes an operation out of its queue owns the outcome. A cancel, a
// deadline or a close is an intent: only the first is recorded, and recording it never
// waits for a call. If the operation is in a call, the goroutine in that call first adds
// the bytes that the call has moved. It then uses the intent only if the call has not
// completed the operation.
package core
