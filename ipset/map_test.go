package ipset_test

import (
	"errors"
	"fmt"
	"iter"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/sallyport-go/sallyport/ipset"
)

// entries reads entries of a map, written as range=value.
func entries(list ...string) (keys []ipset.Range, values []string) {
	for _, s := range list {
		r, v, _ := strings.Cut(s, "=")
		keys, values = append(keys, ipset.MustParseRange(r)), append(values, v)
	}
	return keys, values
}

// pairs yields the elements of two slices of one length, side by side.
func pairs[K, V any](keys []K, values []V) iter.Seq2[K, V] {
	return func(yield func(K, V) bool) {
		for i, k := range keys {
			if !yield(k, values[i]) {
				return
			}
		}
	}
}

func TestMapOf(t *testing.T) {
	for _, tt := range []struct {
		in, want, clash string
		why             string
	}{
		{"", "", "", "nothing"},
		{"8.8.8.0/24=a", "8.8.8.0/24=a", "", "one"},
		{"8.8.9.0/24=b 8.8.8.0/24=a", "8.8.8.0/24=a 8.8.9.0/24=b", "", "neighbours with different values stay apart, in any order"},
		{"8.8.9.0/24=a 8.8.8.0/24=a", "8.8.8.0/23=a", "", "neighbours with one value are one range"},
		{"8.8.8.0/25=a 8.8.8.129-8.8.8.255=a", "8.8.8.0/25=a 8.8.8.129-8.8.8.255=a", "", "one address between keeps them apart"},
		{"8.8.8.0/24=a 8.8.8.8=a", "8.8.8.0/24=a", "", "nested, the same value"},
		{"8.8.8.1-8.8.8.9=a 8.8.8.5-8.8.8.20=a", "8.8.8.1-8.8.8.20=a", "", "overlapping, the same value"},
		{"8.8.8.8=a 8.8.8.8=a", "8.8.8.8=a", "", "repeated"},
		{"8.8.8.0/24= 8.8.9.0/24=b", "8.8.8.0/24= 8.8.9.0/24=b", "", "the zero value of V is a value like any other"},
		{"0.0.0.0/1=a 128.0.0.0/1=b ::/1=c 8000::/1=d", "0.0.0.0/1=a 128.0.0.0/1=b ::/1=c 8000::/1=d", "", "both families whole"},
		{"255.255.255.255=a ::=a", "255.255.255.255=a ::=a", "", "the families do not touch"},
		{"0.0.0.0=a 255.255.255.255=b ::=c ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff=d", "0.0.0.0=a 255.255.255.255=b ::=c ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff=d", "", "the ends of both families"},
		{"8.8.8.0/24=a ::/0=b", "8.8.8.0/24=a ::/0=b", "", "an IPv6 range over the mapped addresses overlaps no IPv4"},
		{"8.8.8.8=a ::ffff:8.8.8.8=a", "8.8.8.8=a", "", "a mapped entry is IPv4"},
		{"2606:4700::-2606:4700:0:0:ffff:ffff:ffff:ffff=a 2606:4700:0:1::=b", "2606:4700::/64=a 2606:4700:0:1::=b", "", "they touch across the middle of the address"},

		{"8.8.8.8=a 8.8.8.8=b", "", "8.8.8.8 and 8.8.8.8", "the same range, two values"},
		{"8.8.8.8=a 8.8.8.8=", "", "8.8.8.8 and 8.8.8.8", "one of the two is the zero value"},
		{"8.8.8.0/24=a 8.8.8.8=b", "", "8.8.8.0/24 and 8.8.8.8", "nested"},
		{"8.8.8.8=b 8.8.8.0/24=a", "", "8.8.8.0/24 and 8.8.8.8", "nested, in the other order"},
		{"8.8.8.0-8.8.8.9=a 8.8.8.9-8.8.8.20=b", "", "8.8.8.0-8.8.8.9 and 8.8.8.9-8.8.8.20", "one address is in both"},
		{"8.8.8.0/25=a 8.8.8.128/25=a 8.8.8.200=b", "", "8.8.8.128/25 and 8.8.8.200", "the entry is named as it was given, not as it was merged"},
		{"8.8.8.0/24=a 8.8.8.8=a 8.8.8.16=b", "", "8.8.8.0/24 and 8.8.8.16", "the wide one, not the one before"},
		{"8.8.8.8=a ::ffff:8.8.8.8=b", "", "8.8.8.8 and 8.8.8.8", "a mapped entry is IPv4"},
		{"2606:4700::/32=a 2606:4700::1=b", "", "2606:4700::/32 and 2606:4700::1", "IPv6"},
	} {
		keys, values := entries(strings.Fields(tt.in)...)
		m, err := ipset.MapOf(pairs(keys, values))
		if tt.clash != "" {
			if m != nil || !errors.Is(err, ipset.ErrOverlap) || err.Error() != "ipset: "+tt.clash+": "+ipset.ErrOverlap.Error() {
				t.Errorf("MapOf(%s) = %v, %v, want a clash of %s: %s", tt.in, m, err, tt.clash, tt.why)
			}
			continue
		}
		if err != nil {
			t.Errorf("MapOf(%s): %v: %s", tt.in, err, tt.why)
			continue
		}
		var got []string
		for r, v := range m.All() {
			got = append(got, fmt.Sprintf("%v=%s", r, v))
		}
		if strings.Join(got, " ") != tt.want || m.Len() != len(got) || m.Bytes() <= 0 {
			t.Errorf("MapOf(%s) is %v with %d ranges, want %s: %s", tt.in, got, m.Len(), tt.want, tt.why)
		}
		checkMap(t, newDraw(5), m, keys, values)
	}
}

