// Package epoll is the backend of Linux: a Poller on epoll(7). Its kernel of readiness
// is sys.Kernel.
//
// The package has no content on other systems.
//
// # Two ways to wait
//
// An epoll descriptor can itself be polled. So a leader parks in Go's own poller, like a
// goroutine that reads: that costs no thread, and a deadline in the past wakes it for a
// fraction of what an eventfd costs. Or the leader blocks in epoll_wait, which saves Go's
// poller and scheduler on the way to sleep and back; an eventfd wakes it.
package epoll
