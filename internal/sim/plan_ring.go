package sim

// ringPlan is how a ring behaves.
type ringPlan struct {
	once    bool // it reports a reset to one operation only
	exact   bool // it sends a write at once, and so knows that one which was abandoned has moved nothing
	selects bool // it selects the buffers of pooled reads
}

// selectedPool is the smallest limit of a pool whose buffers are selected.
const selectedPool = 32

// addRing says how the ring behaves. A plan of a ring has no files.
func (p *plan) addRing(c *choices) {
	p.ring = ringPlan{once: c.pick(2) == 0, exact: c.pick(2) == 0, selects: c.pick(2) == 1}
	for i := range p.pools {
		if p.ring.selects && c.pick(4) > 0 {
			p.pools[i].limit = selectedPool
		}
	}
	switch c.pick(10) {
	case 5, 6:
		p.addRingMail(c)
	case 7, 8, 9:
		p.addRingCopies(c)
	}
}

// addRingMail puts operations on datagrams in the place of some reads and writes.
func (p *plan) addRingMail(c *choices) {
	p.mailboxes = 1 + c.pick(2)
	for _, script := range p.actors {
		for i := range script {
			for j := range script[i].ops {
				if c.pick(3) > 0 {
					script[i].ops[j].replace(c, true)
				}
			}
		}
	}
}

// addRingCopies puts copies and polls in the place of some reads, writes and posts.
func (p *plan) addRingCopies(c *choices) {
	more := max(1+c.pick(3)-p.streams, 0)
	p.streams, p.descriptors = p.streams+more, p.descriptors+more
	p.activity += c.pick(8)
	for _, script := range p.actors {
		for i := range script {
			for j := range script[i].ops {
				if c.pick(3) > 0 {
					script[i].ops[j].copyOrPoll(c)
				}
			}
		}
	}
	p.layered = c.pick(4)
}
