// Package core turns readiness into completions.
//
// It holds everything that is hard about a completion port and nothing that
// belongs to one system: the slots and states of operations, the queues of a
// handle, the exactly-once decision between a result and a cancel, buffers,
// deadlines, the queue of finished operations, and who polls. It makes no
// system call and has no build tags: a Poller says what is ready and a Kernel
// performs the calls, so the same code runs on epoll, on kqueue and under a
// fake kernel. A Native kernel performs whole operations by itself: what differs
// then is in native.go, and everything else is the same.
//
// # Locks
//
// There are three, always taken in this order: a Handle's, a Pool's, the
// Port's. Nobody holds two handles' locks, and nobody holds any of them
// across a system call.
//
//   - Handle.mu guards the handle's two queues, its ready latches and its state,
//     and decides the outcome of every operation in it.
//   - Pool.mu guards a pool's buffers and the handles that wait for one.
//   - Port.mu guards slots, timers, the queue of finished operations, the
//     waiters and the lead.
//
// # The life of an operation
//
//	            Submit                   begin                 run
//	caller's ─────────────▶ accepted ─────────────▶ queued ◀─────────▶ calling
//	   ▲                       │                       │                  │
//	   │                       │ intent recorded       │ intent: removed  │ result, or
//	   │                       ▼ before begin          ▼ at once          ▼ else the intent
//	   └────────────────────────────────────────── finished
//	      dequeued, or Wait
//
// Whoever takes an operation out of its queue owns its outcome. An intent
// (cancel, deadline, close) is recorded at most once and never waits: if the
// operation is inside a system call, the goroutine in that call sees the
// intent afterwards and uses it only if the call brought no result.
package core
