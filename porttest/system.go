package porttest

import (
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/completionport/completion"
	"github.com/completionport/completion/ops"
)

// What a case asks about the system it runs on.

// isCoarse tells that this system counts time in ticks of several milliseconds,
// as NetBSD and DragonFly do. If it has one processor too, each call that blocks
// may keep it for a tick before Go's scheduler takes it away.
var isCoarse = sync.OnceValue(func() bool {
	if runtime.GOOS == "linux" {
		return false // however slow a machine is just now
	}
	const naps = 5
	begun := time.Now()
	for range naps {
		time.Sleep(20 * time.Microsecond)
	}
	return time.Since(begun) > naps*2*time.Millisecond
})

// countsCut tells that the system knows how many bytes a write has sent that was
// cancelled inside a call. Windows says 0 (go.dev/issue/24727): there the count is
// a lower bound. So is it with TLS.
func (e *env) countsCut() bool {
	return !e.secure && (runtime.GOOS != "windows" || !e.onSystem())
}

// isNative tells that the system performs whole operations of the port, and reports their ends.
func isNative(p *completion.Port) bool { return p.Backend() == "iocp" || p.Backend() == "io_uring" }

// untilLetGo returns when nothing is in flight after a Close, or at once where a
// Close leaves nothing in flight. A system that performs operations takes a moment to let go of
// what was cancelled, and somebody has to poll.
func (e *env) untilLetGo(p *completion.Port) {
	e.Helper()
	for isNative(p) && p.Stats().InFlight > 0 {
		is(e, p.Await(e.ctx, &ops.Timer{After: time.Millisecond}), nil)
		e.connects[p]++
	}
}

// needsUnix skips a case, or what is left of it, where there are no unix sockets.
func (e *env) needsUnix() {
	e.Helper()
	if !e.unix {
		e.Skip("the system has no unix sockets")
	}
}

// quick is the network that makes connections fastest. On Windows it is TCP, where
// unix sockets are the exception.
func (e *env) quick() string {
	if e.unix && (runtime.GOOS != "windows" || !e.onSystem()) {
		return "unix"
	}
	return "tcp4"
}

// networks leaves out what is not there.
func (e *env) networks(names ...string) []string {
	return slices.DeleteFunc(names, func(name string) bool { return name == "unix" && !e.unix })
}

// needsAdopt skips a case, or what is left of it, where a port can't take over
// what package net has opened.
func (e *env) needsAdopt() {
	e.Helper()
	if !e.adopts {
		e.Skip("a port here can't adopt")
	}
}
