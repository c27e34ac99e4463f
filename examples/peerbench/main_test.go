package main

import (
	"encoding/xml"
	"io"
	"regexp"
	"strings"
	"testing"
)

// All sections run, on inputs so small that their figures mean nothing, and
// print their tables. Every section compares the answers on the way.
func TestAllSections(t *testing.T) {
	b := &bench{in: tinyInputs(t), tiny: true}
	var out strings.Builder
	if err := b.all(&out, regexp.MustCompile("")); err != nil {
		t.Fatal(err)
	}
	printed := out.String()
	for _, s := range sections {
		if !strings.Contains(printed, "\n== "+s.name+" (") {
			t.Errorf("there is no section %s", s.name)
		}
	}
	summary := printed[strings.Index(printed, "== all goals"):]
	for _, want := range []string{
		`what +against +ratio +of +goal`,
		`(?m)^ipset.Set.Contains +bart.Fast +[0-9.]+ +mean of 8 +geometric mean at most 0.6 +(met|MISSED)$`,
		`(?m)^allocations +- +[0-9.]+ +.* 0 allocations +(met|MISSED)$`,
		`(?m)^signing out a tenant +scs memstore +- +not measured +at least 10,000 times faster +not measured$`,
		`[0-9]+ goals met, [0-9]+ missed`,
		`Not measured here, .*Engine.Check`,
	} {
		if !regexp.MustCompile(want).MatchString(summary) {
			t.Errorf("the summary has nothing like %s:\n%s", want, summary)
		}
	}
	svg, err := b.chart.svg()
	if err != nil {
		t.Fatal(err)
	}
	drawn := string(svg)
	for _, want := range []string{"IPv4: ns for one Contains, back to back", "IPv6: ns for one Contains, back to back", ourSet, bartFast, bartLite, netipxSet, "100,000"} {
		if !strings.Contains(drawn, want) {
			t.Errorf("the chart does not say %q", want)
		}
	}
	for d := xml.NewDecoder(strings.NewReader(drawn)); ; {
		if _, err := d.Token(); err == io.EOF {
			break
		} else if err != nil {
			t.Fatalf("the chart is not XML: %v", err)
		}
	}
}

func TestBadArguments(t *testing.T) {
	for _, tt := range []struct{ args, want string }{
		{"-only (", "-only"},
		{"-nothing", "nothing"},
		{"more", `unexpected argument "more"`},
	} {
		if err := run(strings.Fields(tt.args), io.Discard); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want something of %q", tt.args, err, tt.want)
		}
	}
	b := &bench{in: tinyInputs(t), tiny: true}
	if err := b.all(io.Discard, regexp.MustCompile("no such section")); err == nil {
		t.Error("-only that matches nothing is no error")
	}
}
