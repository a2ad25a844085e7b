package bench

import (
	"context"
	"testing"
	"time"

	"github.com/completionport/completion"
	"github.com/completionport/completion/bench/internal/stat"
	"github.com/completionport/completion/ops"
)

const timersAtOnce = 10_000

// BenchmarkTimers starts 10,000 timers of an hour and cancels them: on a port, where each is
// dequeued then, and with time.AfterFunc. The two take turns. cpu is the CPU time of package
// time divided by that of the port: above 1, the port needs less. control is what cpu is
// between two turns of package time.
func BenchmarkTimers(b *testing.B) {
	port := open(b)
	batch := make([]completion.Operation, timersAtOnce)
	for i := range batch {
		batch[i] = &ops.Timer{After: time.Hour}
	}
	timers := make([]*time.Timer, timersAtOnce)
	var cpu, control, perTimer []float64
	for range b.N {
		_, c1 := timed(b, func() { timersOfTime(b, timers) })
		_, c2 := timed(b, func() { timersOfPort(b, port, batch) })
		_, c3 := timed(b, func() { timersOfTime(b, timers) })
		cpu = append(cpu, float64(c1+c3)/2/float64(c2))
		control = append(control, float64(c1)/float64(c3))
		perTimer = append(perTimer, float64(c2)/timersAtOnce)
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(stat.QuartilesOf(cpu).Median, "cpu")
	b.ReportMetric(stat.QuartilesOf(control).Median, "control")
	b.ReportMetric(stat.QuartilesOf(perTimer).Median, "cpu-ns/timer")
}

func timersOfTime(b *testing.B, timers []*time.Timer) {
	for i := range timers {
		timers[i] = time.AfterFunc(time.Hour, func() { b.Error("an hour has passed") })
	}
	for _, t := range timers {
		t.Stop()
	}
}

func timersOfPort(b *testing.B, port *completion.Port, batch []completion.Operation) {
	if err := port.Submit(batch...); err != nil {
		b.Fatal(err)
	}
	for _, op := range batch {
		port.Cancel(op)
	}
	var into [64]completion.Operation
	for left := len(batch); left > 0; {
		n, err := port.NextBatch(context.Background(), into[:])
		if err != nil {
			b.Fatal(err)
		}
		left -= n
	}
}
