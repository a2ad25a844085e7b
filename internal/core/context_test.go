package core

import (
	"context"
	"testing"

	"github.com/completionport/completion/internal/backend"
)

// brittle is a context with a call that panics.
type brittle struct {
	context.Context
	left int // calls before that
}

func (b *brittle) Done() <-chan struct{} { b.called(); return b.Context.Done() }
func (b *brittle) Err() error            { b.called(); return b.Context.Err() }

func (b *brittle) called() {
	if b.left--; b.left < 0 {
		panic("a context's method")
	}
}

// The methods of a context are code of the program, which may panic: no lock is held
// then, and the port goes on.
func TestContextThatPanics(t *testing.T) {
	for _, c := range []struct {
		name string
		do   func(p *Port, o *operation, ctx context.Context)
	}{
		{"Shutdown", func(p *Port, _ *operation, ctx context.Context) { p.Shutdown(ctx) }},
		{"Next", func(p *Port, _ *operation, ctx context.Context) { p.Next(ctx) }},
		{"NextBatch", func(p *Port, _ *operation, ctx context.Context) { p.NextBatch(ctx, make([]Operation, 1)) }},
		{"Wait", func(p *Port, o *operation, ctx context.Context) { p.Wait(ctx, o) }},
		{"Await", func(p *Port, o *operation, ctx context.Context) {
			p.Await(ctx, newOperation(backend.Read, o.handle, 1))
		}},
	} {
		for calls := range 3 {
			_, p, h := newScript(t)
			o := newOperation(backend.Read, h, 1)
			p.Submit([]Operation{o}, true)
			live, cancel := context.WithCancel(context.Background())
			func() {
				defer func() {
					if recover() == nil {
						t.Errorf("%s: call %d does not panic", c.name, calls)
					}
				}()
				c.do(p, o, &brittle{live, calls})
			}()
			cancel()
			if !p.guarded.scheduler.TryLock() {
				t.Fatalf("%s: call %d leaves the port locked", c.name, calls)
			}
			p.guarded.unlockQuietly()
			p.Close()
			if s := p.Stats(); s.InFlight != 0 || s.Handles != 0 {
				t.Errorf("%s: call %d: %+v", c.name, calls, s)
			}
		}
	}
}
