package sim

import "github.com/completionport/completion/internal/backend"

// planOf makes the plan of some choices.
func planOf(c *choices) *plan {
	p := makePlan(c)
	if c.only == backendNames[onRing] {
		p.addRing(c)
		return p
	}
	p.addOthers(c)
	p.addCopies(c)
	p.addLines(c)
	p.addSends(c)
	return p
}

// addOthers puts operations on datagrams and of the work pool into some plans, in the place
// of reads, writes and posts. Its choices are the last of a plan, and 0 changes nothing, so
// stored plans stay as they are.
func (p *plan) addOthers(c *choices) {
	what := c.pick(10)
	if what < 7 || p.busy.turns > 0 {
		return
	}
	mail, pool := what != 8, what != 7
	p.workers = 1 + c.pick(2)
	if mail {
		p.mailboxes = 1 + c.pick(2)
	}
	if pool {
		p.files, p.tries = 1, c.pick(2) == 1 // the port closes several in no order: they would make no schedule again
	}
	for _, script := range p.actors {
		for i := range script {
			for j := range script[i].ops {
				if c.pick(3) > 0 {
					script[i].ops[j].replace(c, mail && (!pool || c.pick(2) == 0))
				}
			}
		}
	}
}

// replace makes o an operation on datagrams, or one of the work pool.
func (o *operationPlan) replace(c *choices, mail bool) {
	switch {
	case o.kind == backend.Read && mail:
		o.kind = backend.Receive
	case o.kind == backend.Write && mail:
		o.kind = backend.Send
	case mail:
		return
	case o.kind == backend.Read:
		o.kind = [...]backend.Kind{backend.ReadAt, backend.ReadAt, backend.ReadAt, backend.Work}[c.pick(4)]
	case o.kind == backend.Write:
		o.kind = [...]backend.Kind{backend.WriteAt, backend.Append, backend.Append, backend.Sync, backend.CloseFile}[c.pick(5)]
	case o.kind == backend.Post, o.kind == backend.Timer, o.kind == backend.CloseWrite:
		o.kind = backend.Work
	default:
		return
	}
	o.full, o.due = false, 0
	if isMail := o.kind == backend.Receive || o.kind == backend.Send; isMail {
		o.batch = [...]int{0, 0, 2, 3}[c.pick(4)]
	}
	if o.kind == backend.Work || sideOf(o.kind) == 1 {
		o.pool = 0
	}
	if o.kind == backend.ReadAt || o.kind == backend.Receive {
		o.size = max(o.size, 1)
	}
}
