// Package kqueue is the poller of the systems that have kqueue: what is
// submitted, what an event means, how a leader is woken and how long it may
// sleep. It makes no system call, so it runs on every system: a System is the
// kernel's queue, or one that imitates it.
//
// # What it relies on
//
//   - There is one knote for each descriptor and filter. Adding it again
//     replaces what its events carry, and reports anew what is ready.
//   - With Clear an event is reported once for each thing that happens, also
//     while what came before has not been read, and carries no promise beyond
//     "look": what is ready the call says.
//   - A descriptor takes its knotes and their pending events along when it is
//     closed, duplicates or not. An event that was taken out before that is
//     told from those of the next owner of the number by its generation.
//
// # What it does not rely on
//
//   - That flags come back as they were sent, or without others: some kernels
//     return Add and Clear with each event.
//   - An order among the events of a descriptor.
//   - That readiness lasts, or that every event has a reason: some kernels send
//     extra Write events.
//   - That an event tells of urgent data, or that the end of a message brings one
//     for what is behind it: reads go on until they find nothing.
//   - Data and FFlags: how much there is, and which error, the calls say.
package kqueue
