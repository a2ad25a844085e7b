package optrace

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/completionport/completion"
)

// picture is what is drawn: lanes with the operations in their rows.
type picture struct {
	start, end completion.Deadline
	steps      int
	lost       uint64
	operations int
	lanes      []*lane
}

// lane is a descriptor, a leader, or the operations of one kind without a descriptor.
type lane struct {
	name       string
	rows       []row
	operations []*operation // the earliest first
	ready      []completion.Deadline
	sleeps     []part // of a leader
}

// row is a row of a lane. The operations of one direction are in several rows if they
// overlap.
type row struct {
	direction string // empty for a leader
	nth       int    // among those of the direction, from 0
}

func (r row) String() string {
	if r.nth == 0 {
		return r.direction
	}
	return fmt.Sprintf("%s %d", r.direction, r.nth+1)
}

// draw makes a picture of steps. Several ports are named.
func draw(steps []step, lost uint64, several bool) *picture {
	p := &picture{steps: len(steps), lost: lost}
	steps = slices.Clone(steps)
	slices.SortStableFunc(steps, func(a, b step) int { return cmp.Compare(a.Time, b.Time) })
	for i, s := range steps {
		if start := s.Time - completion.Deadline(s.Took); i == 0 || start < p.start {
			p.start = start
		}
		p.end = s.Time
	}
	lanes := lanes{}
	for port, parts := range sleeps(steps, p.end) {
		lanes.at(laneKey{port: port, fd: -1}).sleeps = parts
	}
	for _, s := range steps {
		if s.Step == completion.StepReady {
			l := lanes.at(laneKey{s.port, s.FD, ""})
			l.ready = append(l.ready, s.Time)
		}
	}
	for _, o := range lives(steps, p.end) {
		l := lanes.at(laneKey{o.port, o.fd, o.kind})
		l.operations = append(l.operations, o)
		p.operations++
	}
	for _, k := range slices.SortedFunc(maps.Keys(lanes), laneKey.compare) {
		l := lanes[k]
		l.name = k.name(several)
		l.arrange()
		p.lanes = append(p.lanes, l)
	}
	return p
}

// lanes are the lanes of a picture.
type lanes map[laneKey]*lane

// at returns the lane with a key, which may be new. A lane of a descriptor has all kinds.
func (all lanes) at(k laneKey) *lane {
	if k.fd >= 0 {
		k.kind = ""
	}
	if all[k] == nil {
		all[k] = new(lane)
	}
	return all[k]
}

// laneKey names a lane. The kind is empty if there is a descriptor, and for a leader.
type laneKey struct {
	port, fd int
	kind     string
}

func (k laneKey) compare(o laneKey) int {
	return cmp.Or(cmp.Compare(k.port, o.port), cmp.Compare(k.fd, o.fd), cmp.Compare(k.kind, o.kind))
}

func (k laneKey) name(several bool) string {
	name := "leader"
	switch {
	case k.fd >= 0:
		name = fmt.Sprintf("descriptor %d", k.fd)
	case k.kind != "":
		name = k.kind
	}
	if several {
		name = fmt.Sprintf("port %d, %s", k.port, name)
	}
	return name
}

// directions are the names of rows, by the kind of their operations. The operations of
// other kinds are in rows named by the kind.
var directions = map[string]string{
	"accept": "in", "read": "in",
	"connect": "out", "write": "out", "closewrite": "out",
}

// arrange gives each operation a row in which no other is at the same time. The rows of
// one direction are next to each other.
func (l *lane) arrange() {
	byDirection := map[string][]*operation{}
	for _, o := range l.operations {
		d := cmp.Or(directions[o.kind], o.kind)
		byDirection[d] = append(byDirection[d], o)
	}
	if l.sleeps != nil || l.operations == nil {
		l.rows = append(l.rows, row{})
	}
	for _, d := range slices.Sorted(maps.Keys(byDirection)) {
		first := len(l.rows)
		var ends []completion.Deadline // of the last operation in each row
		for _, o := range byDirection[d] {
			nth := slices.IndexFunc(ends, func(end completion.Deadline) bool { return end <= o.start })
			if nth < 0 {
				nth = len(ends)
				ends = append(ends, 0)
				l.rows = append(l.rows, row{d, nth})
			}
			ends[nth] = o.end
			o.row = first + nth
		}
	}
}
