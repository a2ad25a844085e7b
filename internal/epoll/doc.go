// Package epoll is the backend of Linux: a Poller on epoll(7). Its kernel of readiness
// is sys.Kernel.
//
// The package has no content on other systems.
//
// # Two ways to wait
//
// Park: an epoll descriptor can itself be polled, so a leader can park in Go's own poller,
// like a goroutine that reads. That costs no thread. A deadline in the past wakes the
// leader, at a fraction of the cost of an eventfd.
//
// Block: a leader can also block in epoll_pwait. To sleep and to wake up it then passes
// neither Go's poller nor Go's scheduler. An eventfd wakes it.
package epoll
