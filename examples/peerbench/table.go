package main

import (
	"fmt"
	"io"
	"math"
	"strings"
	"text/tabwriter"
)

// printSection prints what was measured for each input, then the verdicts.
func printSection(w io.Writer, name string, r *result) []verdict {
	for _, note := range r.notes {
		fmt.Fprintf(w, "   %s\n", note)
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(t, "\ninput\t")
	for i, name := range r.names {
		fmt.Fprintf(t, "%s\t", name)
		if i > 0 && isPeer(name) {
			fmt.Fprint(t, "ratio\t")
		}
	}
	fmt.Fprintln(t)
	for _, l := range r.lines {
		fmt.Fprintf(t, "%s\t", l.input)
		for i := range l.cost {
			fmt.Fprintf(t, "%s\t", cost(l.cost[i], r.unit))
			if i > 0 && isPeer(r.names[i]) {
				fmt.Fprintf(t, "%s\t", ratio(l.ratio[i]))
			}
		}
		fmt.Fprintln(t)
	}
	if len(r.lines) > 2 && len(r.names) > 1 {
		fmt.Fprint(t, "geometric mean\t\t")
		for _, name := range r.names[1:] {
			if fmt.Fprint(t, "\t"); isPeer(name) {
				_, values := r.figures(claim{against: name})
				fmt.Fprintf(t, "%s\t", ratio(geomean(values)))
			}
		}
		fmt.Fprintln(t)
	}
	t.Flush()
	verdicts := make([]verdict, len(r.claims))
	table := newVerdictTable(w)
	for i, c := range r.claims {
		verdicts[i] = r.judge(c)
		table.print(name, verdicts[i])
	}
	table.flush()
	return verdicts
}

// verdictTable is the table that the design asks for.
type verdictTable struct{ *tabwriter.Writer }

func newVerdictTable(w io.Writer) verdictTable {
	t := verdictTable{tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)}
	fmt.Fprintln(t, "\nwhat\tagainst\tlook-ups\tfigure\tof\tgoal\t")
	return t
}

func (t verdictTable) print(what string, v verdict) {
	fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", what, v.against, v.manner, v.ratio(), v.where, v.goal.words, v.word())
}

func (t verdictTable) flush() { t.Flush() }

// ratio writes a digit more than the lines have, so that it is seen by how
// little a goal was missed.
func (v verdict) ratio() string {
	if v.figure >= 0.01 && v.figure < 10 {
		return fmt.Sprintf("%.3f", v.figure)
	}
	return ratio(v.figure)
}

func (v verdict) word() string {
	switch {
	case v.inputs == 0:
		return "not measured"
	case v.met:
		return "met"
	}
	return "MISSED"
}

// cost writes nanoseconds in the unit that reads best, and bytes as they are.
func cost(v float64, unit string) string {
	switch {
	case math.IsNaN(v):
		return "-"
	case unit != "ns":
		return fmt.Sprintf("%s %s", thousands(v), unit)
	case v < 1e3:
		return fmt.Sprintf("%.1f ns", v)
	case v < 1e6:
		return fmt.Sprintf("%.1f µs", v/1e3)
	case v < 1e9:
		return fmt.Sprintf("%.1f ms", v/1e6)
	}
	return fmt.Sprintf("%.2f s", v/1e9)
}

// ratio writes a ratio with three digits that mean something, however small.
func ratio(v float64) string {
	switch {
	case math.IsNaN(v):
		return "-"
	case v == 0:
		return "0"
	case v < 0.01:
		return fmt.Sprintf("1/%s", thousands(1/v))
	case v < 100:
		return fmt.Sprintf("%.2f", v)
	}
	return thousands(v)
}

// thousands writes a whole number with commas.
func thousands(v float64) string {
	s := fmt.Sprintf("%.0f", v)
	var b strings.Builder
	for i, c := range s {
		if i > 0 && s[i-1] != '-' && (len(s)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteRune(c)
	}
	return b.String()
}
