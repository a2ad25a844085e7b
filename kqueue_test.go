//go:build unix

package completion_test

import (
	"flag"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/completionport/completion"
	"github.com/completionport/completion/internal/memory"
	"github.com/completionport/completion/internal/race"
	"github.com/completionport/completion/porttest"
)

var kqueueSeeds = flag.Uint64("kqueue.seeds", 0, "kernels drawn at random besides, and all that are known")

// imitatedKqueues are kernels by their habits: all that is difficult at once, and
// those of systems that were looked at. In an ordinary run the first does: .ci/bsd runs
// them all.
var imitatedKqueues = []struct {
	name   string
	habits memory.Habits
}{
	{"Worst", memory.Habits{UserEvents: true, DeafUser: true, EchoesFlags: true, WriteFirst: true, ExtraWrites: true, Interrupted: true, Late: true}},
	{"FreeBSD", memory.Habits{UserEvents: true, PromptConnects: true, ResetsOverflow: true}},
	{"NetBSD", memory.Habits{EchoesFlags: true, ExtraWrites: true, WriteFirst: true}},
	{"DragonFly", memory.Habits{UserEvents: true, EchoesFlags: true, ExtraWrites: true}},
	{"OpenBSD", memory.Habits{ResetsOverflow: true}},
}

// The poller of the BSDs passes the same suite on every system, on queues that
// behave as theirs do.
func TestConformanceKqueue(t *testing.T) {
	eachKqueue(t, func(t *testing.T, network *completion.Memory, open porttest.Open) {
		porttest.Run(t, open, porttest.OnNetwork(network))
		if n := completion.Descriptors(network); n != 0 {
			t.Errorf("%d descriptors left", n)
		}
	})
}

func TestConformanceTLSKqueue(t *testing.T) {
	if testing.Short() || race.Enabled {
		t.Skip("the suite runs over TLS in package iotls")
	}
	eachKqueue(t, func(t *testing.T, network *completion.Memory, open porttest.Open) {
		porttest.Run(t, open, porttest.OnNetwork(network), porttest.OverTLS())
	})
}

func TestStressKqueue(t *testing.T) {
	eachKqueue(t, func(t *testing.T, network *completion.Memory, open porttest.Open) {
		porttest.Stress(t, open, *stressOperations/10, porttest.OnNetwork(network))
	})
}

// eachKqueue runs f for every imitated kernel.
func eachKqueue(t *testing.T, f func(t *testing.T, network *completion.Memory, open porttest.Open)) {
	kernels := imitatedKqueues
	if *kqueueSeeds == 0 {
		kernels = kernels[:1]
	}
	for seed := range *kqueueSeeds {
		habits := memory.HabitsOf(seed)
		kernels = append(kernels[:len(kernels):len(kernels)], struct {
			name   string
			habits memory.Habits
		}{fmt.Sprintf("Seed%d", seed), habits})
	}
	for _, kernel := range kernels {
		t.Run(kernel.name, func(t *testing.T) {
			t.Logf("%+v", kernel.habits)
			var network completion.Memory
			var ports atomic.Uint64
			f(t, &network, func(config *completion.Config) (*completion.Port, error) {
				return completion.OpenKqueue(&network, config, kernel.habits, ports.Add(1))
			})
		})
	}
}
