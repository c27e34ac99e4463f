package ipset_test

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"go4.org/netipx"

	"github.com/sallyport-go/sallyport/ipset"
)

// setOps are the operations that make a set of two, what they mean for one
// address, and how netipx does them.
var setOps = []struct {
	name string
	op   func(s, t *ipset.Set) *ipset.Set
	in   func(s, t bool) bool
	peer func(b *netipx.IPSetBuilder, t *netipx.IPSet)
}{
	{"Union", (*ipset.Set).Union, func(s, t bool) bool { return s || t }, (*netipx.IPSetBuilder).AddSet},
	{"Minus", (*ipset.Set).Minus, func(s, t bool) bool { return s && !t }, (*netipx.IPSetBuilder).RemoveSet},
	{"Intersect", (*ipset.Set).Intersect, func(s, t bool) bool { return s && t }, (*netipx.IPSetBuilder).Intersect},
}

func TestGuarantee04SetOperationsTable(t *testing.T) {
	for _, tt := range []struct{ s, t, union, minus, intersect, why string }{
		{"", "", "", "", "", "nothing and nothing"},
		{"8.8.8.0/24", "", "8.8.8.0/24", "8.8.8.0/24", "", "an empty set takes nothing away"},
		{"", "8.8.8.0/24", "8.8.8.0/24", "", "", "nothing is left of an empty set"},
		{"8.8.8.0/24", "8.8.8.0/24", "8.8.8.0/24", "", "8.8.8.0/24", "the same twice"},
		{"8.8.8.0/25", "8.8.8.128/25", "8.8.8.0/24", "8.8.8.0/25", "", "neighbours"},
		{"8.8.8.0/24", "8.8.8.8", "8.8.8.0/24", "8.8.8.0-8.8.8.7 8.8.8.9-8.8.8.255", "8.8.8.8", "one out of the middle"},
		{"8.8.8.0/24", "8.8.8.0", "8.8.8.0/24", "8.8.8.1-8.8.8.255", "8.8.8.0", "the first one"},
		{"8.8.8.0/24", "8.8.8.255", "8.8.8.0/24", "8.8.8.0-8.8.8.254", "8.8.8.255", "the last one"},
		{"0.0.0.0/0", "0.0.0.0 255.255.255.255", "0.0.0.0/0", "0.0.0.1-255.255.255.254", "0.0.0.0 255.255.255.255", "both ends of IPv4"},
		{"0.0.0.0/0", "::/0", "0.0.0.0/0 ::/0", "0.0.0.0/0", "", "the families are apart"},
		{"::/0", "8.8.8.0/24", "8.8.8.0/24 ::/0", "::/0", "", "an IPv4 range takes nothing from an IPv6 one"},
		{"2606:4700::/32", "2606:4700:0:1::-2606:4700:0:1:ffff:ffff:ffff:ffff", "2606:4700::/32",
			"2606:4700::/64 2606:4700:0:2::-2606:4700:ffff:ffff:ffff:ffff:ffff:ffff", "2606:4700:0:1::/64", "a hole that begins at the middle of the address"},
		{"::fffe:0:0-::ffff:8.8.8.8", "::fffe:0:0-::fffe:ffff:ffff", "::fffe:0:0-::ffff:8.8.8.8", "", "::fffe:0:0/96",
			"what is left lies among the mapped addresses: dropped, not turned into 0.0.0.0-8.8.8.8"},
		{"::fffe:0:0-::ffff:8.8.8.8", "::ffff:8.8.0.0-::1:0:0:0", "::fffe:0:0-::1:0:0:0", "::fffe:0:0-::ffff:8.7.255.255", "",
			"what they share lies among the mapped addresses: dropped, not turned into 8.8.0.0-8.8.8.8"},
	} {
		s, u := ipset.Of(ranges(strings.Fields(tt.s)...)...), ipset.Of(ranges(strings.Fields(tt.t)...)...)
		for i, want := range []string{tt.union, tt.minus, tt.intersect} {
			got := setOps[i].op(s, u)
			if !slices.Equal(slices.Collect(got.All()), ranges(strings.Fields(want)...)) {
				t.Errorf("%s of %q and %q is %v, want %s: %s", setOps[i].name, tt.s, tt.t, got, want, tt.why)
			}
		}
	}
}

func TestGuarantee04SetOperationsAnswerAsANaiveWalk(t *testing.T) {
	for seed := range uint64(600) {
		d := newDraw(1_000_000 + seed)
		a, b := d.ranges(d.IntN(12)), d.ranges(d.IntN(12))
		checkSetOps(t, d, a, b)
		if t.Failed() {
			t.Fatalf("seed %d: %v and %v", seed, a, b)
		}
	}
}

