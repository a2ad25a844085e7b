// Package ops holds the operations that a port performs, one file for each
// family.
//
// An operation is a struct that the caller fills in, submits, and gets back
// finished. It can be embedded in a struct of the caller's own, which then
// comes back as that type; if two are embedded, submit them one by one. All of
// them have Deadline, Value, N, Err and Ticket from completion.Op.
package ops
