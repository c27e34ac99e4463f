package policy_test

import (
	"fmt"
	"net/netip"
	"os"
	"strings"
	"testing"

	"github.com/sallyport-go/sallyport/ipset"
	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/policy"
)

// docMany returns n entries that do not touch.
func docMany(n int) []policy.Entry {
	entries := make([]policy.Entry, n)
	for i := range entries {
		a := netip.AddrFrom4([4]byte{8, byte(i >> 15), byte(i >> 7), byte(i << 1)})
		entries[i].Range = ipset.RangeOf(netip.PrefixFrom(a, 32))
	}
	return entries
}

func TestGuarantee05SettingsAreBounded(t *testing.T) {
	own := func(n int) func(p *policy.Profile) { return func(p *policy.Profile) { p.MaxEntries = n } }
	ranges := func(n int) (rs []ipset.Range) {
		for _, e := range docMany(n) {
			rs = append(rs, e.Range)
		}
		return rs
	}
	label := func(s string) policy.Settings {
		return policy.Settings{Designated: []policy.Entry{{Range: docRange("8.8.8.8"), Label: s}}}
	}
	for _, tt := range []struct {
		s     policy.Settings
		alter func(p *policy.Profile)
		want  string // "" if accepted
		why   string
	}{
		{policy.Settings{Designated: docMany(policy.DefaultMaxEntries)}, nil, "", "as many as the default"},
		{policy.Settings{Designated: docMany(policy.DefaultMaxEntries + 1)}, nil, "designated too-many", "one more than the default"},
		{policy.Settings{Designated: docMany(policy.DefaultMaxEntries + 1)}, own(-1), "designated too-many", "a negative bound is no bound of its own, and not: no bound"},
		{policy.Settings{Designated: docMany(policy.DefaultMaxEntries)}, own(-1), "", "nor a bound that nothing keeps"},
		{policy.Settings{Designated: docMany(3)}, own(3), "", "as many as the product takes"},
		{policy.Settings{Designated: docMany(4)}, own(3), "designated too-many", "one more"},
		{policy.Settings{Designated: docMany(20_000)}, own(20_000), "", "a product may take more than the default"},
		{policy.Settings{Designated: docEntries("8.8.8.8", "8.8.8.8", "8.8.8.8", "8.8.8.8")}, own(3), "designated too-many", "entries count, not addresses"},
		{policy.Settings{Designated: docMany(1), Exceptions: []policy.Exception{{Member: "kim", Ranges: ranges(2)}}}, own(3), "", "ranges of exceptions count"},
		{policy.Settings{Designated: docMany(1), Exceptions: []policy.Exception{{Member: "kim", Ranges: ranges(3)}}}, own(3), "designated too-many", "ranges of exceptions count"},
		{policy.Settings{Designated: docMany(1), Exceptions: []policy.Exception{{Member: "kim"}, {Member: "lee"}}}, own(3), "", "an exception without ranges counts once"},
		{policy.Settings{Designated: docMany(1), Exceptions: []policy.Exception{{Member: "kim"}, {Member: "lee"}, {Member: "han"}}}, own(3), "designated too-many", "an exception without ranges counts once"},
		{label(strings.Repeat("x", policy.MaxLabel)), nil, "", "the longest label"},
		{label(strings.Repeat("x", policy.MaxLabel+1)), nil, "designated[0].label bad-label", "a byte more"},
		{label(strings.Repeat("한", policy.MaxLabel/3) + "xx"), nil, "", "the longest label in other letters"},
		{label(strings.Repeat("한", policy.MaxLabel/3) + "xxx"), nil, "designated[0].label bad-label", "bytes count, not letters"},
		{docExcepted(policy.Exception{Member: "kim", Note: strings.Repeat("x", policy.MaxLabel)}), nil, "", "the longest note"},
		{docExcepted(policy.Exception{Member: "kim", Note: strings.Repeat("x", policy.MaxLabel+1)}), nil, "exceptions[0].note bad-label", "a byte more"},
		{docExcepted(policy.Exception{Member: member.ID(strings.Repeat("x", policy.MaxMember))}), nil, "", "the longest id"},
		{docExcepted(policy.Exception{Member: member.ID(strings.Repeat("x", policy.MaxMember+1))}), nil, "exceptions[0].member bad-member", "a byte more"},
	} {
		p, err := policy.Compile(tt.s, docProfile(tt.alter), nil)
		if tt.want == "" {
			if err != nil || p == nil {
				t.Errorf("%s: %v", tt.why, err)
			}
			continue
		}
		docRefused(t, tt.why, policy.Settings{}, p, err, tt.want)
	}
	// Problems are bounded here as in a document.
	_, err := policy.Compile(policy.Settings{Designated: make([]policy.Entry, 5000)}, policy.Standard(), nil)
	if problems := docProblems(t, err); len(problems) != policy.MaxProblems || problems[policy.MaxProblems-1].Code != "too-many-problems" {
		t.Errorf("%d problems, the last is %v", len(problems), problems[len(problems)-1])
	}
}

