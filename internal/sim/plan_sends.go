package sim

import "github.com/completionport/completion/internal/backend"

// addSends puts writes from a file of the port into some plans, in the place of other
// operations. As those of addOthers, its choices are the last, and 0 changes nothing. Plans with
// datagrams stay as they are.
func (p *plan) addSends(c *choices) {
	if c.pick(10) < 7 || p.busy.turns > 0 || p.mailboxes > 0 {
		return
	}
	p.files, p.workers = 1, max(p.workers, 1)
	p.sends = [...]splices{allSplices, noSplices, someSplices}[c.pick(3)]
	p.fileSize = [...]int{9, 20, 3, 0}[c.pick(4)]
	if p.streams == 0 {
		p.streams, p.descriptors = 1, p.descriptors+1
	}
	p.activity += c.pick(8)
	for _, script := range p.actors {
		for i := range script {
			for j := range script[i].ops {
				if c.pick(3) > 0 {
					script[i].ops[j].sendFile(c)
				}
			}
		}
	}
	if p.layered == 0 {
		p.layered = [...]int{0, 0, 1, 2}[c.pick(4)]
	}
}

// sendFile makes o a write from a file, if it is a write, and else sometimes that, or what
// closes the file.
func (o *operationPlan) sendFile(c *choices) {
	switch o.kind {
	case backend.Write:
	case backend.Post, backend.Timer:
		if o.due = 0; c.pick(4) == 0 {
			o.kind = backend.CloseFile
			return
		}
	default:
		return
	}
	o.kind, o.sends, o.full, o.pool = backend.Write, true, false, 0
	n := int64(max(o.size, 1))
	o.offset = [...]int64{0, 1, 0, n}[c.pick(4)]
	o.count = [...]int64{0, n, 3 * n, 0, 1, 2 * n}[c.pick(6)]
	switch {
	case c.rarely(40):
		o.count = -n
	case c.rarely(40):
		o.offset = -n
	}
}
