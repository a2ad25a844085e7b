// Package scheduler decides which of the goroutines that wait at a port polls, which
// works, and which sleeps. It knows no handles and no operations: a Work does the work and
// reports what has ended.
//
// # Roles
//
// A goroutine that waits has a Waiter. It wants an item (any finished operation), the end
// of one operation, or the end of all operations. A dequeuer is a waiter that wants an
// item.
//
//   - The leader polls, and works on the events that a poll has returned, one at a time.
//     There is at most one leader. While a goroutine waits, there is a leader, or one
//     that is awake takes the lead.
//   - A waiter that stands by was the leader, and yields to let another waiter run first.
//     It does not sleep, and takes the lead if nobody has it.
//   - With several processors, a waiter that arrives takes over the lead from a waiter
//     that was woken for it and has not run yet.
//   - A helper works on an event beside the leader, instead of going to sleep. There are
//     fewer helpers than processors, so on one processor there is none.
//   - All others sleep, each in one of two lists. Only the goroutine that takes a waiter
//     out of its list wakes it, so each sleep has one wake-up.
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
//     leaves. It wakes dequeuers until as many are awake for an item as there are items,
//     or all of them. A leader that is a dequeuer counts as awake unless parked is set: it
//     looks at the queue before it sleeps.
//   - The end of an operation, of a context, or of all operations. The waiter is woken
//     under the lock, after the state that it looks at has changed.
//   - News for the leader (a ready direction, an earlier deadline, an item that no other
//     dequeuer takes). WakeLeader is called under the lock. Before the leader sleeps in
//     the poller, it checks for news and sets parked, in one hold of the lock. The check
//     finds news that came before it. News that comes after it finds parked set, and
//     wakes the poller. The time-out of the poller is set before the check, and
//     Poller.Wake ends a wait whose time-out has been set. A wake-up that comes late ends
//     the next wait early, which only costs a look.
//   - News for a leader that spins before it sleeps. WakeLeader sets newsFlag, which ends
//     the spinning. Before the leader sleeps, it checks for news and sets parked as above.
//   - The lead. A waiter gives it up before it leaves, sleeps or stands by, and hands it
//     off unless a waiter stands by.
package scheduler
