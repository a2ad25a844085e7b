package sim

import "github.com/completionport/completion/internal/backend"

// delimiters are what reads up to a delimiter look for. The last is longer than any buffer.
var delimiters = [...]string{"AB", "A", "BA", "AA", "ABA", "AABAB", "ABABABABABABABABABAB"}

// addLines puts reads up to a delimiter into some plans, in the place of other operations. As
// those of addOthers, its choices are the last, and 0 changes nothing. Plans with datagrams stay as
// they are.
func (p *plan) addLines(c *choices) {
	if c.pick(10) < 7 || p.busy.turns > 0 || p.mailboxes > 0 {
		return
	}
	p.lines = true
	if p.streams == 0 {
		p.streams, p.descriptors = 1, p.descriptors+1
	}
	p.activity += c.pick(10)
	for i, script := range p.actors {
		p.actors[i] = seekIn(c, script)
	}
	if p.layered == 0 {
		p.layered = [...]int{0, 0, 1, 2}[c.pick(4)]
	}
}

// dataOf returns how many bytes have arrived on a stream when the actors start.
func (p *plan) dataOf(stream int) int {
	switch {
	case p.lines:
		return p.capacity - stream
	case stream != quietSocket:
		return p.busy.data
	}
	return 0
}

// seekIn returns a script with reads up to a delimiter, some of which read several messages.
func seekIn(c *choices, script []instruction) (longer []instruction) {
	for _, i := range script {
		var last *operationPlan
		for j := range i.ops {
			if c.pick(3) > 0 {
				i.ops[j].seek(c)
			}
			if i.ops[j].until > 0 {
				last = &i.ops[j]
			}
		}
		for longer = append(longer, i); last != nil && i.verb != flood && c.pick(3) > 0; {
			next := *last
			next.again, next.deadline, next.until = true, 0, 1+c.pick(len(delimiters)-1)
			longer = append(longer, instruction{verb: await, ops: []operationPlan{next}, context: i.context})
		}
	}
	return longer
}

// seek makes o a read up to a delimiter, if it is a read, and else sometimes.
func (o *operationPlan) seek(c *choices) {
	switch o.kind {
	case backend.Read:
	case backend.Write, backend.Post, backend.Timer:
		if c.pick(3) > 0 {
			return
		}
	default:
		return
	}
	o.kind, o.full, o.pool, o.due = backend.Read, true, 0, 0
	o.size = max(o.size, 1) * (1 + c.pick(2))
	o.until = 1 + c.pick(len(delimiters))
	o.again = o.again || c.pick(4) > 0
}

// textOfLines is what the streams of a plan with lines have, again and again. A point stands
// for a byte that differs.
const textOfLines = ".AB.AAB..ABA.B.AABAB..A.BAA."

// lineByte is the byte at a position of such a stream, if it is otherwise b.
func lineByte(at int, b byte) byte {
	if c := textOfLines[at%len(textOfLines)]; c != '.' {
		return c
	}
	return b
}
