//go:build unix

package kqueue_test

import (
	"errors"
	"syscall"
	"testing"
	"time"

	"github.com/completionport/completion/internal/backend"
	"github.com/completionport/completion/internal/kqueue"
)

// script is a queue that says what a test wants it to.
type script struct {
	changes  []kqueue.Event
	refuse   func(kqueue.Event) syscall.Errno // nil for never
	answers  [][]kqueue.Event                 // of the waits, one after the other
	failures []syscall.Errno                  // of the waits, before the answers
	asked    []int64                          // nanoseconds of the waits
	now      int64
	pipes    int // open
	noPipe   error
	signals  int
	drained  int
	closed   int
}

func (s *script) Change(first, second kqueue.Event) syscall.Errno {
	for _, e := range [...]kqueue.Event{first, second} {
		if e.Filter == 0 {
			continue
		}
		if s.refuse != nil {
			if errno := s.refuse(e); errno != 0 {
				return errno
			}
		}
		s.changes = append(s.changes, e)
	}
	return 0
}

func (s *script) Wait(events []kqueue.Event, nanoseconds int64) (int, syscall.Errno) {
	s.asked = append(s.asked, nanoseconds)
	if len(s.failures) > 0 {
		errno := s.failures[0]
		s.failures = s.failures[1:]
		return 0, errno
	}
	if len(s.answers) == 0 {
		return 0, 0
	}
	n := copy(events, s.answers[0])
	s.answers = s.answers[1:]
	return n, 0
}

func (s *script) Pipe() (int, int, error) {
	if s.noPipe != nil {
		return -1, -1, s.noPipe
	}
	s.pipes++
	return 7, 8, nil
}

func (s *script) Signal(int)         { s.signals++ }
func (s *script) Drain(int)          { s.drained++ }
func (s *script) ClosePipe(int, int) { s.pipes-- }
func (s *script) Now() int64         { return s.now }
func (s *script) Close() error       { s.closed++; return nil }

var userEvent = []kqueue.Event{{Ident: 1, Filter: kqueue.User}}

// noUser refuses User events, as kernels without them do.
func noUser(e kqueue.Event) syscall.Errno {
	if e.Filter == kqueue.User {
		return syscall.EINVAL
	}
	return 0
}

// open makes a poller of a script, on a kernel with User events unless the
// script refuses them, and forgets how that went.
func open(t *testing.T, s *script) *kqueue.Poller {
	t.Helper()
	if s.refuse == nil {
		s.answers = append([][]kqueue.Event{userEvent}, s.answers...)
	}
	p, err := kqueue.New(s)
	if err != nil {
		t.Fatal(err)
	}
	s.changes, s.asked = nil, nil
	return p
}

// wait makes one wait.
func wait(p *kqueue.Poller, how backend.Waiting) (events []backend.Event, timedOut bool) {
	events = make([]backend.Event, 16)
	n, timedOut := p.Wait(how, events)
	return events[:n], timedOut
}

// same compares events.
func same(t *testing.T, got []backend.Event, want ...backend.Event) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d events, %+v; want %+v", len(got), got, want)
	}
	for i := range got {
		if got[i] != want[i] {
			t.Errorf("event %d is %+v, want %+v", i, got[i], want[i])
		}
	}
}

func TestTimeOutsAreRoundedUp(t *testing.T) {
	const day = int64(24 * time.Hour)
	for _, c := range []struct{ now, until, want int64 }{
		{100, backend.Never, -1},
		{100, 100, 0},
		{100, 1, 0}, // in the past
		{100, 101, 1000},
		{100, 1100, 1000},
		{100, 1101, 2000},
		{100, 100 + day, day},
		{100, backend.Never - 1, day},
	} {
		s := &script{now: c.now}
		p := open(t, s)
		p.SetTimeout(c.until)
		_, timedOut := wait(p, backend.Block)
		if len(s.asked) != 1 || s.asked[0] != c.want {
			t.Errorf("until %d at %d: waits for %d ns, want %d", c.until, c.now, s.asked, c.want)
		}
		if timedOut != (c.until != backend.Never) {
			t.Errorf("until %d: timed out is %v", c.until, timedOut)
		}
	}
}

// A look does not wait, whatever time there is.
func TestLookDoesNotWait(t *testing.T) {
	s := &script{now: 1}
	p := open(t, s)
	p.SetTimeout(1_000_000)
	if _, timedOut := wait(p, backend.Look); timedOut || len(s.asked) != 1 || s.asked[0] != 0 {
		t.Errorf("timed out is %v, waits for %v ns", timedOut, s.asked)
	}
}

