package stat

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// within reports whether got equals want within the histogram's resolution.
func within(got, want time.Duration) bool {
	return math.Abs(float64(got-want)) <= float64(want)/steps
}

func TestQuantilesOfKnownValues(t *testing.T) {
	var h Histogram
	for i := 1; i <= 1000; i++ {
		h.Record(time.Duration(i) * time.Microsecond)
	}
	for _, c := range []struct {
		q    float64
		want time.Duration
	}{
		{0, 1 * time.Microsecond},
		{0.001, 1 * time.Microsecond},
		{0.5, 500 * time.Microsecond},
		{0.99, 990 * time.Microsecond},
		{0.9901, 991 * time.Microsecond},
		{1, 1000 * time.Microsecond},
	} {
		if got := h.Quantile(c.q); !within(got, c.want) {
			t.Errorf("quantile %v is %v, not %v", c.q, got, c.want)
		}
	}
	if h.Count() != 1000 || h.Max() != time.Millisecond {
		t.Errorf("%d values up to %v", h.Count(), h.Max())
	}
}

func TestQuantilesAgainstSorting(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var h Histogram
	values := make([]time.Duration, 20_001)
	for i := range values {
		values[i] = time.Duration(math.Exp(r.Float64() * 25)) // 1 ns to 72 s
		h.Record(values[i])
	}
	slices.Sort(values)
	for _, q := range []float64{0.01, 0.1, 0.25, 0.5, 0.9, 0.99, 0.999} {
		want := values[int(math.Ceil(q*float64(len(values))))-1]
		if got := h.Quantile(q); !within(got, want) {
			t.Errorf("quantile %v is %v, not %v", q, got, want)
		}
	}
}

func TestHistogramEnds(t *testing.T) {
	var h Histogram
	if h.Quantile(0.5) != 0 || h.Count() != 0 {
		t.Error("an empty histogram has values")
	}
	for ns := range time.Duration(256) {
		if got := middle(index(ns)); got != ns {
			t.Errorf("%d ns are counted as %d", ns, got)
		}
	}
	h.Record(-5)
	h.Record(1 << 50) // beyond the last step: only Max has it
	if h.Count() != 2 || h.Max() != 1<<50 || h.Quantile(0.5) != 0 {
		t.Errorf("%d values, longest %v, median %v", h.Count(), h.Max(), h.Quantile(0.5))
	}
	h.Reset()
	if h.Count() != 0 || h.Max() != 0 {
		t.Error("Reset leaves values")
	}
}

// Steps neither overlap nor leave gaps, and none is wider than documented.
func TestHistogramSteps(t *testing.T) {
	for shift := range 40 {
		for _, v := range []time.Duration{1<<shift - 1, 1 << shift, 1<<shift + 1, 3 << shift >> 1} {
			if i := index(v); i < index(v-1) || i > index(v-1)+1 || !within(middle(i), v) {
				t.Errorf("%d: step %d, the one before %d, middle %d", v, i, index(v-1), middle(i))
			}
		}
	}
}

func TestRecordAllocatesNothing(t *testing.T) {
	h := new(Histogram)
	if n := testing.AllocsPerRun(100, func() { h.Record(12345) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestQuartiles(t *testing.T) {
	for _, c := range []struct {
		values []float64
		want   Quartiles
	}{
		{[]float64{7}, Quartiles{7, 7, 7}},
		{[]float64{2, 1}, Quartiles{1.25, 1.5, 1.75}},
		{[]float64{5, 1, 4, 2, 3}, Quartiles{2, 3, 4}},
		{[]float64{4, 3, 2, 1}, Quartiles{1.75, 2.5, 3.25}},
		{[]float64{1, 1, 1, 1, 1000}, Quartiles{1, 1, 1}},
	} {
		before := slices.Clone(c.values)
		if got := QuartilesOf(c.values); got != c.want {
			t.Errorf("%v: %v, not %v", c.values, got, c.want)
		}
		if !slices.Equal(c.values, before) {
			t.Error("the values were sorted in place")
		}
	}
	if q := QuartilesOf(nil); !math.IsNaN(q.Low) || !math.IsNaN(q.Median) || !math.IsNaN(q.High) {
		t.Errorf("no values have quartiles %v", q)
	}
}

func TestQuartilesString(t *testing.T) {
	for want, q := range map[string]Quartiles{
		"1.050 [1.032 1.071]": {1.032, 1.05, 1.071},
		"10.00 [9.999 99.99]": {9.999, 9.9996, 99.99},
		"150.1 [37.44 12345]": {37.44, 150.076, 12345},
	} {
		if got := q.String(); got != want {
			t.Errorf("%q, not %q", got, want)
		}
	}
}
