// Package core is the engine: it makes a completion port of a backend.
//
// It makes no system call and has no build tags. A backend.Poller reports what is ready
// and a backend.Kernel performs the calls, so the same code runs on epoll, on kqueue, on
// the completion port of Windows and under an imitated kernel.
//
// # Parts
//
// In this order: a part uses those before it, but for types that refer to each other.
//
//	phase.go, buffer.go, failure.go,    where an operation stands, its memory, why it
//	record.go, slot.go                  failed; what a program and the port have of it
//	fifo.go, heap.go, timers.go         queues, and what the clock ends
//	handle.go, pool.go                  a descriptor with its two queues; a stock of
//	                                    buffers
//	observe.go, port.go, handles.go     the port: its parts and its lock, outcomes on
//	                                    their way to the program, its handles
//	queue.go, complete.go, perform.go,  what happens in a queue: how operations end,
//	apply.go, native.go, direction.go,  calls and their results, cancels and deadlines
//	intent.go
//	serve.go                            what the scheduler has done: events, turns
//	submit.go, await.go, close.go       what the program calls
//
// Package scheduler, below all of these, decides who polls and who sleeps.
//
// # A read on its way
//
//  1. Submit claims the operation: an exchange on its Record, at which two submitters
//     meet, gives it a Slot. The read is Accepted (submit.go).
//  2. begin puts it at the end of its handle's queue, Queued, and performs it if the
//     direction is ready. Otherwise it waits (direction.go).
//  3. An event comes. The leader, or a helper, sets the latch of the direction; the read
//     is Calling, the lock is released, and the call is made (serve.go, direction.go,
//     perform.go).
//  4. The result is applied under the lock: the read is Done, or Queued again
//     (apply.go, complete.go).
//  5. It is published: in the queue of finished operations, or to whoever waits for it.
//     Its slot is free (port.go).
//  6. Next or Wait delivers it. The Record's pointer is the last word written
//     (port.go, await.go).
//
// # Locks
//
// There are three, always taken in this order: a handle's, a pool's, the port's. Nobody
// holds two handles' locks, and nobody holds any of them across a system call. A held
// lock is a value: Handle.lock returns a locked, Pool.lock a stock, Port.lock the state.
// What needs the lock is a method of that value.
//
//   - A handle's lock guards its two queues, its latches and its state, and decides the
//     outcome of every operation in it.
//   - A pool's lock guards its buffers and the handles that wait for one.
//   - The port's lock guards all other parts, and the scheduler.
//
// # Exactly once
//
// Whoever takes an operation out of its queue owns its outcome. What others want of it
// (a cancel, a deadline, a close) is an intent: it is recorded at most once and never
// waits. If the operation is in a call, the goroutine in that call sees the intent
// afterwards, and uses it only if the call brought no result.
package core
