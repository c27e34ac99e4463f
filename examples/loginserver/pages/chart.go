package pages

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/policy/engine"
)

// chart is who would be shut out: accesses of the past that would be refused, or asked to
// verify, for each member. It is a table of which one column is a bar.
type chart struct {
	Replayed int
	Bars     []bar
}

// bar has widths in hundredths of the chart's.
type bar struct {
	Name                     string
	Refused, Asked           int
	RefusedWidth, AskedWidth string
}

// maxBars have a member each; the others share one.
const maxBars = 12

func (l lang) chart(p *engine.Preview) chart {
	c := chart{Replayed: p.Visits - p.Unknown}
	counts := make(map[member.ID]*bar)
	of := func(id member.ID) *bar {
		if counts[id] == nil {
			counts[id] = &bar{Name: string(id)}
		}
		return counts[id]
	}
	for id, n := range p.Refused.ByMember {
		of(id).Refused = n
	}
	for id, n := range p.Asked.ByMember {
		of(id).Asked = n
	}
	for _, b := range counts {
		c.Bars = append(c.Bars, *b)
	}
	slices.SortFunc(c.Bars, func(a, b bar) int {
		return cmp.Or(b.Refused-a.Refused, b.Asked-a.Asked, cmp.Compare(a.Name, b.Name))
	})
	if len(c.Bars) > maxBars {
		rest := bar{Name: l.say("review.others")}
		for _, b := range c.Bars[maxBars-1:] {
			rest.Refused, rest.Asked = rest.Refused+b.Refused, rest.Asked+b.Asked
		}
		c.Bars = append(c.Bars[:maxBars-1], rest)
	}
	most := 1
	for _, b := range c.Bars {
		most = max(most, b.Refused+b.Asked)
	}
	for i, b := range c.Bars {
		c.Bars[i].RefusedWidth = fmt.Sprintf("%.1f", 100*float64(b.Refused)/float64(most))
		c.Bars[i].AskedWidth = fmt.Sprintf("%.1f", 100*float64(b.Asked)/float64(most))
	}
	return c
}
