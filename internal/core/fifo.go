package core

// fifo is an unlimited queue. It grows and shrinks by chunks: a push never copies the
// entries that are there, however many, and the memory of a burst goes back to Go's
// heap, except one chunk.
type fifo[T any] struct {
	head, tail *fifoChunk[T]
	first      int // index of the oldest entry in head
	end        int // index behind the newest entry in tail
	count      int
	spare      *fifoChunk[T] // so that a queue that grows and shrinks does not allocate
}

// fifoChunkLen makes chunks of finished operations fit a size class of Go's heap.
const fifoChunkLen = 255

type fifoChunk[T any] struct {
	entries    [fifoChunkLen]T
	prev, next *fifoChunk[T]
}

// push adds v as the newest.
func (q *fifo[T]) push(v T) {
	if q.tail == nil || q.end == fifoChunkLen {
		q.extend()
	}
	q.tail.entries[q.end] = v
	q.end++
	q.count++
}

func (q *fifo[T]) extend() {
	c := q.spare
	q.spare = nil
	if c == nil {
		c = new(fifoChunk[T])
	}
	if q.tail == nil {
		q.head, q.first = c, 0
	} else {
		c.prev, q.tail.next = q.tail, c
	}
	q.tail, q.end = c, 0
}

// unpush removes the newest entry. The queue is not empty.
func (q *fifo[T]) unpush() {
	q.end--
	var none T
	q.tail.entries[q.end] = none
	q.count--
	switch {
	case q.count == 0:
		q.first, q.end = 0, 0
	case q.end == 0:
		c := q.tail
		q.tail, q.end = c.prev, fifoChunkLen
		q.tail.next, c.prev = nil, nil
		q.spare = c
	}
}

// front returns the oldest entry. The queue is not empty.
func (q *fifo[T]) front() *T { return &q.head.entries[q.first] }

// pop removes the oldest entry and returns it. The queue is not empty.
func (q *fifo[T]) pop() T {
	e := q.front()
	v := *e
	var none T
	*e = none
	q.first++
	q.count--
	switch {
	case q.count == 0: // head is tail: reuse its memory while it is in the caches
		q.first, q.end = 0, 0
	case q.first == fifoChunkLen:
		c := q.head
		q.head, q.first = c.next, 0
		q.head.prev, c.next = nil, nil
		q.spare = c
	}
	return v
}
