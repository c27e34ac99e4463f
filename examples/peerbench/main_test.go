package main

import (
	"encoding/xml"
	"io"
	"os"
	"path/filepath"
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
		`what +against +look-ups +figure +of +goal`,
		`(?m)^ipset.Set.Contains +bart.Fast +independent +[0-9.]+ +mean of 8 +geometric mean at most 0.6 +(met|MISSED)$`,
		`(?m)^ipset.Set.Contains, dependent +bart.Fast +dependent +[0-9.]+ +mean of 8 +geometric mean at most 0.6 +(met|MISSED)$`,
		`(?m)^Policy.Evaluate against a look-up +bart.Fast +independent +[0-9.]+ +IPv[46] 20, independent +at most 2 +(met|MISSED)$`,
		`(?m)^Engine.Check +Policy.Evaluate +[0-9.]+ +.* at most 3 +(met|MISSED)$`,
		`(?m)^Engine.Check on two processors +two goroutines .* at least 1.8 times the throughput +(met|MISSED|not measured)$`,
		`(?m)^allocations +- +[0-9.]+ +.* 0 allocations +(met|MISSED)$`,
		`(?m)^signing out a tenant +scs memstore +- +not measured +at least 10,000 times faster +not measured$`,
		`[0-9]+ goals met, [0-9]+ missed; dependent look-ups keep to [0-9]+ of the same bounds of 9`,
		`Not measured here: 100,000 tenants`,
	} {
		if !regexp.MustCompile(want).MatchString(summary) {
			t.Errorf("the summary has nothing like %s:\n%s", want, summary)
		}
	}
	checkUpdate(t, b)
	svg, err := b.chart.svg()
	if err != nil {
		t.Fatal(err)
	}
	drawn := string(svg)
	for _, want := range []string{"IPv4: ns for one Contains, independent", "IPv6: ns for one Contains, independent", ourSet, bartFast, bartLite, netipxSet, "100,000"} {
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

// -update writes the chart, and into both READMEs what was measured, and leaves
// the rest of them alone. What it wrote before it replaces.
func checkUpdate(t *testing.T, b *bench) {
	t.Helper()
	root := t.TempDir()
	here := filepath.Join(root, "examples", "peerbench")
	if err := os.MkdirAll(here, 0o755); err != nil {
		t.Fatal(err)
	}
	readmes := []string{filepath.Join(root, "README.md"), filepath.Join(here, "README.md")}
	for _, path := range readmes {
		if err := os.WriteFile(path, []byte("before\n"+blockBegin+"old figures\n"+blockEnd+"after\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		if err := b.update(root, "here"); err != nil {
			t.Fatal(err)
		}
		for _, path := range readmes {
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			s := string(text)
			if !strings.HasPrefix(s, "before\n"+blockBegin) || !strings.HasSuffix(s, blockEnd+"after\n") || strings.Contains(s, "old figures") ||
				strings.Count(s, "| Compile | ") != 1 || !strings.Contains(s, b.count()) {
				t.Errorf("%s:\n%s", path, s)
			}
		}
	}
	if svg, err := os.ReadFile(filepath.Join(here, "contains.svg")); err != nil || !strings.Contains(string(svg), "<svg") {
		t.Errorf("the chart: %v", err)
	}
	if err := os.WriteFile(readmes[1], []byte("no block"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := b.update(root, "here"); err == nil || !strings.Contains(err.Error(), "README.md") {
		t.Errorf("a README without a block: %v", err)
	}
}

func TestBadArguments(t *testing.T) {
	for _, tt := range []struct{ args, want string }{
		{"-only (", "-only"},
		{"-nothing", "nothing"},
		{"-cpuprofile /no/such/folder/file", "-cpuprofile"},
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