// checkMap compares m with a walk over its entries.
func checkMap[V comparable](t testing.TB, d draw, m *ipset.Map[V], keys []ipset.Range, values []V) {
	t.Helper()
	for _, a := range append(probes(d, keys), netip.Addr{}) {
		i := slices.IndexFunc(keys, func(r ipset.Range) bool { return walk([]ipset.Range{r}, plain(a)) })
		var want V
		if i >= 0 {
			want = values[i]
		}
		if got, ok := m.Lookup(a); ok != (i >= 0) || got != want {
			t.Errorf("Lookup(%v) = %v, %v, want %v, %v", a, got, ok, want, i >= 0)
		}
	}
}

// checkMapOf tells by comparing all with all whether entries clash, and holds
// MapOf to it.
func checkMapOf[V comparable](t testing.TB, d draw, keys []ipset.Range, values []V) {
	t.Helper()
	clashes := map[string]bool{}
	for i, r := range keys {
		for j, s := range keys {
			if i != j && values[i] != values[j] && (walk(keys[i:i+1], s.From()) || walk(keys[j:j+1], r.From())) {
				clashes[fmt.Sprintf("ipset: %v and %v: %v", r, s, ipset.ErrOverlap)] = true
			}
		}
	}
	m, err := ipset.MapOf(pairs(keys, values))
	if len(clashes) > 0 {
		if !errors.Is(err, ipset.ErrOverlap) || !clashes[err.Error()] || m != nil {
			t.Errorf("MapOf = %v, %v, want one of %v", m, err, clashes)
		}
		return
	}
	if err != nil {
		t.Errorf("MapOf: %v", err)
		return
	}
	checkMap(t, d, m, keys, values)

	// All is the walk of each value by itself, merged, in order.
	type held struct {
		r ipset.Range
		v V
	}
	var got, want []held
	for r, v := range m.All() {
		got = append(got, held{r, v})
	}
	done := map[V]bool{}
	for _, v := range values {
		if done[v] {
			continue
		}
		done[v] = true
		var mine []ipset.Range
		for i, r := range keys {
			if values[i] == v {
				mine = append(mine, r)
			}
		}
		for _, r := range merged(t, mine) {
			want = append(want, held{r, v})
		}
	}
	slices.SortFunc(want, func(a, b held) int { return a.r.Compare(b.r) })
	if !slices.Equal(got, want) || m.Len() != len(want) {
		t.Errorf("All = %v, Len %d, want %v", got, m.Len(), want)
	}
}

