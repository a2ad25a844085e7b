// Package race declares to Go's race detector who owns a buffer's memory, so that a
// program's own -race run reports memory that is used while the port owns it. Without
// -race it does nothing.
//
// The detector does not see the system's accesses. To declare them where they happen
// would find little: the goroutine that submits a read, changes its buffer and then waits
// is often the one that makes the call, and the accesses of one goroutine are ordered. So
// ownership itself is declared. From Lend to Return the memory counts as used by a
// goroutine of its own. That goroutine is ordered after what its creator did before Lend,
// and nothing is ordered after it until Return. A goroutine that uses the memory in
// between is not ordered with it, whether the call was made, is still to be made, or never
// will be.
package race
