package sim

// choices is a string of choices, made at random or given. Each is a byte, and 0 is the
// simplest choice.
type choices struct {
	random uint64 // the generator's state
	given  []byte
	replay bool // given is complete: after it all choices are 0
	made   []byte
	only   string // the backend of random choices, "" for epoll or kqueue; with that of the ring, of all
}

// next is the generator: splitmix64.
func (c *choices) next() uint64 {
	c.random += 0x9e3779b97f4a7c15
	z := c.random
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// pick returns a choice among n.
func (c *choices) pick(n int) int {
	if n <= 1 {
		return 0
	}
	var i int
	switch {
	case !c.replay:
		i = int(c.next()>>33) % n
	case len(c.made) < len(c.given):
		i = int(c.given[len(c.made)]) % n
	}
	c.made = append(c.made, byte(i))
	return i
}

// pickOn returns a backend and a choice among n. The first n choices are epoll's, the others
// kqueue's.
func (c *choices) pickOn(n int) (semantics, int) {
	i := c.pick(n * int(onRing))
	if c.only == backendNames[onRing] {
		return onRing, i % n
	}
	for b := range onRing {
		if c.only == backendNames[b] && !c.replay {
			i = int(b)*n + i%n
			c.made[len(c.made)-1] = byte(i)
		}
	}
	return semantics(i / n), i % n
}

// rarely returns true once in n calls, and never if n is 0.
func (c *choices) rarely(n int) bool { return n > 0 && c.pick(n) == n-1 }

// decide returns the choice of a strategy and records it, unless choices are given.
func (c *choices) decide(n int, strategy func() int) int {
	if n <= 1 {
		return 0
	}
	if c.replay {
		return c.pick(n)
	}
	i := strategy()
	c.made = append(c.made, byte(i))
	return i
}

// strategy is how a seed chooses what runs next.
type strategy uint8

const (
	uniform    strategy = iota
	sticky              // mostly the actor that runs: few preemptions
	stickier            // very few preemptions
	priorities          // always the most urgent, with a few changes of priority: PCT
	strategies
)

// ranks are the priorities of actors and of kinds of events. With the strategy
// priorities they change at a few steps, which are drawn beforehand.
type ranks struct {
	rank    []uint64
	changes [3]int // steps at which the most urgent becomes the least
	least   uint64
	same    int // how often the same has been chosen in a row
	last    int
}

func (r *ranks) reset(c *choices) {
	r.rank = r.rank[:0]
	r.least = 1 << 20
	r.same, r.last = 0, -1
	for i := range r.changes {
		r.changes[i] = int(c.next()>>40) % 200
	}
}

// of returns the rank of the actor or kind of event with this number.
func (r *ranks) of(c *choices, number int) uint64 {
	for len(r.rank) <= number {
		r.rank = append(r.rank, 1<<20+c.next()>>20)
	}
	return r.rank[number]
}

// patience is how often one is chosen in a row before others get a turn. Without it a
// leader that spins would run forever.
const patience = 60

// choose returns the index of the most urgent option.
func (r *ranks) choose(c *choices, options []option, step int) int {
	best := 0
	for i := range options {
		if r.of(c, options[i].rank()) > r.of(c, options[best].rank()) {
			best = i
		}
	}
	number := options[best].rank()
	if number == r.last {
		r.same++
	} else {
		r.last, r.same = number, 0
	}
	change := r.same > patience
	for _, at := range r.changes {
		change = change || at == step
	}
	if change {
		r.least--
		r.rank[number] = r.least
		r.same = 0
	}
	return best
}
