// Package bench measures the port, and for comparison package net and a bare epoll
// loop:
//
//	go test -run '^$' -bench . ./bench
//
// NOTES.md says what each benchmark measures, and which program to use for figures that
// are published.
package bench
