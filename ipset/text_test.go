package ipset_test

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"testing"

	"github.com/sallyport-go/sallyport/ipset"
)

// checkText holds a range to its text: what is printed parses back to the same
// value, and printing that gives the same text.
func checkText(t testing.TB, r ipset.Range) {
	t.Helper()
	text := r.String()
	back, err := ipset.ParseRange(text)
	if err != nil || back != r || !back.Equal(r) {
		t.Errorf("%v is printed as %q and read as %v, %v", r, text, back, err)
	}
	if back.String() != text {
		t.Errorf("%q is printed as %q when it was read", text, back)
	}
	b, err := r.MarshalText()
	if err != nil || string(b) != text {
		t.Errorf("MarshalText of %v = %q, %v", r, b, err)
	}
	var other ipset.Range
	if err := other.UnmarshalText(b); err != nil || other != r {
		t.Errorf("UnmarshalText(%q) = %v, %v", b, other, err)
	}
	if len(text) > ipset.MaxText {
		t.Errorf("%q is longer than what is read", text)
	}
}

func TestGuarantee02PrintedTextReadsBack(t *testing.T) {
	for _, tt := range accepted {
		r := ipset.MustParseRange(tt.in)
		if r.String() != tt.want {
			t.Errorf("%q is printed as %v, want %s: %s", tt.in, r, tt.want, tt.why)
		}
		checkText(t, r)
	}
	for seed := range uint64(4000) {
		r := newDraw(2_000_000 + seed).rangeOf()
		checkText(t, r)
		for _, text := range forms(r) {
			if back, err := ipset.ParseRange(text); err != nil || back != r {
				t.Errorf("%v written as %q is read as %v, %v", r, text, back, err)
			}
		}
	}
}

// forms are the ways to write r that are not canonical.
func forms(r ipset.Range) []string {
	from, to := r.From(), r.To()
	list := []string{
		fmt.Sprintf("%v-%v", from, to),
		fmt.Sprintf("\t%v - %v ", from.StringExpanded(), to.StringExpanded()),
	}
	if from == to {
		list = append(list, from.String(), from.StringExpanded())
	}
	p, ok := r.Prefix()
	if ok {
		list = append(list, p.String(), fmt.Sprintf(" %v/%d", from.StringExpanded(), p.Bits()))
	}
	if from.Is4() {
		list = append(list, fmt.Sprintf("::ffff:%v-::ffff:%v", from, to), fmt.Sprintf("%v-::FFFF:%v", from, to))
		if ok {
			mask, _ := addr("255.255.255.255").Prefix(p.Bits())
			list = append(list, fmt.Sprintf("::ffff:%v/%d", from, 96+p.Bits()), fmt.Sprintf("%v/%v", from, mask.Addr()))
		}
	}
	return list
}

// A database keeps JSON; a set must come out of it as it went in.
func TestGuarantee02ThroughJSON(t *testing.T) {
	type document struct {
		List  []ipset.Range          `json:"list"`
		Named map[ipset.Range]string `json:"named"`
	}
	in := document{
		List:  ranges("8.8.8.0/24", "8.8.8.1-8.8.8.20", "::ffff:9.9.9.9", "2606:4700::/32", "::fffe:0:0-::ffff:1.2.3.4"),
		Named: map[ipset.Range]string{ipset.MustParseRange("8.8.8.0/255.255.255.0"): "office"},
	}
	b, err := json.Marshal(in)
	want := `{"list":["8.8.8.0/24","8.8.8.1-8.8.8.20","9.9.9.9","2606:4700::/32","::fffe:0:0-::ffff:1.2.3.4"],"named":{"8.8.8.0/24":"office"}}`
	if err != nil || string(b) != want {
		t.Fatalf("%s, %v, want %s", b, err, want)
	}
	var out document
	if err := json.Unmarshal(b, &out); err != nil {
		t.Fatal(err)
	}
	if !ipset.Of(out.List...).Equal(ipset.Of(in.List...)) || out.Named[ipset.MustParseRange("8.8.8.0/24")] != "office" {
		t.Errorf("%v, want %v", out, in)
	}
	for _, bad := range []string{`["8.8.8.8/24"]`, `[""]`, `[8]`, `[{}]`, `["8.8.8.8", "invalid Range"]`} {
		var list []ipset.Range
		if err := json.Unmarshal([]byte(bad), &list); err == nil {
			t.Errorf("%s is read as %v", bad, list)
		}
	}
}

// A whole set goes through text: as ranges, and where it has no address to
// lose as prefixes.
func TestGuarantee02SetsReadBack(t *testing.T) {
	for seed := range uint64(300) {
		d := newDraw(3_000_000 + seed)
		set := ipset.Of(d.ranges(d.IntN(30))...)
		var entries, prefixes []string
		for r := range set.All() {
			entries = append(entries, r.String())
		}
		for p := range set.Prefixes() {
			prefixes = append(prefixes, p.String())
		}
		if back, err := ipset.Parse(shuffled(d, entries)...); err != nil || !back.Equal(set) {
			t.Errorf("seed %d: %v reads back as %v, %v", seed, set, back, err)
		}
		back, err := ipset.Parse(shuffled(d, prefixes)...)
		if err != nil {
			t.Fatal(err)
		}
		var list []ipset.Range
		for r := range set.All() {
			list = append(list, r)
		}
		for _, a := range append(probes(d, list), netip.Addr{}) {
			if back.Contains(a) != set.Contains(a) {
				t.Errorf("seed %d: read back from prefixes, Contains(%v) = %v", seed, a, back.Contains(a))
			}
		}
	}
}
