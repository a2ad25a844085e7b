package completion

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"maps"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/completionport/completion/internal/backend"
	"github.com/completionport/completion/internal/core"
)

// Dump writes what the port waits for, as text for people: a line for each operation in
// flight, then the operations that are complete and not dequeued, the pools that operations
// wait for, the handles, and who polls. The text may change from version to version.
//
// The line of an operation has its kind, the descriptor and the addresses, the size of its
// buffer, the time left until its deadline, and what it waits for. A port does not record
// when an operation was submitted, or by whom. With COMPLETIONDEBUG=dump=callers it does:
// then the operations are listed oldest first, each with its age and its callers. Without
// that setting they are listed by descriptor. The setting costs some microseconds for each
// operation. Until a started operation is waited for, or the port is garbage, the setting
// keeps it from becoming garbage.
//
// Dump is not a snapshot: the port goes on working meanwhile, and an operation that is
// submitted or ends during Dump may be listed or not. Any goroutine may call Dump at any
// time, also during Close and after it. Dump holds no lock of the port for longer than it
// takes to look at one operation or at 127 records, and none while it writes to w. For each
// operation it uses about 100 bytes of memory and, if there is a descriptor, two system
// calls. It returns the error of w.
func (p *Port) Dump(w io.Writer) error {
	d := dump{port: p, w: bufio.NewWriter(w), now: p.kernel.Now(), waiting: map[*core.Pool]int{}}
	list := p.core.List()
	found := d.sort(list)
	d.head(list)
	for _, o := range found {
		if d.operation(o) != nil {
			break // w has failed
		}
	}
	d.rest()
	return d.w.Flush()
}

// dump is a Dump under way.
type dump struct {
	port    *Port
	w       *bufio.Writer // keeps its first error
	now     int64
	waiting map[*core.Pool]int // how many operations wait for a buffer
	pools   []*core.Pool       // the keys of waiting, in the order in which they were found
}

// found is an operation of the list, with its origin if the port keeps those.
type found struct {
	core.Listed
	number uint64 // of its origin
}

// sort orders the operations: those with an origin by its age, others by descriptor.
func (d *dump) sort(list []core.Listed) []found {
	all := make([]found, len(list))
	for i, o := range list {
		from, _ := d.port.origins.find(o.Record)
		all[i] = found{o, from.number}
	}
	slices.SortStableFunc(all, func(a, b found) int {
		return cmp.Or(cmp.Compare(a.number, b.number), cmp.Compare(a.FD, b.FD), cmp.Compare(a.Kind, b.Kind))
	})
	return all
}

// head writes how many operations there are, and of which kinds.
func (d *dump) head(list []core.Listed) {
	count := map[backend.Kind]int{}
	for _, o := range list {
		count[o.Kind]++
	}
	var kinds []string
	for _, k := range slices.Sorted(maps.Keys(count)) {
		kinds = append(kinds, fmt.Sprintf("%d %v", count[k], k))
	}
	fmt.Fprintf(d.w, "port on %s: %s in flight", d.port.backend, plural(len(list), "operation"))
	if len(kinds) > 0 {
		order := "by descriptor"
		if d.port.origins != nil {
			order = "oldest first"
		}
		fmt.Fprintf(d.w, " (%s), %s", strings.Join(kinds, ", "), order)
	}
	fmt.Fprintln(d.w)
}

// operation writes the line of an operation, unless it has ended. It returns the error of
// the writer.
func (d *dump) operation(o found) error {
	is, ok := d.port.core.Look(o.Listed)
	if !ok {
		return nil
	}
	if is.Need == core.NeedsBuffer && is.Pool != nil || o.Kind == backend.Borrow && is.Phase == core.Queued {
		if d.waiting[is.Pool]++; d.waiting[is.Pool] == 1 {
			d.pools = append(d.pools, is.Pool)
		}
	}
	fmt.Fprintf(d.w, "  %v%s%s", o.Kind, d.where(is), bytesOf(o.Kind, is))
	from, noted := d.port.origins.find(o.Record)
	noted = noted && from.number == o.number
	if noted {
		fmt.Fprintf(d.w, ", submitted %v ago", short(d.now-from.at))
	}
	fmt.Fprintf(d.w, "%s: %s%s\n", d.times(o.Kind, is), state(o.Kind, is), remarks(is))
	if noted {
		fmt.Fprintf(d.w, "    by %s\n", from.text())
	}
	_, err := d.w.Write(nil) // the first error of all writes
	return err
}

// where returns the descriptor and the addresses of an operation.
func (d *dump) where(is core.Pending) string {
	h := is.Handle
	if h == nil {
		return ""
	}
	text := fmt.Sprintf(" on descriptor %d", h.FD())
	fd, ok := h.Acquire()
	if !ok {
		return text + " (closing)"
	}
	defer h.Release()
	var ends []string
	for _, end := range []struct {
		name    string
		address net.Addr
	}{{"local", d.port.kernel.LocalAddr(fd)}, {"remote", d.port.kernel.RemoteAddr(fd)}} {
		if end.address != nil && end.address.String() != "" {
			ends = append(ends, end.name+" "+end.address.String())
		}
	}
	if ends == nil {
		return text
	}
	return text + " (" + strings.Join(ends, ", ") + ")"
}