// A signal ends a wait without events, and the engine sets its time-out anew.
func TestInterruptedWait(t *testing.T) {
	for _, errno := range []syscall.Errno{syscall.EINTR, syscall.ETIMEDOUT} {
		s := &script{now: 1}
		p := open(t, s)
		s.failures = []syscall.Errno{errno}
		p.SetTimeout(1_000_000)
		if got, timedOut := wait(p, backend.Park); len(got) != 0 || !timedOut {
			t.Errorf("%v: %v, timed out is %v", errno, got, timedOut)
		}
	}
}

// A change that a signal interrupted is made again.
func TestInterruptedChange(t *testing.T) {
	signals := 3
	s := &script{}
	p := open(t, s)
	s.refuse = func(kqueue.Event) syscall.Errno {
		if signals--; signals >= 0 {
			return syscall.EINTR
		}
		return 0
	}
	if errno := p.Arm(5, 9); errno != 0 || len(s.changes) != 2 {
		t.Errorf("arm: %v, changes %+v", errno, s.changes)
	}
}

// What is submitted: one knote for each filter, edge-triggered, and nothing
// that waits in a buffer.
func TestArmSubmitsBothFilters(t *testing.T) {
	s := &script{}
	p := open(t, s)
	if errno := p.Arm(5, 9); errno != 0 {
		t.Fatal(errno)
	}
	for i, filter := range []kqueue.Filter{kqueue.Read, kqueue.Write} {
		want := kqueue.Event{Ident: 5, Filter: filter, Flags: kqueue.Add | kqueue.Clear, Generation: 9}
		if len(s.changes) != 2 || s.changes[i] != want {
			t.Errorf("changes %+v, want %+v at %d", s.changes, want, i)
		}
	}
	p.Disarm(5)
	if len(s.changes) != 2 {
		t.Errorf("Disarm submits %+v; the close that follows removes the knotes", s.changes[2:])
	}
}

// The end of a pipe may have no direction out. Then the kernel has the first knote, and
// refuses the second.
func TestArmOfAPipe(t *testing.T) {
	for errno, want := range map[syscall.Errno]syscall.Errno{syscall.EPIPE: 0, syscall.ENOMEM: syscall.ENOMEM} {
		s := &script{refuse: func(e kqueue.Event) syscall.Errno {
			if e.Filter == kqueue.Write {
				return errno
			}
			return 0
		}}
		s.answers = [][]kqueue.Event{userEvent}
		if got := open(t, s).Arm(5, 9); got != want || len(s.changes) != 1 {
			t.Errorf("%v: %v, after %+v", errno, got, s.changes)
		}
	}
}

// A FIFO, or a device, may have a filter for one direction only. A failure of another kind, or of
// both, is one of Arm.
func TestArmOfOneDirection(t *testing.T) {
	for _, c := range []struct {
		read, write, want syscall.Errno
		added             int
	}{
		{0, syscall.EINVAL, 0, 1},
		{syscall.EINVAL, 0, 0, 1},
		{syscall.EINVAL, syscall.EINVAL, syscall.EINVAL, 0},
		{syscall.EINVAL, syscall.ENOMEM, syscall.ENOMEM, 0},
		{syscall.EINVAL, syscall.EPIPE, syscall.EPIPE, 0},
		{syscall.ENOMEM, syscall.EINVAL, syscall.ENOMEM, 0},
	} {
		s := &script{answers: [][]kqueue.Event{userEvent}}
		p := open(t, s)
		s.refuse = func(e kqueue.Event) syscall.Errno {
			if e.Filter == kqueue.Write {
				return c.write
			}
			return c.read
		}
		s.changes = nil
		got := p.Arm(5, 9)
		filters := make(map[kqueue.Filter]bool)
		for _, e := range s.changes {
			filters[e.Filter] = e.Ident == 5 && e.Generation == 9
		}
		if got != c.want || len(filters) != c.added {
			t.Errorf("filters with %v and %v: %v, %v added", c.read, c.write, got, filters)
		}
	}
}

