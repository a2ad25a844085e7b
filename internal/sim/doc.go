// Package sim runs the engine of package core on a fake kernel, under a scheduler that
// makes every choice, and checks the result.
//
// One schedule is one world: a port, a fake kernel, the peers at the other ends
// of its connections, and some actors that call the port. Actors are coroutines
// of which one runs at a time. Wherever the engine takes a lock, makes a call,
// sleeps, or does something without a lock, it calls this package (scheduler.Steps). The
// scheduler chooses what runs next: an actor, or an event of the surroundings, such as a
// peer that sends, an edge that arrives late, a context that ends, or the clock.
//
// The kernel has one of three backends. With epoll's semantics it is the poller
// itself (poller.go). With kqueue's semantics it has a queue of events, whose behaviour
// differs between schedules as kernels differ. The poller is then the real one of
// package kqueue (kqueue.go, kqueue_wait.go, kqueue_poller.go). At each of its calls
// others may run, so the scheduler can interrupt it between the parts of an arming, a
// wait, a wake-up and a close. The third is a ring, for a run of its own: see below.
//
// Two strings of choices determine everything that a world does: the plan (who calls
// what) and the schedule (what runs next, and what fails). A seed determines a pair of
// such strings, so a failure can be replayed. It is shrunk by shortening the strings. The
// first choice of the plan selects the backend: choices below 7 select epoll.
//
// Three worlds in ten also have datagram sockets (mail.go), a file and a work pool (files.go).
// The choices that add them to a plan are its last ones (plan_others.go). Three worlds in ten
// have copies between their sockets, and polls (plan_copies.go), and three in ten have reads up
// to a delimiter (plan_lines.go), and three in ten writes from a file of the port (plan_sends.go).
// Some of these sockets have a layer (layers.go).
//
// # The ring
//
// The engine gives whole operations to a backend.Native kernel, as io_uring and Windows are. The
// ring is one (ring.go, ring_end.go, ring_select.go). An operation inside it ends at any later step,
// in any order, also during the call that has started it, and the schedule chooses its result. A
// cancel may come too late, may not be heard, or may hide bytes that a write has sent. The plan
// selects whether the ring reports a reset to one operation only (backend.ReportsOnce), whether it
// selects the buffers of pooled reads (backend.Selector), and whether it knows that a write
// which was abandoned has sent nothing (plan_ring.go). TestNativeSchedules runs these worlds. They
// are not among those of TestSchedules, whose seeds stay what they are. They have the same checks,
// and these differences:
//
//   - A write may have sent more bytes than its count says, if it was abandoned inside.
//   - A write that was abandoned inside may count as cut short although it has sent nothing.
//   - A read that finds the end of the stream and then a reset ends with either.
//   - When all sleep, an operation may be left that was to be abandoned, if the ring has not heard
//     that: the engine asks once more after a while.
//
// A layer gives the ring a write or a part of it, and owes the rest or not (layers_ring.go). There are
// no files in these worlds, since no kernel performs their operations, and no descriptors of another
// owner.
//
// # Other worlds
//
// One world in two hundred keeps its leader busy for a while (busy.go). Each look of the
// leader finds an event, loops find more items in the queue than they may dequeue between
// two looks, directions are on the ready list again and again, and calls and loop bodies
// take time of the simulated clock.
//
// The checks are in
//
//	check.go             outcomes
//	mail_check.go        those of datagrams
//	files.go             those of the work pool
//	copy_check.go        those of copies, and what a copy waits for
//	copies.go            the pipes
//	lines.go             reads up to a delimiter
//	sends.go             writes from a file
//	idle.go              no waiter sleeps while there is work for it
//	timely.go            what is due waits for a bounded number of the leader's turns
//	kernel.go, wire.go   the arguments of calls
//	ring.go, ring_end.go those of calls about what is inside a ring, and what is left there
//	final.go             nothing is left
package sim
