package sim

import (
	"github.com/completionport/completion/internal/backend"
)

// selectingRing selects the buffers of pooled reads.
type selectingRing struct{ *ring }

func (r selectingRing) OpenGroup(n int) (backend.BufferGroup, bool) {
	return selecting{r.ring}.OpenGroup(n)
}
func (r selectingRing) Provide(g backend.BufferGroup, number int, memory []byte) {
	selecting{r.ring}.Provide(g, number, memory)
}
func (r selectingRing) StartSelected(fd int, g backend.BufferGroup) {
	selecting{r.ring}.StartSelected(fd, g)
}
func (r selectingRing) Selected(fd int) (number int, lacked bool) {
	return selecting{r.ring}.Selected(fd)
}

// selecting has the methods of a selectingRing alone.
type selecting struct{ of *ring }

// group is a group of buffers, by number.
type group struct{ memory [][]byte }

// inKernel is what the memory of buffers in a group has.
const inKernel = 0xDD

func (x selecting) OpenGroup(n int) (backend.BufferGroup, bool) {
	r := x.of
	r.w.trace("opens a group")
	r.w.pause()
	if r.w.fires(noGroup) {
		return 0, false
	}
	r.groups = append(r.groups, &group{make([][]byte, n)})
	return backend.BufferGroup(len(r.groups) - 1), true
}

// Provide is called under a lock.
func (x selecting) Provide(g backend.BufferGroup, number int, memory []byte) {
	w, list := x.of.w, x.of.groups[g].memory
	if list[number] != nil || len(memory) == 0 {
		w.fail("buffer %d is given to the kernel twice", number)
	}
	for i := range memory {
		memory[i] = inKernel
	}
	list[number] = memory
	w.trace("buffer %d is given to the kernel", number)
}

func (x selecting) StartSelected(fd int, g backend.BufferGroup) {
	r := x.of
	s, u := r.k.call(fd, backend.Read)
	if u == nil {
		return
	}
	if !u.late || u.moved > 0 {
		r.w.fail("%v is to select a buffer", u)
	}
	r.begin(&begun{use: u, socket: s, kind: backend.Read, group: r.groups[g], number: -1})
}

// Selected is called after Finish.
func (x selecting) Selected(fd int) (number int, lacked bool) {
	s := x.of.k.socketOf(fd, "selected")
	if s == nil {
		return -1, false
	}
	number, lacked = s.selected, s.lacked
	s.selected, s.lacked = -1, false
	return number, lacked
}

// take takes a buffer out of the group.
func (g *group) take(w *world) (number int) {
	var numbers []int
	for i, m := range g.memory {
		if m != nil {
			numbers = append(numbers, i)
		}
	}
	if len(numbers) == 0 || w.fires(emptyGroup) {
		return -1
	}
	number = numbers[w.schedule.pick(len(numbers))]
	for _, b := range g.memory[number] {
		if b != inKernel {
			w.fail("buffer %d was touched while the kernel had it", number)
			break
		}
	}
	return number
}

// selectOne ends a read that selects its buffer. Without data, and without a buffer, it ends as a
// read of no bytes does.
func (r *ring) selectOne(b *begun) {
	s, g := b.socket, b.group
	switch {
	case len(s.received) == 0 && s.errno != 0 && r.w.schedule.pick(2) == 1:
		b.n, b.errno = r.k.receive(s, b.use, make([]byte, 1))
		return
	case len(s.received) == 0 && !r.w.fires(selectedForNothing):
		return
	}
	number := g.take(r.w)
	if number < 0 {
		b.lacked = true
		return
	}
	memory := g.memory[number]
	if len(s.received) > 0 {
		if b.n, b.errno = r.k.receive(s, b.use, memory); b.errno != 0 {
			return // it stays in the group
		}
		r.w.fired[selected]++
	}
	b.number, g.memory[number] = number, nil
}
