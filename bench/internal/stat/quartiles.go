package stat

import (
	"fmt"
	"math"
	"slices"
)

// Quartiles are the quartiles of some values. A few extreme values do not change the
// median, unlike a mean.
type Quartiles struct{ Low, Median, High float64 }

// QuartilesOf sorts a copy of the values. Points between two values are
// interpolated. Without values all three are NaN.
func QuartilesOf(values []float64) Quartiles {
	sorted := slices.Sorted(slices.Values(values))
	return Quartiles{at(sorted, 0.25), at(sorted, 0.5), at(sorted, 0.75)}
}

// at returns the value below which a share q of sorted lies.
func at(sorted []float64, q float64) float64 {
	if len(sorted) == 0 {
		return math.NaN()
	}
	place := q * float64(len(sorted)-1)
	i := int(place)
	if i+1 == len(sorted) {
		return sorted[i]
	}
	return sorted[i] + (place-float64(i))*(sorted[i+1]-sorted[i])
}

// String returns a text like "1.050 [1.032 1.071]", which is not wider for larger values.
func (q Quartiles) String() string {
	return fmt.Sprintf("%s [%s %s]", short(q.Median), short(q.Low), short(q.High))
}

// short returns x in five characters.
func short(x float64) string {
	digits := 3
	for limit := 9.9995; x >= limit && digits > 0; limit *= 10 {
		digits--
	}
	return fmt.Sprintf("%.*f", digits, x)
}
