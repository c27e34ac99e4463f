package main

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/sallyport-go/sallyport/policy"
)

// outcome is what decisions are counted by.
type outcome struct {
	effect policy.Effect
	reason policy.Reason
}

// tally counts decisions.
type tally map[outcome]int

func (t tally) add(d policy.Decision) { t[outcome{d.Effect, d.Reason}]++ }

// table returns the counts as text, those of an effect above those of its
// reasons, what lets in first and then the largest first.
func (t tally) table(badLines int) string {
	total, effects := 0, map[policy.Effect]int{}
	for o, n := range t {
		total += n
		effects[o.effect] += n
	}
	rows := slices.SortedFunc(maps.Keys(t), func(a, b outcome) int {
		return cmp.Or(
			cmp.Compare(b.effect, a.effect),
			cmp.Compare(t[b], t[a]),
			strings.Compare(a.reason.String(), b.reason.String()),
		)
	})

	var s strings.Builder
	row := func(n int, what string) {
		fmt.Fprintf(&s, "%10d %7.2f%%  %s\n", n, 100*float64(n)/float64(total), what)
	}
	fmt.Fprintf(&s, "%10s %8s\n", "attempts", "share")
	for i, o := range rows {
		if i == 0 || rows[i-1].effect != o.effect {
			row(effects[o.effect], o.effect.String())
		}
		row(t[o], "  "+o.reason.String())
	}
	if total > 0 {
		row(total, "all")
	} else {
		fmt.Fprintf(&s, "%10d %8s  all\n", 0, "")
	}
	if badLines > 0 {
		fmt.Fprintf(&s, "%10d %8s  bad lines, not decided\n", badLines, "")
	}
	return s.String()
}
