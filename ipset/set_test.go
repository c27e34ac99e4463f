package ipset_test

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"go4.org/netipx"

	"github.com/sallyport-go/sallyport/ipset"
)

func TestGuarantee04SetTable(t *testing.T) {
	for _, tt := range []struct {
		entries, want string // separated by blanks
		in, out       string
		why           string
	}{
		{"", "", "", "0.0.0.0 :: 8.8.8.8 2606:4700::1", "an empty list admits nobody"},
		{"8.8.8.8", "8.8.8.8", "8.8.8.8 ::ffff:8.8.8.8", "8.8.8.7 8.8.8.9 ::8.8.8.8", "one address"},
		{"8.8.8.0/24", "8.8.8.0/24", "8.8.8.0 8.8.8.255", "8.8.7.255 8.8.9.0", "both ends are inside, the neighbours outside"},
		{"8.8.8.128/25 8.8.8.0/25", "8.8.8.0/24", "8.8.8.127 8.8.8.128", "8.8.9.0", "ranges that touch become one"},
		{"8.8.8.0/25 8.8.8.129-8.8.8.255", "8.8.8.0/25 8.8.8.129-8.8.8.255", "8.8.8.127 8.8.8.129", "8.8.8.128", "one address between keeps them apart"},
		{"8.8.8.0/24 8.8.8.64/26 8.8.8.8", "8.8.8.0/24", "8.8.8.8 8.8.8.200", "8.8.9.8", "nested ranges add nothing"},
		{"8.8.8.1-8.8.8.9 8.8.8.5-8.8.8.20", "8.8.8.1-8.8.8.20", "8.8.8.1 8.8.8.20", "8.8.8.0 8.8.8.21", "overlapping ranges become one"},
		{"8.8.8.8 8.8.8.8 8.8.8.8/32", "8.8.8.8", "8.8.8.8", "8.8.8.9", "repeats change nothing"},
		{"0.0.0.0", "0.0.0.0", "0.0.0.0 ::ffff:0:0", "0.0.0.1 ::", "nothing comes before the first IPv4 address"},
		{"255.255.255.255", "255.255.255.255", "255.255.255.255", "255.255.255.254 0.0.0.0 ::", "nothing comes after the last IPv4 address"},
		{"0.0.0.0/0", "0.0.0.0/0", "0.0.0.0 8.8.8.8 255.255.255.255 ::ffff:8.8.8.8", ":: ::1 2606:4700::1", "all of IPv4 is no IPv6"},
		{"::/0", "::/0", ":: ::1 2606:4700::1", "0.0.0.0 8.8.8.8 ::ffff:8.8.8.8", "all of IPv6 is no IPv4, in either spelling"},
		{"0.0.0.0/0 ::/0", "0.0.0.0/0 ::/0", "0.0.0.0 :: 8.8.8.8 ::ffff:8.8.8.8", "", "the families do not merge where they meet"},
		{"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ::", ":: ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
			":: ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "::1 ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe 0.0.0.0", "both ends of IPv6"},
		{"2606:4700::-2606:4700:0:0:ffff:ffff:ffff:ffff 2606:4700:0:1::", "2606:4700::-2606:4700:0:1::",
			"2606:4700::ffff:ffff:ffff:ffff 2606:4700:0:1::", "2606:4700:0:1::1 2606:46ff:ffff:ffff:ffff:ffff:ffff:ffff", "they touch across the middle of the address"},
		{"2606:4700:0:1::-2606:4700:0:1::9", "2606:4700:0:1::-2606:4700:0:1::9",
			"2606:4700:0:1::", "2606:4700::ffff:ffff:ffff:ffff", "a range that begins at the middle of the address"},
		{"::ffff:8.8.8.0/120", "8.8.8.0/24", "8.8.8.8 ::ffff:808:808", "8.8.9.8 ::8.8.8.8", "a mapped prefix is IPv4"},
		{"::ffff:8.8.8.0-::1:0:0:0", "::ffff:8.8.8.0-::1:0:0:0", "::1:0:0:0", "8.8.8.8 ::ffff:8.8.8.8 ::fffe:ffff:ffff", "a wide range that begins among the mapped addresses holds none"},
		{"::fffe:0:0-::ffff:8.8.8.8", "::fffe:0:0-::ffff:8.8.8.8", "::fffe:0:0", "8.8.8.8 ::ffff:8.8.8.8 8.8.8.0", "a wide range that ends among the mapped addresses holds none"},
		{"::/0 8.8.8.8", "8.8.8.8 ::/0", "8.8.8.8 ::ffff:8.8.8.8 ::8.8.8.8", "8.8.8.9 ::ffff:8.8.8.9", "a mapped address is asked for among IPv4 only"},
	} {
		set, err := ipset.Parse(strings.Fields(tt.entries)...)
		if err != nil {
			t.Errorf("%s: %v", tt.why, err)
			continue
		}
		if got, want := slices.Collect(set.All()), ranges(strings.Fields(tt.want)...); !slices.Equal(got, want) {
			t.Errorf("%s: Parse(%s) holds %v, want %v", tt.why, tt.entries, got, want)
		}
		if set.Len() != len(strings.Fields(tt.want)) {
			t.Errorf("%s: Len of %s = %d", tt.why, tt.entries, set.Len())
		}
		for _, a := range addrs(strings.Fields(tt.in)...) {
			if !set.Contains(a) {
				t.Errorf("%s: %s does not hold %v", tt.why, tt.entries, a)
			}
		}
		for _, a := range append(addrs(strings.Fields(tt.out)...), netip.Addr{}) {
			if set.Contains(a) {
				t.Errorf("%s: %s holds %v", tt.why, tt.entries, a)
			}
		}
	}
}

func TestGuarantee04SetAnswersAsANaiveWalk(t *testing.T) {
	for seed := range uint64(1500) {
		d := newDraw(seed)
		list := d.ranges(d.IntN(40))
		set := ipset.Of(list...)
		checkSet(t, d, set, list)

		again := shuffled(d, append(shuffled(d, list), list...))
		again = append(again, ipset.Range{})
		if other := ipset.Of(again...); !set.Equal(other) || !other.Equal(set) {
			t.Errorf("seed %d: shuffled and repeated: %v, want %v", seed, other, set)
		}
		if t.Failed() {
			t.Fatalf("seed %d: ranges %v", seed, list)
		}
	}
}

// checkSet compares everything that set tells with a walk over list.
func checkSet(t testing.TB, d draw, set *ipset.Set, list []ipset.Range) {
	t.Helper()
	want := merged(t, list)
	if got := slices.Collect(set.All()); !slices.Equal(got, want) {
		t.Errorf("All = %v, want %v", got, want)
	}
	if set.Len() != len(want) {
		t.Errorf("Len = %d, want %d", set.Len(), len(want))
	}
	if set.Bytes() <= 0 {
		t.Errorf("Bytes = %d", set.Bytes())
	}
	for _, a := range probes(d, list) {
		in := walk(list, plain(a))
		if got := set.Contains(a); got != in {
			t.Errorf("Contains(%v) = %v, want %v", a, got, in)
		}
		i := slices.IndexFunc(want, func(r ipset.Range) bool { return walk([]ipset.Range{r}, plain(a)) })
		var held ipset.Range
		if i >= 0 {
			held = want[i]
		}
		if got, ok := set.Find(a); ok != in || got != held {
			t.Errorf("Find(%v) = %v, %v, want %v, %v", a, got, ok, held, in)
		}
	}
	for _, r := range append(d.ranges(20), list...) {
		within := func(a netip.Addr) bool { return walk([]ipset.Range{r}, a) }
		missing := sweep(func(a netip.Addr) bool { return within(a) && !walk(list, a) }, append(list[:len(list):len(list)], r)...)
		shared := sweep(func(a netip.Addr) bool { return within(a) && walk(list, a) }, append(list[:len(list):len(list)], r)...)
		if got, want := set.Covers(r), len(missing) == 0; got != want {
			t.Errorf("Covers(%v) = %v, want %v", r, got, want)
		}
		if got, want := set.Overlaps(r), len(shared) > 0; got != want {
			t.Errorf("Overlaps(%v) = %v, want %v", r, got, want)
		}
	}
	checkExports(t, set, list)
}

// checkExports compares what set hands to others with netipx.
func checkExports(t testing.TB, set *ipset.Set, list []ipset.Range) {
	t.Helper()
	var b netipx.IPSetBuilder
	for _, r := range list {
		b.AddRange(netipx.IPRangeFrom(r.From(), r.To()))
	}
	peer, err := b.IPSet()
	if err != nil {
		t.Fatal(err)
	}
	if !set.IPSet().Equal(peer) {
		t.Errorf("IPSet = %v, want %v", set.IPSet().Ranges(), peer.Ranges())
	}
	if back := ipset.FromIPSet(peer); !back.Equal(set) {
		t.Errorf("FromIPSet = %v, want %v", back, set)
	}
	var want []netip.Prefix
	for _, p := range peer.Prefixes() {
		if !mapped(p.Addr()) {
			want = append(want, p)
		}
	}
	if got := slices.Collect(set.Prefixes()); !slices.Equal(got, want) {
		t.Errorf("Prefixes = %v, want %v", got, want)
	}
}

func TestSetPrefixesReadBackNoIPv4(t *testing.T) {
	for _, tt := range []struct{ entry, why string }{
		{"::fffe:0:1-::ffff:ffff:ffff", "its last prefix would be ::ffff:0:0/96, which reads as all of IPv4"},
		{"::ffff:0:0-::1:0:0:0", "its first prefix would be ::ffff:0:0/96"},
		{"::1-::ffff:8.8.8.8", "it ends among the mapped addresses"},
		{"::ffff:8.8.8.8-2606:4700::", "it begins among the mapped addresses"},
		{"::/0", "it runs over all mapped addresses"},
	} {
		var back []ipset.Range
		for p := range ipset.MustParse(tt.entry).Prefixes() {
			back = append(back, ipset.MustParseRange(p.String()))
		}
		if set := ipset.Of(back...); len(back) == 0 || set.Overlaps(ipset.MustParseRange("0.0.0.0/0")) {
			t.Errorf("prefixes of %s read back as %v: %s", tt.entry, set, tt.why)
		}
	}
}

func TestFromIPSet(t *testing.T) {
	for _, tt := range []struct{ in, want, why string }{
		{"8.8.8.0-8.8.8.255", "8.8.8.0/24", "plain IPv4"},
		{"2606:4700::-2606:4700::ff", "2606:4700::/120", "plain IPv6"},
		{"::ffff:8.8.8.0-::ffff:8.8.8.255", "8.8.8.0/24", "netipx knows mapped addresses as IPv6; here they are IPv4"},
		{"::fffe:0:0-::ffff:8.8.8.8", "::fffe:0:0-::ffff:8.8.8.8", "a wider range is kept as it was written"},
	} {
		var b netipx.IPSetBuilder
		b.AddRange(netipx.MustParseIPRange(tt.in))
		peer, err := b.IPSet()
		if err != nil {
			t.Fatal(err)
		}
		if got := ipset.FromIPSet(peer); got.String() != tt.want {
			t.Errorf("FromIPSet(%s) = %v, want %s: %s", tt.in, got, tt.want, tt.why)
		}
	}
	if got := ipset.FromIPSet(nil); got.Len() != 0 {
		t.Errorf("FromIPSet(nil) = %v", got)
	}
}

func TestSetString(t *testing.T) {
	for _, tt := range []struct {
		entries []string
		want    string
		why     string
	}{
		{nil, "", "nothing"},
		{[]string{"8.8.8.1-8.8.8.20", "2606:4700::/32", "8.8.4.4"}, "8.8.4.4, 8.8.8.1-8.8.8.20, 2606:4700::/32", "canonical text, in order"},
		{[]string{"1.0.0.1", "1.0.0.3", "1.0.0.5", "1.0.0.7", "1.0.0.9", "1.0.0.11", "1.0.0.13", "1.0.0.15"},
			"1.0.0.1, 1.0.0.3, 1.0.0.5, 1.0.0.7, 1.0.0.9, 1.0.0.11, 1.0.0.13, 1.0.0.15", "eight are written out"},
		{[]string{"1.0.0.1", "1.0.0.3", "1.0.0.5", "1.0.0.7", "1.0.0.9", "1.0.0.11", "1.0.0.13", "1.0.0.15", "1.0.0.17", "1.0.0.19"},
			"1.0.0.1, 1.0.0.3, 1.0.0.5, 1.0.0.7, 1.0.0.9, 1.0.0.11, 1.0.0.13, 1.0.0.15, and 2 more", "the rest is counted"},
	} {
		if got := ipset.MustParse(tt.entries...).String(); got != tt.want {
			t.Errorf("String = %q, want %q: %s", got, tt.want, tt.why)
		}
	}
}

func TestSetIteratorsStop(t *testing.T) {
	set := ipset.MustParse("8.8.8.1-8.8.8.20", "8.8.4.4", "2606:4700::/32")
	for range set.All() {
		break // a loop that goes on after this panics
	}
	for range set.Prefixes() {
		break
	}
}
