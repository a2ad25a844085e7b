// Package sim runs the engine of package core against a kernel that is made up,
// under a scheduler that decides everything, and checks what comes of it.
//
// One schedule is one world: a port, a fake kernel, the peers at the other ends
// of its connections, and some actors that call the port. Actors are coroutines
// of which one runs at a time. Wherever the engine takes a lock, makes a call,
// sleeps, or does something without a lock, it comes here (scheduler.Steps) and the
// scheduler says who goes on: an actor, or something in the surroundings, such as
// a peer that sends, an edge that arrives late, a context that ends, or the clock.
//
// The kernel has one of two backends. With epoll's semantics it is the poller
// itself (poller.go). With kqueue's it has a queue of events, which differs from
// schedule to schedule as kernels do, and the poller is the real one of package
// kqueue (kqueue.go, kqueue_wait.go, kqueue_poller.go): each call that it makes
// is a point where others may go on, so the scheduler gets between the parts of
// an arming, a wait, a wake-up and a close.
//
// Everything a world does follows from two strings of choices: the plan (who
// calls what) and the schedule (who goes on, and what goes wrong). A seed stands
// for a pair of such strings, so a failure can be replayed, and it is shrunk by
// shortening them. The first choice of the plan says which backend it is: those
// below 7 are epoll's.
//
// One world in two hundred keeps its leader busy for a while (busy.go): whenever the
// leader looks there is an event, loops find more in the queue than they are handed
// between two looks, directions are on the ready list again and again, and calls and
// loop bodies take time of the simulated clock.
//
// What is checked stands in check.go (outcomes), idle.go (nobody sleeps while
// there is work for it), timely.go (nothing that is due waits longer than a bounded
// number of the leader's turns), kernel.go and wire.go (what a call may be given)
// and final.go (nothing is left).
package sim
