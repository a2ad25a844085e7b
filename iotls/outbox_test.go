package iotls

import (
	"bytes"
	"testing"

	"github.com/completionport/completion/internal/backend"
	"github.com/completionport/completion/internal/core"
)

// crowded is a kernel whose descriptors have room for a number of bytes.
type crowded struct {
	backend.Direct
	room  int
	sends int
	last  byte
}

func (c *crowded) Now() int64                                         { return 1 }
func (c *crowded) Classify(backend.Kind, backend.Errno) backend.Class { return backend.WouldBlock }

type arming struct{ backend.Poller }

func (arming) Arm(int, uint32) backend.Errno { return 0 }

func (c *crowded) Write(_ int, p []byte) (int, backend.Errno) {
	c.sends++
	n := min(c.room, len(p))
	if n == 0 {
		return 0, 1
	}
	c.room -= n
	c.last = p[n-1]
	return n, 0
}

// newCrowded returns a layer without crypto/tls.
func newCrowded(t *testing.T) (*layer, *crowded) {
	c := new(crowded)
	port := core.NewPort(core.Options{Kernel: c, Poller: arming{}})
	h, failure := port.AddHandle(1, true, nil)
	if failure != nil {
		t.Fatal(failure)
	}
	return &layer{carrier: &carrier{handle: h}}, c
}

// Reads beside a Write that waits for room try to send once for each answer.
func TestAnswersBesideWrite(t *testing.T) {
	l, c := newCrowded(t)
	step := func(what string, want int, f func()) {
		t.Helper()
		before := c.sends
		f()
		if got := c.sends - before; got != want {
			t.Errorf("%s: %d sends", what, got)
		}
	}
	read := func() { l.answer() }
	step("without answers", 0, read)
	l.carrier.out.put([]byte("answer"))
	step("an answer", 1, read)
	step("once more, since nothing else sends it", 1, read)
	step("a Write", 1, func() { l.send(false) })
	step("beside the Write", 0, read)
	l.carrier.out.put([]byte("answer"))
	step("an answer beside the Write", 1, read)
	step("when it was tried", 0, read)
	c.room = 100
	step("the Write has room", 1, func() { l.send(true) })
	l.carrier.out.put([]byte("answer"))
	step("an answer behind the Write", 1, read)
	if n := l.carrier.out.pending(); n > 0 {
		t.Errorf("%d bytes are left", n)
	}
}

// On a Native kernel, the answers of a Read may take the rest of a record along, between two
// parts of a Write. The next part counts it.
func TestRestSentByAnswers(t *testing.T) {
	l, c := newCrowded(t)
	o := &l.carrier.out
	o.put(make([]byte, 100))
	if err := l.expect(80); err != nil {
		t.Fatal(err)
	}
	p := make([]byte, 80)
	if data, n, err := l.Begin(p, true); len(data) != 100 || n != 0 || err != nil {
		t.Fatalf("Begin: %d bytes, %d, %v", len(data), n, err)
	}
	if n, owes := l.Ended(40, false); n != 0 || !owes {
		t.Fatalf("Ended: %d, %v", n, owes)
	}
	c.room = 100
	l.answer()
	if data, n, err := l.Begin(p, true); len(data) != 0 || n != len(p) || err != nil {
		t.Errorf("Begin again: %d bytes, %d, %v", len(data), n, err)
	}
}

// A peer that demands answers, and reads them slowly, may keep the outbox from becoming
// empty. Its memory has a limit all the same, and nothing is lost.
func TestOutboxNeverEmpty(t *testing.T) {
	l, c := newCrowded(t)
	o := &l.carrier.out
	put := func(i int) { o.put(bytes.Repeat([]byte{byte(i)}, 100)) }
	put(0)
	for i := range 10_000 {
		put(i + 1)
		c.room = 100
		l.answer()
		if c.last != byte(i) || o.pending() != 100 {
			t.Fatalf("%d bytes are pending, and %d was sent last, not %d", o.pending(), c.last, byte(i))
		}
	}
	if n := cap(*o.data); n > 2*largestOutbox {
		t.Errorf("%d bytes are pending, and take %d bytes", o.pending(), n)
	}
}
