package main

import (
	"math"
	"slices"
)

// median is the middle of values, or of the two middle ones their mean; NaN if
// there are none. One slow round moves a mean, but not a median.
func median(values []float64) float64 {
	if len(values) == 0 {
		return math.NaN()
	}
	sorted := slices.Sorted(slices.Values(values))
	middle := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[middle]
	}
	return (sorted[middle-1] + sorted[middle]) / 2
}

// geomean is the geometric mean of values, the one in which twice as fast here
// and twice as slow there cancel out; NaN if there are none.
func geomean(values []float64) float64 {
	sum := 0.0
	for _, v := range values {
		sum += math.Log(v)
	}
	return math.Exp(sum / float64(len(values)))
}

// pairedRatio is the median over rounds of ours/theirs. Both were measured in
// the same round, a moment apart, so that drift of the machine hits both.
func pairedRatio(ours, theirs []float64) float64 {
	ratios := make([]float64, min(len(ours), len(theirs)))
	for i := range ratios {
		ratios[i] = ours[i] / theirs[i]
	}
	return median(ratios)
}
