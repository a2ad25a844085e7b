// Package stat summarizes measurements: latencies in a histogram of fixed size, the
// rounds of a comparison in medians and quartiles.
package stat

import (
	"math/bits"
	"time"
)

const (
	steps     = 128 // per doubling: the error of a value is at most 1/128 of it
	stepBits  = 7
	doublings = 40 - stepBits // up to 2^40 ns, 18 minutes
)

// Histogram counts durations in log-linear steps: exactly below 128 ns, with a resolution
// of 0.8 % above. Its memory is fixed, so recording allocates nothing. The zero Histogram
// is empty.
type Histogram struct {
	count   [(doublings + 1) * steps]uint64
	total   uint64
	longest time.Duration
}

// Record counts one duration.
func (h *Histogram) Record(d time.Duration) {
	h.count[index(d)]++
	h.total++
	h.longest = max(h.longest, d)
}

// Reset empties the histogram.
func (h *Histogram) Reset() { *h = Histogram{} }

// Count returns the number of durations recorded.
func (h *Histogram) Count() uint64 { return h.total }

// Max returns the longest duration, exactly.
func (h *Histogram) Max() time.Duration { return h.longest }

// Quantile returns the smallest duration that a share q of all does not
// exceed, to within half a step. It is 0 if nothing was recorded.
func (h *Histogram) Quantile(q float64) time.Duration {
	rank := uint64(q * float64(h.total))
	if float64(rank) < q*float64(h.total) || rank == 0 {
		rank++
	}
	seen := uint64(0)
	for i, n := range h.count {
		if seen += n; n > 0 && seen >= rank {
			return min(middle(i), h.longest)
		}
	}
	return h.longest
}

// index returns the step of d. The first 128 steps are 1 ns wide, the next 128 too, and
// each further 128 are twice as wide as the 128 before.
func index(d time.Duration) int {
	v := uint64(max(d, 0))
	shift := max(bits.Len64(v)-stepBits-1, 0)
	i := shift*steps + int(v>>shift)
	return min(i, len(Histogram{}.count)-1)
}

// middle returns the duration in the middle of a step.
func middle(i int) time.Duration {
	shift := max(i/steps-1, 0)
	low := uint64(i-shift*steps) << shift
	return time.Duration(low + (1<<shift-1)/2)
}