func TestGuarantee04MapAnswersAsANaiveWalk(t *testing.T) {
	clean := 0
	for seed := range uint64(800) {
		d := newDraw(4_000_000 + seed)
		keys, values := d.entries()
		checkMapOf(t, d, keys, values)
		if seed%4 == 0 { // and with some that probably clash
			wild := d.ranges(1 + d.IntN(4))
			more := make([]int, len(wild))
			for i := range more {
				more[i] = d.IntN(3)
			}
			checkMapOf(t, d, append(wild, keys[:min(4, len(keys))]...), append(more, values[:min(4, len(keys))]...))
		}
		if _, err := ipset.MapOf(pairs(keys, values)); err == nil {
			clean++
		}
		if t.Failed() {
			t.Fatalf("seed %d: %v, %v", seed, keys, values)
		}
	}
	if clean != 800 {
		t.Errorf("only %d of 800 draws were free of clashes", clean)
	}
}

// entries draws ranges with values that do not clash: cuts divide both families,
// each piece gets a value or none, and is given whole or with a part of itself.
func (d draw) entries() (keys []ipset.Range, values []int) {
	cuts := append(d.ranges(1+d.IntN(16)), ranges("0.0.0.0/0", "::/0")...)
	add := func(from, to netip.Addr, v int) {
		if r, err := ipset.RangeFrom(from, to); err == nil && r.From().BitLen() == from.BitLen() {
			keys, values = append(keys, r), append(values, v) // else it lies among the mapped addresses
		}
	}
	for _, s := range pieces(cuts) {
		v := d.IntN(4)
		if v == 3 {
			continue
		}
		add(s.from, s.to, v)
		if d.IntN(3) == 0 {
			add(s.from, d.between(s.from, s.to), v)
		}
	}
	order := d.Perm(len(keys))
	return permuted(keys, order), permuted(values, order)
}

func permuted[T any](list []T, order []int) []T {
	out := make([]T, len(list))
	for i, j := range order {
		out[i] = list[j]
	}
	return out
}

func TestNilAndZeroMapsAreEmpty(t *testing.T) {
	made, err := ipset.MapOf(pairs[ipset.Range, string](nil, nil))
	if err != nil {
		t.Fatal(err)
	}
	skipped, err := ipset.MapOf(pairs([]ipset.Range{{}, {}}, []string{"a", "b"}))
	if err != nil {
		t.Fatal(err)
	}
	for name, m := range map[string]*ipset.Map[string]{"nil": nil, "zero": {}, "of nothing": made, "of zero ranges": skipped} {
		for _, a := range append(addrs("0.0.0.0", "8.8.8.8", "::", "2606:4700::1", "::ffff:8.8.8.8"), netip.Addr{}) {
			if v, ok := m.Lookup(a); ok || v != "" {
				t.Errorf("%s: Lookup(%v) = %q, %v", name, a, v, ok)
			}
		}
		for r, v := range m.All() {
			t.Errorf("%s: All yields %v, %q", name, r, v)
		}
		if m.Len() != 0 || m.Bytes() < 0 {
			t.Errorf("%s: Len %d, Bytes %d", name, m.Len(), m.Bytes())
		}
	}
}

// The zero value of V is held, and nothing is held where nothing was given.
func TestMapHoldsZeroValues(t *testing.T) {
	keys, _ := entries("8.8.8.0/24=", "8.8.10.0/24=", "2606:4700::/32=")
	m, err := ipset.MapOf(pairs(keys, make([]int, 3)))
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		in  string
		ok  bool
		why string
	}{
		{"8.8.8.8", true, "given"},
		{"8.8.9.8", false, "in the gap"},
		{"8.8.10.255", true, "the last one"},
		{"8.8.11.0", false, "the next after it"},
		{"2606:4700::1", true, "given"},
		{"2606:4701::", false, "the next after it"},
	} {
		if v, ok := m.Lookup(addr(tt.in)); ok != tt.ok || v != 0 {
			t.Errorf("Lookup(%s) = %d, %v, want %v: %s", tt.in, v, ok, tt.ok, tt.why)
		}
	}
	for range m.All() {
		break // a loop that goes on after this panics
	}
}