// docSpecialPurpose reads the dated copy of the registries.
func docSpecialPurpose(t *testing.T) (blocks []netip.Prefix) {
	text, err := os.ReadFile("../ipset/special-purpose.tsv")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if !strings.HasPrefix(line, "#") {
			prefix, _, _ := strings.Cut(line, "\t")
			blocks = append(blocks, netip.MustParsePrefix(prefix))
		}
	}
	if len(blocks) < 40 {
		t.Fatalf("only %d blocks in the registries", len(blocks))
	}
	return blocks
}

// Under a public-only profile, an entry is taken if and only if a walk over
// the registries finds that it is public: at the first and the last address of
// every block, at their neighbours, across each border, and for each block
// whole and the prefix around it.
func TestGuarantee06OnlyPublicEntriesAreTaken(t *testing.T) {
	blocks := docSpecialPurpose(t)
	global := netip.MustParsePrefix("2000::/3")
	public := func(a netip.Addr) bool {
		a = a.Unmap()
		for _, b := range blocks {
			if b.Contains(a) {
				return false
			}
		}
		return a.Is4() || global.Contains(a)
	}
	refused, taken := 0, 0
	check := func(r ipset.Range, why string, want bool) {
		if r.IsZero() {
			t.Fatalf("no range for %s", why)
		}
		for path, s := range map[string]policy.Settings{
			"designated[0].range":     {Access: policy.DesignatedAddresses, Designated: []policy.Entry{{Range: r}}},
			"exceptions[0].ranges[0]": docExcepted(policy.Exception{Member: "kim", Ranges: []ipset.Range{r}}),
		} {
			p, err := policy.Compile(s, policy.Standard(), nil)
			if got := err == nil; got != want || got != (p != nil) {
				t.Errorf("%v, %s: taken %v, want %v: %v", r, why, got, want, err)
				continue
			}
			if err == nil {
				taken++
				continue
			}
			refused++
			if problem := docProblems(t, err)[0]; problem.Path != path || problem.Code != "special-purpose" && problem.Code != "not-public" && !strings.HasPrefix(problem.Code, "whole-family") {
				t.Errorf("%v, %s: %v [%s]", r, why, problem, problem.Code)
			}
			if _, err := policy.Compile(s, docProfile(func(p *policy.Profile) { p.SpecialPurpose = true }), nil); err != nil && !strings.HasPrefix(docProblems(t, err)[0].Code, "whole-family") {
				t.Errorf("%v, %s: refused also where special-purpose addresses are taken: %v", r, why, err)
			}
		}
	}
	between := func(a, b netip.Addr) ipset.Range {
		r, err := ipset.RangeFrom(a, b)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	for _, b := range append(blocks, global, netip.MustParsePrefix("::/3"), netip.MustParsePrefix("4000::/2")) {
		first, last := b.Addr(), ipset.RangeOf(b).To()
		if b.Addr().Is4In6() { // RangeOf has unmapped it
			last = netip.MustParseAddr("::ffff:255.255.255.255")
		}
		for name, a := range map[string]netip.Addr{"first": first, "last": last, "before": first.Prev(), "after": last.Next()} {
			if a.IsValid() {
				check(between(a, a), fmt.Sprintf("%s of %v", name, b), public(a))
			}
		}
		if b == global {
			continue
		}
		check(ipset.RangeOf(b), fmt.Sprintf("all of %v", b), false)
		check(ipset.RangeOf(netip.PrefixFrom(first, b.Bits()-1).Masked()), fmt.Sprintf("the prefix around %v", b), false)
		if before := first.Prev(); before.IsValid() {
			check(between(before, first), fmt.Sprintf("into %v", b), false)
		}
		if after := last.Next(); after.IsValid() {
			check(between(last, after), fmt.Sprintf("out of %v", b), false)
		}
	}
	for _, text := range []string{"1fff:ffff::-2000::", "3fff:ffff::-4000::", "::/2", "::/0", "4000::/16", "e000::/16"} {
		check(docRange(text), "out of 2000::/3", false)
	}
	if taken < 50 || refused < 300 {
		t.Errorf("only %d taken and %d refused", taken, refused)
	}
}
