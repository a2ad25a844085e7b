// Package scheduler decides which of the goroutines that wait at a port polls, which
// works, and which sleeps. It knows no handles and no operations: what there is to do,
// and what is waited for, it asks of a Work.
//
// # Roles
//
// A goroutine that waits has a Waiter. It wants an item (a finished operation, any of
// them), the end of one operation, or the end of all.
//
//   - The leader polls, and works on the events that a poll has brought, one at a time.
//     There is at most one leader. While anybody waits there is one, or somebody is
//     about to take the lead.
//   - A waiter that stands by has given up the lead to let another go first. It runs,
//     and takes the lead if nobody has it.
//   - With several processors, a waiter that comes takes over the lead from one that was
//     woken for it and has not run yet.
//   - A helper works on an event beside the leader, instead of going to sleep. There are
//     no more than there are processors, so on one processor there is none.
//   - All others sleep. A sleeping waiter is in one of two lists, and is woken by the
//     goroutine that takes it out of its list: once for each sleep.
//
// A leader that has what it wants hands off the lead to a sleeping waiter.
//
// # The lock
//
// The scheduler has the lock of its port: Lock and Unlock. It guards the scheduler, and
// whatever the Work keeps under it. Unless its comment says otherwise, a method is
// called with the lock held.
//
// # No wake-up is lost
//
//   - An item. AwaitItems returns only when there is one, or none can come any more.
//     ItemsChanged is called after each change of the number of items and by each
//     dequeuer that leaves: while items lie there, as many dequeuers are awake.
//   - The end of an operation, of a context, of all operations: Wake, under the lock,
//     after the state that the waiter looks at has changed.
//   - Work for the leader (a ready direction, an earlier deadline): WakeLeader, under
//     the lock. Before the leader sleeps in the poller it looks at all of that and sets
//     parked, in one hold of the lock. News from before are seen by the look. News
//     from after find parked set, and wake the poller. The time-out of the poller was
//     set before that, and Poller.Wake ends a wait for which the time-out has been set.
//     A wake-up that comes late ends the next wait early, which only costs a look.
//   - The lead. A waiter that leaves, sleeps or stands by hands it off first.
package scheduler