// checkSetOps compares what can be made of the sets of a and b with a walk over
// the ranges of both, and with netipx.
func checkSetOps(t testing.TB, d draw, a, b []ipset.Range) {
	t.Helper()
	s, u := ipset.Of(a...), ipset.Of(b...)
	both := slices.Concat(a, b)
	asked := probes(d, both)
	for _, op := range setOps {
		got := op.op(s, u)
		spans := sweep(func(x netip.Addr) bool { return op.in(walk(a, x), walk(b, x)) }, both...)
		if all := slices.Collect(got.All()); !slices.Equal(all, askable(t, spans)) {
			t.Errorf("%s = %v, want %v", op.name, all, askable(t, spans))
		}
		for _, x := range asked {
			if in := op.in(walk(a, plain(x)), walk(b, plain(x))); got.Contains(x) != in {
				t.Errorf("%s: Contains(%v) = %v, want %v", op.name, x, !in, in)
			}
		}
		var builder netipx.IPSetBuilder
		builder.AddSet(s.IPSet())
		op.peer(&builder, u.IPSet())
		peer, err := builder.IPSet()
		if err != nil {
			t.Fatal(err)
		}
		var want []span
		for _, r := range peer.Ranges() {
			want = append(want, span{r.From(), r.To()})
		}
		if all := slices.Collect(got.All()); !slices.Equal(all, askable(t, want)) {
			t.Errorf("%s = %v, netipx has %v", op.name, all, peer.Ranges())
		}
	}
	if want := slices.Equal(merged(t, a), merged(t, b)); s.Equal(u) != want || u.Equal(s) != want {
		t.Errorf("Equal = %v, %v, want %v", s.Equal(u), u.Equal(s), want)
	}
	for i, want := range [][]ipset.Range{merged(t, a), merged(t, b)} { // immutable: none of this changed them
		if got := slices.Collect([]*ipset.Set{s, u}[i].All()); !slices.Equal(got, want) {
			t.Errorf("after the operations an operand is %v, want %v", got, want)
		}
	}
}

func TestSetEqual(t *testing.T) {
	var none *ipset.Set
	for _, tt := range []struct {
		s, t *ipset.Set
		want bool
		why  string
	}{
		{none, none, true, "nil and nil"},
		{none, &ipset.Set{}, true, "nil and zero are both empty"},
		{none, ipset.Of(), true, "nil and nothing"},
		{none, ipset.Of(ipset.Range{}), true, "a zero range adds nothing"},
		{none, ipset.MustParse("0.0.0.0"), false, "one address"},
		{none, ipset.MustParse("::"), false, "one address of IPv6"},
		{ipset.MustParse("8.8.8.0/24"), ipset.MustParse("8.8.8.0/25", "8.8.8.128/25"), true, "the same addresses in other entries"},
		{ipset.MustParse("8.8.8.0/24"), ipset.MustParse("8.8.8.0/25"), false, "half of it"},
		{ipset.MustParse("8.8.8.8"), ipset.MustParse("::8.8.8.8"), false, "the same number in the other family"},
		{ipset.MustParse("8.8.8.8"), ipset.MustParse("::ffff:8.8.8.8"), true, "mapped"},
		{ipset.MustParse("8.8.8.8", "2606:4700::1"), ipset.MustParse("8.8.8.8", "2606:4700::2"), false, "IPv4 alone does not decide"},
		{ipset.MustParse("8.8.8.8", "2606:4700::1"), ipset.MustParse("8.8.8.9", "2606:4700::1"), false, "nor does IPv6"},
	} {
		if tt.s.Equal(tt.t) != tt.want || tt.t.Equal(tt.s) != tt.want {
			t.Errorf("Equal of %v and %v is not %v both ways: %s", tt.s, tt.t, tt.want, tt.why)
		}
	}
}

func TestNilAndZeroSetsAreEmpty(t *testing.T) {
	office := ipset.MustParse("8.8.8.0/24")
	client, block := addr("8.8.8.8"), ipset.MustParseRange("8.8.8.0/25")
	for name, s := range map[string]*ipset.Set{"nil": nil, "zero": {}, "Of()": ipset.Of(), "Parse()": ipset.MustParse()} {
		if s.Contains(client) || s.Contains(netip.Addr{}) || s.Covers(block) || s.Overlaps(block) {
			t.Errorf("%s: holds something", name)
		}
		if s.Covers(ipset.Range{}) || s.Overlaps(ipset.Range{}) || office.Covers(ipset.Range{}) || office.Overlaps(ipset.Range{}) {
			t.Errorf("%s: holds the zero Range", name)
		}
		if r, ok := s.Find(client); ok || !r.IsZero() {
			t.Errorf("%s: Find = %v, %v", name, r, ok)
		}
		if s.Len() != 0 || s.String() != "" || len(s.IPSet().Ranges()) != 0 || s.Bytes() < 0 {
			t.Errorf("%s: Len %d, String %q, IPSet %v", name, s.Len(), s, s.IPSet().Ranges())
		}
		for r := range s.All() {
			t.Errorf("%s: All yields %v", name, r)
		}
		for p := range s.Prefixes() {
			t.Errorf("%s: Prefixes yields %v", name, p)
		}
		if got := s.Union(office); !got.Equal(office) {
			t.Errorf("%s: Union = %v", name, got)
		}
		if got := office.Union(s); !got.Equal(office) {
			t.Errorf("Union with %s = %v", name, got)
		}
		if got := office.Minus(s); !got.Equal(office) {
			t.Errorf("Minus %s = %v", name, got)
		}
		for _, got := range []*ipset.Set{s.Minus(office), s.Intersect(office), office.Intersect(s), s.Union(nil), s.Minus(nil), s.Intersect(nil)} {
			if got == nil || got.Len() != 0 {
				t.Errorf("%s: an operation gives %v, want an empty set", name, got)
			}
		}
	}
}

func TestSetIsOneForAllGoroutines(t *testing.T) {
	set := ipset.MustParse("8.8.8.0/24", "2606:4700::/32")
	done := make(chan bool)
	for range 8 {
		go func() {
			ok := true
			for range 200 {
				ok = ok && set.Contains(addr("8.8.8.8")) && !set.Contains(addr("8.8.9.8")) && ipset.Public(addr("8.8.8.8")) &&
					set.Union(ipset.PublicSpace()).Len() > 0 && set.Minus(set).Len() == 0
			}
			done <- ok
		}()
	}
	for range 8 {
		if !<-done {
			t.Error("a wrong answer beside other goroutines")
		}
	}
}
