// Package ops holds the operations that a port performs, one file for each
// family.
//
// An operation is a struct that the caller fills in, submits, and gets back
// finished. It can be embedded in a struct of the caller's own, which then
// comes back as that type if the outer struct is what was submitted: of
//
//	type request struct {
//		ops.Read
//		client *client
//	}
//
// Submit(r) hands out a *request, and Submit(&r.Read) an *ops.Read, which no case
// *request matches. If two operations are embedded, submit them one by one. All of
// them have Deadline, Value, N, Err and Ticket from completion.Op.
package ops
