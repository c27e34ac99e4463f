package ipset_test

import (
	"encoding/json"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sallyport-go/sallyport/ipset"
)

// shared returns the path of a file or folder that lies beside the project. A
// test that needs it skips where it is absent.
func shared(t testing.TB, name string) string {
	t.Helper()
	path := filepath.Join("..", "..", "shared", filepath.FromSlash(name))
	if _, err := os.Stat(path); err != nil {
		t.Skipf("%s is not beside the project: %v", name, err)
	}
	return path
}

type row struct{ context, input, want, why string }

// readCorpus reads rows of a context, an input as JSON, what is right, and why.
func readCorpus(t *testing.T, context string) []row {
	t.Helper()
	b, err := os.ReadFile(shared(t, "corpus/addresses.tsv"))
	if err != nil {
		t.Fatal(err)
	}
	var rows []row
	for line := range strings.Lines(string(b)) {
		f := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if strings.HasPrefix(line, "#") || f[0] != context {
			continue
		}
		if len(f) != 4 {
			t.Fatalf("not four columns: %q", line)
		}
		rows = append(rows, row{f[0], corpusInput(t, f[1]), f[2], f[3]})
	}
	if len(rows) == 0 {
		t.Fatalf("no row of context %s", context)
	}
	return rows
}

// corpusInput reads a string, or an object for what is very long.
func corpusInput(t *testing.T, s string) string {
	t.Helper()
	var text string
	if json.Unmarshal([]byte(s), &text) == nil {
		return text
	}
	var long struct {
		Repeat [2]any
		Tail   string
	}
	if err := json.Unmarshal([]byte(s), &long); err != nil {
		t.Fatalf("%s: %v", s, err)
	}
	return strings.Repeat(long.Repeat[0].(string), int(long.Repeat[1].(float64))) + long.Tail
}

// An entry that a public-only profile refuses is either refused by the parser
// or leaves PublicSpace. An entry that it takes has one canonical text.
func TestCorpusEntries(t *testing.T) {
	counts := map[string]int{}
	for _, row := range readCorpus(t, "entry") {
		r, err := ipset.ParseRange(row.input)
		from, to, ok := slowParse(row.input)
		if ok != (err == nil) || ok && (r.From() != from || r.To() != to) {
			t.Errorf("%.80q is %v, %v; the slow parser has %v-%v, %v: %s", row.input, r, err, from, to, ok, row.why)
		}
		verdict, text, _ := strings.Cut(row.want, " ")
		counts[verdict]++
		switch {
		case verdict == "refuse" && err == nil && ipset.PublicSpace().Covers(r):
			t.Errorf("%.80q is taken as %v: %s", row.input, r, row.why)
		case verdict == "refuse" && err == nil:
			counts["for its meaning"]++
			// Nothing else is: it touches a block, or lies outside 2000::/3.
			if ipset.SpecialPurpose(r) == "" && ipset.MustParseRange("2000::/3").Covers(r) {
				t.Errorf("%.80q leaves PublicSpace, and nothing says why: %s", row.input, row.why)
			}
		case verdict == "accept" && (err != nil || r.String() != text):
			t.Errorf("%.80q is %v, %v, want %s: %s", row.input, r, err, text, row.why)
		case verdict == "accept":
			if !ipset.PublicSpace().Covers(r) || ipset.SpecialPurpose(r) != "" {
				t.Errorf("%.80q is not public: %s", row.input, row.why)
			}
			checkText(t, r)
		case verdict != "refuse":
			t.Errorf("%.80q: what is %q?", row.input, row.want)
		}
	}
	t.Log(counts)
	if counts["accept"] == 0 || counts["refuse"] <= counts["for its meaning"] || counts["for its meaning"] == 0 {
		t.Errorf("the corpus has lost its rows: %v", counts)
	}
}

func TestCorpusAddresses(t *testing.T) {
	set := ipset.MustParse("8.8.8.0/24", "2606:4700::/32")
	for _, row := range readCorpus(t, "addr") {
		var a netip.Addr
		if row.input != "" {
			a = addr(row.input)
		}
		got := "out"
		switch {
		case !ipset.Canonical(a).IsValid():
			got = "none"
		case set.Contains(a):
			got = "in"
		}
		if got != row.want {
			t.Errorf("%q is %s, want %s: %s", row.input, got, row.want, row.why)
		}
		if got == "none" && (set.Contains(a) || ipset.Public(a)) {
			t.Errorf("%q is no address and yet in the set, or public: %s", row.input, row.why)
		}
		if _, ok := set.Find(a); ok != (row.want == "in") {
			t.Errorf("%q: Find says %v: %s", row.input, ok, row.why)
		}
	}
}
