package completion_test

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/completionport/completion"
	"github.com/completionport/completion/ops"
)

// bubble runs f in a bubble, with a port on a network.
func bubble(t *testing.T, f func(t *testing.T, m *completion.Memory, p *completion.Port)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		var network completion.Memory
		p, err := completion.Open(&completion.Config{Memory: &network})
		if err != nil {
			t.Fatal(err)
		}
		defer p.Close()
		f(t, &network, p)
	})
}

// connection returns both ends of one, the port's first.
func connection(t *testing.T, m *completion.Memory, p *completion.Port) (*completion.Socket, net.Conn) {
	t.Helper()
	l, err := p.Listen("tcp", "10.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	c, err := m.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	a := &ops.Accept{On: l}
	if err := p.Await(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return a.Conn, c
}

// took checks how much of the bubble's time has gone by since begun.
func took(t *testing.T, begun time.Time, want time.Duration) {
	t.Helper()
	if d := time.Since(begun); d != want {
		t.Errorf("took %v, want %v", d, want)
	}
}

func TestBubbleDeadlines(t *testing.T) {
	ends := map[string]func(p *completion.Port, r *ops.Read) error{
		"Await": func(p *completion.Port, r *ops.Read) error { return p.Await(context.Background(), r) },
		"Next": func(p *completion.Port, r *ops.Read) error {
			p.Submit(r)
			p.Next(context.Background())
			return r.Err()
		},
		"Shutdown": func(p *completion.Port, r *ops.Read) error {
			w := &ops.Write{To: r.From, Buf: completion.Own(make([]byte, 1<<20))}
			w.Deadline = r.Deadline
			p.Submit(w)
			if err := p.Shutdown(context.Background()); err != nil {
				return err
			}
			p.Next(context.Background())
			return w.Err()
		},
	}
	deadlines := map[string]func() completion.Deadline{
		"After": func() completion.Deadline { return completion.After(time.Hour) },
		"At":    func() completion.Deadline { return completion.At(time.Now().Add(time.Hour)) },
	}
	for name, end := range ends {
		for way, deadline := range deadlines {
			t.Run(name+way, func(t *testing.T) {
				bubble(t, func(t *testing.T, m *completion.Memory, p *completion.Port) {
					s, _ := connection(t, m, p)
					begun := time.Now()
					r := &ops.Read{From: s, Buf: completion.Own(make([]byte, 8))}
					r.Deadline = deadline()
					if err := end(p, r); !errors.Is(err, os.ErrDeadlineExceeded) {
						t.Errorf("error is %v", err)
					}
					took(t, begun, time.Hour)
				})
			})
		}
	}
}

func TestBubbleTimers(t *testing.T) {
	bubble(t, func(t *testing.T, _ *completion.Memory, p *completion.Port) {
		begun := time.Now()
		late, early := &ops.Timer{After: 48 * time.Hour}, &ops.Timer{After: time.Nanosecond}
		moved := &ops.Timer{After: 72 * time.Hour}
		moved.Deadline = completion.After(71 * time.Hour)
		p.Submit(late, moved, early)
		for _, want := range []struct {
			op   completion.Operation
			when time.Duration
		}{{early, time.Nanosecond}, {moved, time.Hour}, {late, 48 * time.Hour}} {
			if op, _ := p.Next(t.Context()); op != want.op {
				t.Fatalf("%v came instead", op)
			}
			took(t, begun, want.when)
			p.SetDeadline(moved, completion.After(time.Hour-time.Nanosecond))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := p.Await(ctx, late); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error is %v", err)
		}
		took(t, begun, 48*time.Hour+time.Minute)
	})
}

// A port on which goroutines wait is durably blocked: synctest.Wait returns, and
// what they did before can be looked at.
func TestBubbleWaitsForPort(t *testing.T) {
	bubble(t, func(t *testing.T, m *completion.Memory, p *completion.Port) {
		looped, other := connection(t, m, p)
		awaited, third := connection(t, m, p)
		var got, lines string
		go func() {
			r := &ops.Read{From: looped, Buf: completion.Own(make([]byte, 8))}
			for p.Submit(r) == nil {
				if op, err := p.Next(context.Background()); err != nil || op.(*ops.Read).Err() != nil {
					return
				}
				got += string(r.Buf.Bytes())
			}
		}()
		go func() {
			r := &ops.Read{From: awaited, Buf: completion.Own(make([]byte, 8))}
			for p.Await(context.Background(), r) == nil {
				lines += string(r.Buf.Bytes())
			}
		}()
		for range 3 {
			synctest.Wait()
			if s := p.Stats(); !s.Parked || s.Waiting != 1 {
				t.Fatalf("not one asleep in the poller and one besides: %+v", s)
			}
			io.WriteString(other, "a")
			io.WriteString(third, "b")
			io.WriteString(third, "c")
		}
		synctest.Wait()
		if got != "aaa" || lines != "bcbcbc" {
			t.Errorf("read %q and %q", got, lines)
		}
		p.Close()
	})
}

// A delay takes the bubble's time, there and back, and the test's own deadlines
// are of that clock too.
func TestBubbleDelay(t *testing.T) {
	bubble(t, func(t *testing.T, m *completion.Memory, p *completion.Port) {
		s, c := connection(t, m, p)
		m.Delay(time.Second)
		begun := time.Now()
		go func() {
			r := &ops.Read{From: s, Buf: completion.Own(make([]byte, 4)), Full: true}
			p.Await(context.Background(), r)
			p.Await(context.Background(), &ops.Write{To: s, Buf: r.Buf})
		}()
		io.WriteString(c, "ping")
		c.SetReadDeadline(time.Now().Add(1500 * time.Millisecond))
		if _, err := c.Read(make([]byte, 4)); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("read: %v", err)
		}
		took(t, begun, 1500*time.Millisecond)
		c.SetReadDeadline(time.Time{})
		if _, err := io.ReadFull(c, make([]byte, 4)); err != nil {
			t.Errorf("read: %v", err)
		}
		took(t, begun, 2*time.Second)
	})
}

// Spinning would stop the bubble's clock.
func TestBubbleIgnoresSpinWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var network completion.Memory
		p, err := completion.Open(&completion.Config{Memory: &network, SpinWait: time.Second})
		if err != nil {
			t.Fatal(err)
		}
		defer p.Close()
		if err := p.Await(t.Context(), &ops.Timer{After: time.Hour}); err != nil {
			t.Error(err)
		}
	})
}

