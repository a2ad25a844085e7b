package porttest

import (
	"errors"
	"os"
	"sync"
	"time"

	"github.com/completionport/completion"
	"github.com/completionport/completion/ops"
)

// movedDeadlineRacesCompletion moves the deadline of a read all over while its data comes.
func movedDeadlineRacesCompletion(e *env) {
	p := e.port(nil)
	s, peer := e.pairOn(p, e.quick())
	r := &ops.Read{From: s, Buf: own(1)}
	overdue := uint64(0)
	for i := range races() {
		r.Deadline = never()
		e.submit(p, r)
		var wg sync.WaitGroup
		wg.Go(func() { peer.Write([]byte{sequence(i)}) })
		wg.Go(func() {
			p.SetDeadline(r, long)
			p.SetDeadline(r, 0)
		})
		wg.Go(func() { p.SetDeadline(r, completion.After(time.Duration(i%10)*time.Microsecond)) })
		if op := e.next(p); op != completion.Operation(r) {
			e.Fatalf("dequeued %T", op)
		}
		wg.Wait()
		b := r.Buf.Bytes()
		if r.Err() != nil {
			is(e, r.Err(), os.ErrDeadlineExceeded)
			equal(e, "N", r.N(), 0)
			overdue++
			b = e.readRest(p, s, 1)
		}
		e.follows(b, i)
	}
	e.Logf("%d of %d were overdue", overdue, races())
	e.onceEach(p, uint64(races())+overdue)
}

// passingDeadlineRacesCompletion lets the clock meet the data.
func passingDeadlineRacesCompletion(e *env) {
	p := e.port(nil)
	pool := e.pool(p, 1, 1)
	s, peer := e.pairOn(p, e.quick())
	r := &ops.Read{From: s, Pool: pool}
	overdue := uint64(0)
	for i := range races() {
		r.Buf = nil
		r.Deadline = completion.After(time.Duration(1+i%20) * time.Microsecond)
		e.submit(p, r)
		var wg sync.WaitGroup
		wg.Go(func() { peer.Write([]byte{sequence(i)}) })
		if op := e.next(p); op != completion.Operation(r) {
			e.Fatalf("dequeued %T", op)
		}
		wg.Wait()
		if r.Err() != nil {
			is(e, r.Err(), os.ErrDeadlineExceeded)
			overdue++
			e.follows(e.readRest(p, s, 1), i)
			continue
		}
		e.follows(r.Buf.Bytes(), i)
		r.Buf.Release()
	}
	e.Logf("%d of %d were overdue", overdue, races())
	e.onceEach(p, uint64(races())+overdue)
}

// deadlineRacesCancel lets a cancel meet a deadline: one of them wins.
func deadlineRacesCancel(e *env) {
	p := e.port(nil)
	s, _ := e.pairOn(p, e.quick())
	r := &ops.Read{From: s, Buf: own(1)}
	overdue := 0
	for i := range races() {
		e.submit(p, r)
		canceled := false
		var wg sync.WaitGroup
		wg.Go(func() { p.SetDeadline(r, completion.After(time.Duration(i%5)*time.Microsecond)) })
		wg.Go(func() { canceled = p.Cancel(r) })
		if op := e.next(p); op != completion.Operation(r) {
			e.Fatalf("dequeued %T", op)
		}
		wg.Wait()
		switch err := r.Err(); {
		case canceled:
			is(e, err, completion.ErrCanceled) // there was nothing else to come
		case errors.Is(err, os.ErrDeadlineExceeded):
			overdue++
		default:
			e.Fatalf("error is %v", err)
		}
	}
	e.Logf("%d of %d were overdue", overdue, races())
	e.onceEach(p, uint64(races()))
}
