// Package race tells Go's race detector who owns a buffer's memory, so that a
// program's own -race run finds memory that is used while the port owns it.
// Without -race all of it is empty.
//
// The system's accesses are invisible to the detector, and declaring them where
// they happen finds little: the goroutine that submits a read, spoils its
// buffer and then waits is often the one that makes the call, and what one
// goroutine does is in order. So ownership itself is declared. From Lend to
// Return the memory counts as in use by a goroutine of its own, which knows
// what its creator did before and of which nobody knows until Return. Whoever
// touches the memory in between is not ordered with it, whether the call was
// made, is still to be made, or never will be.
package race