func TestTranslation(t *testing.T) {
	for _, c := range []struct {
		name  string
		event kqueue.Event
		want  backend.Readiness // 0 for left out
	}{
		{"Read", kqueue.Event{Filter: kqueue.Read, Data: 3}, r},
		{"Write", kqueue.Event{Filter: kqueue.Write, Data: 3}, w},
		{"EndOfStream", kqueue.Event{Filter: kqueue.Read, Flags: kqueue.EOF}, r},
		{"EndOfStreamWithDataLeft", kqueue.Event{Filter: kqueue.Read, Flags: kqueue.EOF, Data: 3}, r},
		{"ResetSeenByRead", kqueue.Event{Filter: kqueue.Read, Flags: kqueue.EOF, FFlags: 54}, r},
		{"ResetSeenByWrite", kqueue.Event{Filter: kqueue.Write, Flags: kqueue.EOF, FFlags: 54}, w},
		{"OwnHalfClose", kqueue.Event{Filter: kqueue.Write, Flags: kqueue.EOF}, w},
		{"FlagsComeBack", kqueue.Event{Filter: kqueue.Read, Flags: kqueue.Add | kqueue.Clear | kqueue.EOF}, r},
		{"OtherFlags", kqueue.Event{Filter: kqueue.Read, Flags: 0x1000 | 0x2000}, r},
		{"ErrorOnRead", kqueue.Event{Filter: kqueue.Read, Flags: kqueue.Error, Data: 9}, r | w},
		{"ErrorOnWrite", kqueue.Event{Filter: kqueue.Write, Flags: kqueue.Error, Data: 9}, r | w},
		{"UnknownFilter", kqueue.Event{}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.event.Ident, c.event.Generation = 5, 9
			s := &script{answers: [][]kqueue.Event{{c.event}}}
			got, _ := wait(open(t, s), backend.Look)
			if c.want == 0 {
				same(t, got)
			} else {
				same(t, got, backend.Event{FD: 5, Generation: 9, Ready: c.want})
			}
		})
	}
}

// The two filters of a descriptor are one event in either order; those of
// different uses of its number are not.
func TestFiltersOfADescriptorAreOneEvent(t *testing.T) {
	event := func(fd int, f kqueue.Filter, generation uint32) kqueue.Event {
		return kqueue.Event{Ident: fd, Filter: f, Generation: generation}
	}
	s := &script{answers: [][]kqueue.Event{{
		event(5, kqueue.Read, 9), event(5, kqueue.Write, 9),
		event(6, kqueue.Write, 9), event(6, kqueue.Read, 9),
		event(7, kqueue.Read, 1), event(7, kqueue.Write, 2),
	}}}
	got, _ := wait(open(t, s), backend.Look)
	same(t, got,
		backend.Event{FD: 5, Generation: 9, Ready: r | w},
		backend.Event{FD: 6, Generation: 9, Ready: r | w},
		backend.Event{FD: 7, Generation: 1, Ready: r},
		backend.Event{FD: 7, Generation: 2, Ready: w})
}

// A kernel without User events, and one that has them for show only, get a pipe.
func TestPipeWakesWhereTheKernelCannot(t *testing.T) {
	for name, s := range map[string]*script{
		"None": {refuse: noUser},
		"Deaf": {},
	} {
		p, err := kqueue.New(s)
		if err != nil {
			t.Fatal(err)
		}
		last := s.changes[len(s.changes)-1]
		if want := (kqueue.Event{Ident: 7, Filter: kqueue.Read, Flags: kqueue.Add}); s.pipes != 1 || last != want {
			t.Errorf("%s: %d pipes, last change %+v, want %+v", name, s.pipes, last, want)
		}
		s.signals = 0
		if p.Wake(backend.Park); s.signals != 1 {
			t.Errorf("%s: no byte", name)
		}
		s.answers = [][]kqueue.Event{{{Ident: 7, Filter: kqueue.Read, Data: 1}}}
		got, _ := wait(p, backend.Block)
		if same(t, got); s.drained != 1 {
			t.Errorf("%s: the pipe was not emptied", name)
		}
		if p.Close(); s.pipes != 0 || s.closed != 1 {
			t.Errorf("%s: %d pipes open, closed %d times", name, s.pipes, s.closed)
		}
		if p.Wake(backend.Park); s.signals != 1 {
			t.Errorf("%s: a byte into what is no longer the pipe", name)
		}
	}
}

// The trigger goes alone: with Clear it would be taken back.
func TestWakeTriggers(t *testing.T) {
	s := &script{}
	p := open(t, s)
	p.Wake(backend.Block)
	want := kqueue.Event{Ident: 1, Filter: kqueue.User, FFlags: kqueue.Trigger}
	if len(s.changes) != 1 || s.changes[0] != want {
		t.Errorf("changes %+v, want %+v", s.changes, want)
	}
	p.Close()
	if p.Wake(backend.Block); len(s.changes) != 1 {
		t.Error("a closed queue was woken")
	}
}

// What can't be opened leaves nothing open.
func TestNewFails(t *testing.T) {
	s := &script{refuse: noUser, noPipe: syscall.EMFILE}
	if _, err := kqueue.New(s); !errors.Is(err, syscall.EMFILE) || s.closed != 1 || s.pipes != 0 {
		t.Errorf("%v; closed %d times, %d pipes open", err, s.closed, s.pipes)
	}
	s = &script{refuse: func(kqueue.Event) syscall.Errno { return syscall.ENOMEM }}
	if _, err := kqueue.New(s); !errors.Is(err, syscall.ENOMEM) || s.closed != 1 || s.pipes != 0 {
		t.Errorf("%v; closed %d times, %d pipes open", err, s.closed, s.pipes)
	}
}
