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
// The kernel has one of two backends. With epoll's semantics it is the poller
// itself (poller.go). With kqueue's semantics it has a queue of events, whose behaviour
// differs between schedules as kernels differ. The poller is then the real one of
// package kqueue (kqueue.go, kqueue_wait.go, kqueue_poller.go). At each of its calls
// others may run, so the scheduler can interrupt it between the parts of an arming, a
// wait, a wake-up and a close.
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
//	final.go             nothing is left
package sim
