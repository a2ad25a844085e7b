package completion_test

import (
	"context"
	"errors"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/completionport/completion"
	"github.com/completionport/completion/internal/sys"
	"github.com/completionport/completion/ops"
	"golang.org/x/sys/windows"
)

// imitatedTimers are wait completion packets, which Wine lacks: one timer and one
// packet for each handle it gives out. A packet that was posted to a port stays in
// it, where the system would take it out.
type imitatedTimers struct {
	mu     sync.Mutex
	last   windows.Handle
	timers map[windows.Handle]*imitatedTimer
	byHand bool // timers are due when fire is called
	set    chan *imitatedTimer
}

type imitatedTimer struct {
	mu     *sync.Mutex
	due    time.Duration
	clock  *time.Timer
	port   sys.CompletionPort // 0 without an association
	key    uintptr
	posted int
}

func imitateTimers(t *testing.T, byHand bool) *imitatedTimers {
	m := &imitatedTimers{timers: map[windows.Handle]*imitatedTimer{}, byHand: byHand, set: make(chan *imitatedTimer, 1000)}
	before := sys.Timers
	sys.Timers = m
	t.Cleanup(func() {
		sys.Timers = before
		if len(m.timers) > 0 {
			t.Errorf("%d handles of timers are open", len(m.timers))
		}
	})
	return m
}

// fire posts the packet of an association, and ends that.
func (x *imitatedTimer) fire() {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.port == 0 {
		return
	}
	if err := windows.PostQueuedCompletionStatus(windows.Handle(x.port), 0, x.key, nil); err != nil {
		panic(err)
	}
	x.port = 0
	x.posted++
}

func (m *imitatedTimers) newHandle(x *imitatedTimer) windows.Handle {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.last += 4
	m.timers[m.last] = x
	return m.last
}

func (m *imitatedTimers) CreateTimer() (windows.Handle, error) {
	return m.newHandle(&imitatedTimer{mu: &m.mu}), nil
}

func (m *imitatedTimers) CreatePacket() (windows.Handle, windows.NTStatus) {
	return m.newHandle(nil), 0
}

func (m *imitatedTimers) SetTimer(timer windows.Handle, due int64) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.timers[timer].due = time.Duration(-due) * 100
	return nil
}

func (m *imitatedTimers) Associate(packet windows.Handle, port sys.CompletionPort, timer windows.Handle, key uintptr) (bool, windows.NTStatus) {
	m.mu.Lock()
	defer m.mu.Unlock()
	x := m.timers[timer]
	if m.timers[packet] != nil {
		return false, windows.STATUS_INVALID_PARAMETER_1
	}
	m.timers[packet] = x
	x.port, x.key = port, key
	if !m.byHand {
		x.clock = time.AfterFunc(x.due, x.fire)
	}
	m.set <- x
	return false, 0
}

func (m *imitatedTimers) Cancel(packet windows.Handle) windows.NTStatus {
	m.mu.Lock()
	defer m.mu.Unlock()
	x := m.timers[packet]
	m.timers[packet] = nil
	if x == nil || x.port == 0 {
		return windows.STATUS_CANCELLED
	}
	if x.clock != nil {
		x.clock.Stop()
	}
	x.port = 0
	return 0
}

func (m *imitatedTimers) Close(h windows.Handle) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.timers, h)
}

// A leader sets the timer before it waits, for an earlier deadline anew, and again
// if it was woken too early. Without deadlines there is no timer.
func TestLeaderSetsTheTimer(t *testing.T) {
	m := imitateTimers(t, true)
	p, err := completion.Open(&completion.Config{Backend: "iocp"})
	must(t, err)
	s, peer := iocpPair(t, p)
	_, err = peer.Write([]byte("x"))
	must(t, err)
	read := &ops.Read{From: s, Buf: completion.Own(make([]byte, 1))}
	must(t, p.Submit(read))
	dequeue(t, p, read)
	if len(m.timers) != 0 {
		t.Error("a timer for nothing")
	}
	isSet := func(want time.Duration) (x *imitatedTimer) {
		t.Helper()
		select {
		case x = <-m.set:
		case <-time.After(5 * time.Minute):
			t.Fatal("the timer is not set")
		}
		if x.due > want || x.due < want/2 {
			t.Errorf("due in %v, want %v", x.due, want)
		}
		return x
	}
	late, early := &ops.Timer{After: 2 * time.Hour}, &ops.Timer{After: time.Hour}
	must(t, p.Submit(late))
	next := make(chan completion.Operation)
	go func() {
		for range 2 {
			op, err := p.Next(context.Background())
			if err != nil {
				t.Error(err)
			}
			next <- op
		}
	}()
	isSet(2 * time.Hour)
	must(t, p.Submit(early))
	x := isSet(time.Hour)
	x.fire() // too early: the leader finds nothing due, and sets it once more
	isSet(time.Hour)
	p.Cancel(early)
	p.Cancel(late)
	for range 2 {
		if op := <-next; !errors.Is(op.(*ops.Timer).Err(), completion.ErrCanceled) {
			t.Errorf("ended with %v", op.(*ops.Timer).Err())
		}
	}
	must(t, p.Close())
}

// Deadlines and timers end by the timer's packets, none early and all of them.
func TestDeadlinesByTheTimer(t *testing.T) {
	const rounds = 30
	m := imitateTimers(t, false)
	p, err := completion.Open(&completion.Config{Backend: "iocp"})
	must(t, err)
	s, _ := iocpPair(t, p)
	for i := range rounds {
		wait := time.Duration(i%7) * time.Millisecond
		begun := time.Now()
		at := completion.After(wait)
		read := &ops.Read{From: s, Buf: completion.Own(make([]byte, 1)), Op: completion.Op{Deadline: at}}
		timer := &ops.Timer{After: wait}
		must(t, p.Submit(read, timer))
		for range 2 {
			op, err := p.Next(context.Background())
			must(t, err)
			if early := wait - time.Since(begun); early > 0 {
				t.Errorf("%T ended %v too early", op, early)
			}
		}
		if !errors.Is(read.Err(), os.ErrDeadlineExceeded) || timer.Err() != nil {
			t.Fatalf("ended with %v and %v", read.Err(), timer.Err())
		}
	}
	if len(m.set) == 0 {
		t.Error("the timer was never set")
	}
	must(t, p.Close())
}
