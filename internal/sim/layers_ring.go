package sim

import (
	"bytes"
	"errors"
)

// errTorn: the ring has not told how much of a write it has sent.
var errTorn = errors.New("the stream is torn")

// Begin gives a write to a ring: what the layer owes, or a part of it or all of it. A half close is
// made at once.
func (l *layer) Begin(p []byte, again bool) (data []byte, n int, err error) {
	defer l.enter(1)()
	u := l.writes()
	if l.w.kernel.ring == nil || l.begun != nil {
		l.w.fail("%v: Begin on a kernel of readiness, or twice", u)
	}
	switch {
	case l.torn:
		return nil, 0, errTorn
	case p == nil:
		if errno := l.w.kernel.CloseWrite(l.socket.fd); errno != 0 {
			return nil, 0, errno
		}
		return nil, 0, nil
	case again != u.cut || again && !bytes.HasPrefix(p, l.owed):
		l.w.fail("%v: the layer owes %v, and is given %v, again %v", u, l.owed, p, again)
	case again:
		l.begun = p[:len(l.owed)]
	default:
		l.begun = p
		if len(p) > 1 && l.w.schedule.pick(2) == 1 {
			l.begun = p[:1+l.w.schedule.pick(len(p)-1)]
		}
	}
	return l.begun, 0, nil
}

// Ended is called with what the ring has sent of that. Of the rest, the layer owes all or nothing.
func (l *layer) Ended(sent int, unknown bool) (n int, owes bool) {
	defer l.enter(1)()
	u, rest := l.writes(), []byte(nil)
	if sent <= len(l.begun) {
		rest = l.begun[sent:]
	} else {
		l.w.fail("%v: the layer has begun %d bytes, and %d were sent", u, len(l.begun), sent)
	}
	if unknown != l.lost {
		l.w.fail("%v: the count is unknown: %v, and the layer is told %v", u, l.lost, unknown)
	}
	u.cut = unknown || len(rest) > 0 && (u.cut || l.w.fires(owesBytes))
	l.torn, l.lost, l.begun, l.owed = unknown, false, nil, nil
	if u.cut {
		l.owed = bytes.Clone(rest)
	}
	if unknown {
		return 0, true
	}
	return sent, u.cut
}
