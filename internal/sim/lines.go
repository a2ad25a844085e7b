package sim

import (
	"bytes"
	"slices"
	"strings"

	"github.com/completionport/completion/internal/backend"
	"github.com/completionport/completion/internal/core"
)

// seeks reports whether o is a read up to a delimiter.
func (o *operation) seeks() bool { return o.delimiter != "" }

// setUntil prepares a read up to a delimiter. While it keeps bytes of its connection, its memory
// stays the same.
func (o *operation) setUntil(p *operationPlan) {
	o.delimiter = delimiters[p.until-1]
	if o.keptOf != o.conn {
		if len(o.kept) > 0 {
			o.world.fired[keptDropped]++
		}
		o.kept, o.keptOf = nil, o.conn
	}
	if o.memory == nil || len(o.kept) == 0 && p.size%3 == 0 {
		o.memory = make([]byte, p.size)
		o.own.Set(o.memory)
		o.shadow = slices.Clone(o.memory)
	}
	o.buffer = &o.own
}

// prepareUntil records what u begins with.
func (u *use) prepareUntil() {
	if o := u.op; o.seeks() {
		u.memory, u.total = o.memory, len(o.memory)
		u.text, u.had = slices.Clone(o.kept), len(o.kept)
	}
}

// filled returns how many bytes of its memory a read has filled.
func (u *use) filled() int { return u.had + u.moved }

// message returns where the first delimiter ends in what a read has, 0 if it has none.
func (u *use) message() int {
	if i := strings.Index(string(u.text), u.op.delimiter); u.op.seeks() && i >= 0 {
		return i + len(u.op.delimiter)
	}
	return 0
}

// seeksOn adds n bytes, the last that were consumed of s, to what a read up to a delimiter has,
// and reports whether it goes on.
func (w *world) seeksOn(u *use, s *socket, n int) bool {
	had := len(u.text)
	if n > 0 {
		u.text = append(u.text, s.other.sent[s.consumed-n:s.consumed]...)
	}
	end := u.message()
	if end > 0 && end-len(u.op.delimiter) < had {
		w.fired[delimiterCut]++
	}
	if end > 0 && end < len(u.text) {
		w.fired[readBehind]++
	}
	return n > 0 && end == 0 && u.filled()+n < u.total
}

// whyNotSought returns the reason why a read up to a delimiter has its outcome already, or "".
func (u *use) whyNotSought() string {
	switch {
	case !u.op.seeks():
	case u.message() > 0:
		return "its delimiter has arrived"
	case u.filled() == u.total:
		return "its memory is full"
	}
	return ""
}

// checkMessage checks the count of a read up to a delimiter. One that begins with its delimiter
// ends well, whatever happens, unless it was cancelled before.
func (w *world) checkMessage(u *use) {
	end := u.message()
	if u.failure == nil {
		if end == 0 || u.n != int64(end) || u.cancelFirst {
			w.fail("%v ends well with %d of %q, cancelled before %v", u, u.n, u.text, u.cancelFirst)
		}
		if u.calls == 0 {
			w.fired[foundKept]++
		}
		return
	}
	switch {
	case u.n != int64(len(u.text)) || len(u.text) != u.filled():
		w.fail("%v: N is %d, it has %q, and moved were %d", u, u.n, u.text, u.moved)
	case end > 0 && (u.calls > 0 || u.failure.Code != core.Canceled):
		w.fail("%v ends with %+v and has %q", u, u.failure, u.text)
	case u.failure.Code == core.BufferFull:
		w.fired[fullWithout]++
	}
}

// checkText: a read up to a delimiter has its message, and keeps the bytes behind it, or all
// after a failure.
func (w *world) checkText(u *use) {
	want, kept := u.text, u.text
	if end := u.message(); u.failure == nil {
		want, kept = u.text[:end], u.text[end:]
	}
	if got := u.op.own.Bytes(); !bytes.Equal(got, want) {
		w.fail("%v: its buffer has %q, the stream %q", u, got, want)
	}
	u.op.kept = slices.Clone(kept)
	rest := u.op.rest()
	if !bytes.Equal(rest, kept) {
		w.fail("%v: it keeps %q, not %q", u, rest, kept)
	}
	if u.gained = len(rest) - u.had; u.failure == nil {
		u.gained += int(u.n)
	}
}

// rest returns what the engine keeps for the next use of a read up to a delimiter.
func (o *operation) rest() []byte {
	return core.UntilOf(&o.Seeker).Rest(o.conn.handle, o.buffer)
}

// keepUntil uses the memory of a read up to a delimiter as its owner may: not what is kept. It
// may skip a part of that.
func (c *caller) keepUntil(u *use) {
	o := u.op
	if u.failure == nil {
		copy(o.memory[:u.n], poisoned)
	}
	o.shadow = append(o.shadow[:0], o.memory...)
	if len(o.kept) == 0 || c.schedule.pick(4) < 3 {
		return
	}
	n := 1 + c.schedule.pick(len(o.kept))
	core.UntilOf(&o.Seeker).Skip(n)
	c.fired[keptSkipped]++
	c.trace("skips %d bytes", n)
	if o.kept = o.kept[n:]; !bytes.Equal(o.rest(), o.kept) {
		c.fail("%v: behind the %d that are skipped, it keeps %q, not %q", u, n, o.rest(), o.kept)
	}
}

// read returns how many bytes of its socket a read that was delivered accounts for: those of a
// message, and what it keeps in addition to what it had.
func (u *use) read() int {
	if u.op.seeks() {
		return u.gained
	}
	return int(u.n)
}

// usedUntil returns a read up to a delimiter that was delivered before, to be used again, with
// one of the same connection first. It returns nil if there is none.
func (w *world) usedUntil(conn *connection) *operation {
	at := -1
	for i, o := range w.idleOps {
		if o.seeks() && (at < 0 || o.keptOf == conn || w.idleOps[at].keptOf != conn) {
			at = i
		}
	}
	if at < 0 {
		return nil
	}
	o := w.idleOps[at]
	w.idleOps = slices.Delete(w.idleOps, at, at+1)
	return o
}

// describeUntil sets what the engine needs to know of a read up to a delimiter.
func (o *operation) describeUntil(r *core.Request) {
	if o.kind == backend.Read && o.seeks() {
		r.Append, r.Until = true, core.UntilOf(&o.Seeker)
		r.Until.Delimiter = o.delimiter
	}
}
