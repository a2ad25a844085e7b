// Package scheduler decides which of the goroutines that wait at a port polls, which
// works, and which sleeps. It knows no handles and no operations: it asks a Work what
// there is to do, and what has ended.
//
// # Roles
//
// A goroutine that waits has a Waiter. It wants an item (any finished operation), the end
// of one operation, or the end of all operations.
//
//   - The leader polls, and works on the events that a poll has returned, one at a time.
//     There is at most one leader. While a goroutine waits, there is a leader, or a
//     goroutine is about to take the lead.
//   - A waiter that stands by has given up the lead to let another waiter run first. It
//     does not sleep, and takes the lead if nobody has it.
//   - With several processors, a waiter that arrives takes over the lead from a waiter
//     that was woken for it and has not run yet.
//   - A helper works on an event beside the leader, instead of going to sleep. There are
//     fewer helpers than processors, so on one processor there is none.
//   - All others sleep. A sleeping waiter is in one of two lists. The goroutine that takes
//     it out of its list wakes it: once for each sleep.
//
// A leader that has what it wants hands off the lead to a sleeping waiter.
//
// # The lock
//
// The scheduler has the lock of its port: Lock and Unlock. It guards the scheduler and
// the state of the Work. Unless its comment says otherwise, a method is called with the
// lock held.
//
// # No wake-up is lost
//
//   - An item. AwaitItems returns only when there is one, or none will come. ItemsChanged
//     is called after each change of the number of items, and by each dequeuer that
//     leaves: while there are items, as many dequeuers are awake, or all of them.
//   - The end of an operation, of a context, or of all operations. The waiter is woken
//     under the lock, after the state that it looks at has changed.
//   - Work for the leader (a ready direction, an earlier deadline). WakeLeader is called
//     under the lock. Before the leader sleeps in the poller, it checks for such work and
//     sets parked, in one hold of the lock. The check finds work that came before it.
//     Work that comes after it finds parked set, and wakes the poller. The time-out of
//     the poller is set before the check, and Poller.Wake ends a wait whose time-out has
//     been set. A wake-up that comes late ends the next wait early, which only costs a
//     look.
//   - The lead. A waiter gives it up before it leaves, sleeps or stands by, and hands it
//     off unless another waiter is about to take it.
package scheduler