// A connect arrives in time though nobody polls the port that it comes from, and
// whether the listener was there when it left or not.
func TestBubbleDelayedConnect(t *testing.T) {
	for _, early := range []bool{true, false} {
		bubble(t, func(t *testing.T, m *completion.Memory, p *completion.Port) {
			from, err := completion.Open(&completion.Config{Memory: m})
			if err != nil {
				t.Fatal(err)
			}
			defer from.Close()
			s, err := from.Socket("tcp")
			if err != nil {
				t.Fatal(err)
			}
			to := &net.TCPAddr{IP: net.IPv4(10, 0, 0, 1), Port: 80}
			accepted := make(chan error, 1)
			accept := func() {
				l, err := p.Listen("tcp", to.String())
				if err != nil {
					t.Error(err)
				}
				go func() { accepted <- p.Await(context.Background(), &ops.Accept{On: l}) }()
			}
			m.Delay(time.Second)
			begun := time.Now()
			if early {
				accept()
			} else { // a leader sleeps already
				go p.Next(context.Background())
			}
			synctest.Wait()
			from.Submit(&ops.Connect{On: s, To: to})
			if !early {
				accept()
			}
			if err := <-accepted; err != nil {
				t.Error(err)
			}
			took(t, begun, time.Second)
			p.Close()
		})
	}
}
