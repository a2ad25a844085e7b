package sim

import (
	"fmt"
	"strings"

	"github.com/completionport/completion/internal/backend"
	"github.com/completionport/completion/internal/core"
)

// class is the class of an operation in the table. A pooled read has its own.
type class uint8

const (
	posts class = iota
	timers
	accepts
	connects
	reads
	lateReads
	writes
	closeWrites
	borrows
	receives
	lateReceives
	sends
	works
	filings // all of files but CloseFile
	closeFiles
	copies
	copyIns // halves of copies
	polls
	seekers  // reads up to a delimiter
	sendings // writes from a file
	classes
)

var classNames = [classes]string{"post", "timer", "accept", "connect", "read", "late read", "write", "closewrite", "borrow",
	"receive", "pooled recv", "send", "work", "file", "closefile",
	"copy", "copy in", "poll", "read until", "send file"}

func (u *use) class() class {
	switch u.kind {
	case backend.Timer:
		return timers
	case backend.Accept:
		return accepts
	case backend.Connect:
		return connects
	case backend.Read:
		switch {
		case u.op.seeks():
			return seekers
		case u.late:
			return lateReads
		}
		return reads
	case backend.Write:
		if u.isSend() {
			return sendings
		}
		return writes
	case backend.CloseWrite:
		return closeWrites
	case backend.Borrow:
		return borrows
	}
	return u.otherClass()
}

// otherClass is class for datagrams and the work pool.
func (u *use) otherClass() class {
	switch u.kind {
	case backend.Receive:
		if u.late {
			return lateReceives
		}
		return receives
	case backend.Send:
		return sends
	case backend.Work:
		return works
	case backend.ReadAt, backend.WriteAt, backend.Append, backend.Sync:
		return filings
	case backend.CloseFile:
		return closeFiles
	case backend.Copy:
		return copies
	case backend.CopyIn:
		return copyIns
	case backend.PollIn, backend.PollOut:
		return polls
	}
	return posts
}

// visit is an event that an operation meets.
type visit uint8

const (
	visitResult     visit = iota // its call succeeds
	visitPartial                 // its call does a part of it
	visitWouldBlock              // its call can do nothing now
	visitAgain                   // its call is interrupted
	visitError                   // its call fails
	visitCancel                  // Cancel
	visitTicket                  // CancelTicket
	visitMove                    // SetDeadline
	visitExpiry                  // its deadline passes
	visitContext                 // the context of its waiter ends
	visitEdge                    // its socket gets an edge
	visitCloseHandle
	visitClosePort
	visitShutdown
	visitHandOut
	visits
)

var visitNames = [visits]string{"result", "partial", "would block", "again", "error", "cancel", "ticket", "move",
	"expiry", "context", "edge", "close", "port close", "shutdown", "hand out"}

// visitOf returns the event for a refused call.
func visitOf(c backend.Class) visit {
	switch c {
	case backend.WouldBlock:
		return visitWouldBlock
	case backend.Again:
		return visitAgain
	}
	return visitError
}

const phases = core.Done + 1

// table counts visits.
type table [classes][phases][visits]uint64

// visit counts an event that u meets, in its phase.
func (w *world) visit(u *use, v visit) {
	if whole := u.submitted(); !whole.handedOut && u.op.use == whole {
		w.totals.table[u.class()][u.phase()][v]++
	}
}

func (w *world) visitAll(s *socket, v visit) {
	for _, u := range s.uses {
		w.visit(u, v)
	}
}

func (w *world) visitFlying(v visit) {
	for _, u := range w.uses {
		w.visit(u, v)
		if u.half != nil {
			w.visit(u.half, v)
		}
	}
}

// impossible returns the reason why an operation of a class can't meet an event in a
// phase, or "".
func impossible(c class, s core.Phase, v visit) string {
	atHome := c == posts || c == timers || c == borrows
	switch {
	case s == core.Inside:
		return "no operation is inside a kernel of readiness"
	case v <= visitError && s != core.Calling:
		return "only a call has a result"
	case v == visitHandOut && s != core.Done:
		return "only what has ended is handed out"
	case atHome && s == core.Calling:
		return "makes no call"
	case atHome && (v == visitEdge || v == visitCloseHandle):
		return "has no handle"
	case c == posts && s == core.Queued:
		return "never waits"
	case c == works || c == filings || c == closeFiles:
		return impossibleForPool(c, v)
	case c == polls && (v == visitAgain || v == visitError):
		return "has no errno"
	case c == copyIns && (v == visitHandOut || visitCancel <= v && v <= visitContext):
		return "is no operation of the program"
	case v == visitPartial && c != reads && c != lateReads && c != writes && c != sends && c != copies && c != seekers && c != sendings:
		return "is done in one piece"
	case v == visitAgain && (c == connects || c == closeWrites):
		return "is never made twice"
	case v == visitWouldBlock && c == closeWrites:
		return "never blocks"
	}
	return ""
}

// impossibleForPool is impossible for operations of the work pool.
func impossibleForPool(c class, v visit) string {
	switch {
	case v == visitPartial:
		return "is done in one piece"
	case v == visitEdge:
		return "has no socket"
	case v == visitAgain:
		return "is never made twice"
	case v == visitWouldBlock && c != filings:
		return "never blocks"
	case c == works && v == visitCloseHandle:
		return "has no handle"
	case c == closeFiles && v == visitError:
		return "a close does not fail here"
	}
	return ""
}

// String returns the table as text, with the cells that are missing.
func (t *table) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%-29s", "")
	for v := range visits {
		fmt.Fprintf(&b, "%12s", visitNames[v])
	}
	b.WriteByte('\n')
	reasons := map[string]int{}
	for c := range classes {
		for s := core.Accepted; s < phases; s++ {
			fmt.Fprintf(&b, "%-11s%-18s", classNames[c], s)
			for v := range visits {
				cell := fmt.Sprint(t[c][s][v])
				if why := impossible(c, s, v); why != "" {
					if reasons[why] == 0 {
						reasons[why] = len(reasons) + 1
					}
					cell = fmt.Sprintf("(%d)", reasons[why])
				} else if t[c][s][v] == 0 {
					cell = "NONE"
				}
				fmt.Fprintf(&b, "%12s", cell)
			}
			b.WriteByte('\n')
		}
	}
	for n := 1; n <= len(reasons); n++ {
		for why, number := range reasons {
			if number == n {
				fmt.Fprintf(&b, "(%d) %s\n", n, why)
			}
		}
	}
	return b.String()
}

// unvisited lists the possible cells that were not visited, and the impossible cells that
// were.
func (t *table) unvisited() (list []string) {
	for c := range classes {
		for s := core.Accepted; s < phases; s++ {
			for v := range visits {
				if (impossible(c, s, v) == "") == (t[c][s][v] == 0) {
					list = append(list, fmt.Sprintf("%s, %s, %s", classNames[c], s, visitNames[v]))
				}
			}
		}
	}
	return list
}
