// Package kqueue is the poller of macOS and the BSDs. It decides which changes are
// submitted, what an event means, how a leader is woken and how long it may sleep. It
// makes no system call, so it runs on every system: a System is the kernel's queue, or
// an imitation of one.
//
// # What it relies on
//
//   - There is one knote for each descriptor and filter. To add it again replaces the
//     data that its events carry, and reports anew what is ready.
//   - With Clear, there is an event for each thing that happens, even if earlier data
//     has not been read. An event only means that a call is worth making: the call
//     finds what is ready.
//   - Closing a descriptor removes its knotes and their pending events, even if the
//     descriptor has duplicates. An event that was taken before the close has an old
//     generation, which tells it from events of the number's next owner.
//
// # What it does not rely on
//
//   - That flags are returned as they were sent, or without others: some kernels
//     return Add and Clear with each event.
//   - The order of the events of a descriptor.
//   - That readiness lasts, or that every event has a reason: some kernels report
//     extra Write events.
//   - That there is an event for urgent data, or for the bytes behind the end of a
//     message: reads go on until they find nothing.
//   - Data and FFlags: the calls return how much there is, and which error.
package kqueue