// bytesOf returns the size of the buffer of an operation, and what was moved.
func bytesOf(k backend.Kind, is core.Pending) (text string) {
	switch {
	case k == backend.Write, k == backend.WriteAt, k == backend.Append, k == backend.Send:
		text = fmt.Sprintf(", %d bytes", is.Size)
	case is.Pool != nil:
		text = fmt.Sprintf(", %d bytes of a pool", is.Size)
	case k == backend.Read, k == backend.ReadAt, k == backend.Receive:
		text = fmt.Sprintf(", room for %d bytes", is.Size)
	}
	if is.Moved > 0 {
		text += fmt.Sprintf(", %d done", is.Moved)
	}
	return text
}

// times returns when a timer is due, and the deadline.
func (d *dump) times(k backend.Kind, is core.Pending) (text string) {
	if k == backend.Timer {
		text = ", due " + d.distance(is.Due)
	}
	if is.Deadline != 0 {
		text += ", deadline " + d.distance(is.Deadline)
	}
	return text
}

// distance returns how far a time of the port's clock is from now.
func (d *dump) distance(t int64) string {
	switch {
	case t >= backend.Never:
		return "never"
	case t < d.now:
		return short(d.now-t).String() + " ago"
	}
	return "in " + short(t-d.now).String()
}

// short rounds nanoseconds for a reader: to microseconds, above a second to milliseconds.
func short(ns int64) time.Duration {
	unit := time.Microsecond
	if time.Duration(ns) > time.Second {
		unit = time.Millisecond
	}
	return time.Duration(ns).Round(unit)
}

// state returns where an operation stands, in plain words.
func state(k backend.Kind, is core.Pending) string {
	switch {
	case is.Phase == core.Queued:
		return needs(k, is)
	case is.Phase == core.Accepted:
		return "accepted, not in its queue yet"
	case is.Phase == core.Inside:
		return "the system performs it"
	case k == backend.Dial || k == backend.Handshake || k == backend.Signal || k == backend.Process:
		return "its goroutine runs"
	case core.OnPool(k):
		return "the work pool performs it"
	}
	return "in a system call"
}

// needs returns what an operation waits for in its queue.
func needs(k backend.Kind, is core.Pending) string {
	switch is.Need {
	case core.NeedsOther:
		return "waits for the " + is.Before.String() + " before it"
	case core.NeedsConnect:
		return "waits for the connect of its socket"
	case core.NeedsTime:
		return "waits for its time"
	case core.NeedsGoroutine:
		if core.OnPool(k) {
			return "waits for its turn in the work pool, or for operations of its file"
		}
		return "waits for its goroutine to start"
	case core.NeedsTurn:
		return "can be performed: waits for a goroutine that waits on the port"
	case core.NeedsBuffer:
		return "waits for a buffer of its pool"
	}
	return map[backend.Kind]string{
		backend.Accept:  "waits for a connection",
		backend.Connect: "waits for an answer",
		backend.Read:    "waits for data",
		backend.Write:   "waits for room to send",
		backend.Receive: "waits for a datagram",
		backend.Send:    "waits for room to send",
	}[k]
}

// remarks returns what else there is to say about an operation.
func remarks(is core.Pending) (text string) {
	switch {
	case is.Awaited:
		text = "; a Wait waits for it"
	case is.Started:
		text = "; it was started, and no Wait waits for it"
	}
	if is.Doomed && is.Failure != nil {
		text += fmt.Sprintf("; it is to end with %q", errorOf(is.Failure))
	}
	return text
}

// rest writes what is not about single operations.
func (d *dump) rest() {
	st := d.port.Stats()
	fmt.Fprintf(d.w, "%d complete and not dequeued", st.Queued)
	if first := d.port.core.FirstFinished(); first != nil {
		fmt.Fprintf(d.w, ", the first is a %T", first)
	}
	fmt.Fprintln(d.w)
	for _, pool := range d.pools {
		size, count := pool.Limits()
		fmt.Fprintf(d.w, "pool of %d buffers of %d bytes: %d lent, %s waiting for one\n",
			count, size, pool.Lent(), plural(d.waiting[pool], "operation"))
	}
	fmt.Fprintf(d.w, "%s\n", plural(st.Handles, "handle"))
	fmt.Fprintf(d.w, "%s; %s asleep beside the leader\n", leader(st), plural(st.Waiting, "goroutine"))
}

// leader says who polls.
func leader(st Stats) string {
	switch {
	case st.Parked:
		return "the leader is asleep in the poller"
	case st.Leading:
		return "the leader is awake"
	}
	return "nobody polls: I/O and deadlines are late until a goroutine waits on the port"
}

// plural returns a number with its noun.
func plural(n int, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return fmt.Sprintf("%d %s", n, noun)
}
