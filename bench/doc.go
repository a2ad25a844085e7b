// Package bench measures the port, and beside it package net and the least
// that a program in Go can do:
//
//	go test -run '^$' -bench . ./bench
//
// NOTES.md says what each benchmark measures, and which instrument to use for
// figures that are to be kept.
package bench
