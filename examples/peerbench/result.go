package main

import (
	"fmt"
	"math"
	"strings"
)

// result is what one section measured: a line for each input with the cost of
// ours and of each peer, and what the design claims of it.
type result struct {
	unit   string   // of the costs: ns, bytes
	names  []string // of the contenders, ours first; one in parentheses is no peer and has no ratio
	lines  []line
	claims []claim
	notes  []string // what a reader must know to judge the figures
}

// line is an input. Costs and ratios are NaN where a contender does not take part.
type line struct {
	input string
	cost  []float64 // ours first
	ratio []float64 // ours to each
}

// claim is a goal for the ratio to one contender. With column given, it is for
// ours as such: bytes, allocations, the cost of 2n over that of n.
type claim struct {
	against string
	goal    goal
	inputs  func(input string) bool // nil: all
	column  bool
	manner  string // of look-ups: independent or dependent; "": neither
}

// verdict is a claim held against the lines.
type verdict struct {
	claim
	figure float64
	where  string // the input of the figure, or the mean
	inputs int
	met    bool
}

// add appends a line from the rounds that measure returns.
func (r *result) add(input string, names []string, costs [][]float64) {
	l := line{input: input, cost: nans(len(r.names)), ratio: nans(len(r.names))}
	for i, name := range names {
		for j := range r.names {
			if r.names[j] != name {
				continue
			}
			if l.cost[j] = median(costs[i]); isPeer(name) {
				l.ratio[j] = pairedRatio(costs[0], costs[i])
			}
		}
	}
	r.lines = append(r.lines, l)
}

// addOnce appends a line of figures that were measured once, as memory is.
func (r *result) addOnce(input string, costs ...float64) {
	rounds := make([][]float64, len(costs))
	for i, c := range costs {
		rounds[i] = []float64{c}
	}
	r.add(input, r.names, rounds)
}

func isPeer(name string) bool { return !strings.HasPrefix(name, "(") }

func nans(n int) []float64 {
	values := make([]float64, n)
	for i := range values {
		values[i] = math.NaN()
	}
	return values
}

// figures returns the inputs of a claim and their figures.
func (r *result) figures(c claim) (inputs []string, values []float64) {
	for j, name := range r.names {
		if name != c.against && !(c.column && j == 0) {
			continue
		}
		for _, l := range r.lines {
			v := l.ratio[j]
			if c.column {
				v = l.cost[0]
			}
			if !math.IsNaN(v) && (c.inputs == nil || c.inputs(l.input)) {
				inputs, values = append(inputs, l.input), append(values, v)
			}
		}
		break
	}
	return inputs, values
}

// judge holds a claim against the lines: by the mean where the goal says so,
// else by the worst input.
func (r *result) judge(c claim) verdict {
	inputs, values := r.figures(c)
	v := verdict{claim: c, figure: math.NaN(), where: "not measured", inputs: len(inputs)}
	if len(inputs) == 0 {
		return v
	}
	if c.goal.mean {
		v.figure, v.where = geomean(values), fmt.Sprintf("mean of %d", len(inputs))
	} else {
		worst := 0
		for i := range values {
			if values[i] > values[worst] != c.goal.least && values[i] != values[worst] {
				worst = i
			}
		}
		v.figure, v.where = values[worst], inputs[worst]
	}
	v.met = c.goal.met(v.figure)
	return v
}
