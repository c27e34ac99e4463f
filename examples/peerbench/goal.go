package main

import (
	"fmt"
	"strconv"
	"strings"
)

// goal is what a figure must keep to, in the words of the design. The words are
// parsed, not repeated in numbers beside them, so that what is printed is what
// is judged.
type goal struct {
	words string
	most  float64
	open  bool // most itself is already too much
	least bool // most is the least that a figure must reach
	mean  bool // of the geometric mean over all inputs, else of each input
}

// parseGoal reads "at most 1.5", "under 2.5", "at least 1,000 times faster", "at
// least 1.8 times the throughput" or "0 allocations", any of them behind
// "geometric mean". A unit behind the number is for people.
func parseGoal(words string) (goal, error) {
	g := goal{words: words}
	rest, mean := strings.CutPrefix(words, "geometric mean ")
	g.mean = mean
	faster := false
	if r, ok := strings.CutPrefix(rest, "at least "); ok {
		rest, faster = strings.CutSuffix(r, " times faster")
		if g.least = strings.HasSuffix(r, " times the throughput"); !g.least && !faster {
			return goal{}, fmt.Errorf("goal %q: at least how many times what?", words)
		}
	} else if r, ok := strings.CutPrefix(rest, "under "); ok {
		rest, g.open = r, true
	} else {
		rest = strings.TrimPrefix(rest, "at most ")
	}
	number, _, _ := strings.Cut(rest, " ")
	n, err := strconv.ParseFloat(strings.ReplaceAll(number, ",", ""), 64)
	if err != nil || !(n >= 0) || faster && n == 0 {
		return goal{}, fmt.Errorf("goal %q: %q is no bound", words, number)
	}
	if g.most = n; faster {
		g.most = 1 / n
	}
	return g, nil
}

// mustGoal is parseGoal for the goals in this program, which a test parses.
func mustGoal(words string) goal {
	g, err := parseGoal(words)
	if err != nil {
		panic(err)
	}
	return g
}

func (g goal) met(figure float64) bool {
	switch {
	case g.open:
		return figure < g.most
	case g.least:
		return figure >= g.most
	}
	return figure <= g.most // false for NaN: what was not measured is not met
}
