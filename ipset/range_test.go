package ipset_test

import (
	"encoding/json"
	"errors"
	"math/big"
	"net/netip"
	"strings"
	"testing"

	"github.com/sallyport-go/sallyport/ipset"
)

func TestRangeOf(t *testing.T) {
	for _, tt := range []struct {
		prefix   netip.Prefix
		from, to string
		why      string
	}{
		{netip.MustParsePrefix("8.8.8.0/24"), "8.8.8.0", "8.8.8.255", "IPv4"},
		{netip.MustParsePrefix("8.8.8.8/32"), "8.8.8.8", "8.8.8.8", "one address"},
		{netip.MustParsePrefix("0.0.0.0/0"), "0.0.0.0", "255.255.255.255", "all of IPv4"},
		{netip.MustParsePrefix("2606:4700::/32"), "2606:4700::", "2606:4700:ffff:ffff:ffff:ffff:ffff:ffff", "IPv6"},
		{netip.MustParsePrefix("::/0"), "::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "all of IPv6"},
		{netip.PrefixFrom(addr("::ffff:8.8.8.0"), 120), "8.8.8.0", "8.8.8.255", "mapped"},
		{netip.PrefixFrom(addr("::ffff:0:0"), 96), "0.0.0.0", "255.255.255.255", "all that is mapped is all of IPv4"},
		{netip.MustParsePrefix("::fffe:0:0/95"), "::fffe:0:0", "::ffff:ffff:ffff", "wider than the mapped addresses: kept as IPv6"},
		{netip.Prefix{}, "", "", "the zero Prefix"},
		{netip.PrefixFrom(addr("8.8.8.0"), 33), "", "", "too long"},
		{netip.PrefixFrom(addr("8.8.8.0"), -1), "", "", "negative"},
		{netip.PrefixFrom(addr("8.8.8.8"), 24), "", "", "host bits"},
		{netip.PrefixFrom(addr("2606:4700::1"), 32), "", "", "host bits in IPv6"},
		{netip.PrefixFrom(addr("::ffff:8.8.8.0"), 24), "", "", "a mapped address with the length of the IPv4 prefix"},
	} {
		r := ipset.RangeOf(tt.prefix)
		if tt.from == "" {
			if !r.IsZero() {
				t.Errorf("RangeOf(%v) = %v, want zero: %s", tt.prefix, r, tt.why)
			}
		} else if r.From() != addr(tt.from) || r.To() != addr(tt.to) {
			t.Errorf("RangeOf(%v) = %v: %s", tt.prefix, r, tt.why)
		}
	}
}

func TestRangeFrom(t *testing.T) {
	for _, tt := range []struct {
		from, to netip.Addr
		want     string
		err      error
		why      string
	}{
		{addr("8.8.8.1"), addr("8.8.8.20"), "8.8.8.1-8.8.8.20", nil, "both inclusive"},
		{addr("8.8.8.8"), addr("8.8.8.8"), "8.8.8.8", nil, "one address"},
		{addr("::ffff:8.8.8.0"), addr("8.8.8.255"), "8.8.8.0/24", nil, "one of two is mapped"},
		{addr("::ffff:8.8.8.0"), addr("::ffff:8.8.8.255"), "8.8.8.0/24", nil, "both are mapped"},
		{addr("::"), addr("::ffff:8.8.8.8"), "::-::ffff:8.8.8.8", nil, "wider than the mapped addresses: kept as written"},
		{netip.Addr{}, addr("8.8.8.8"), "", ipset.ErrAddress, "no first address"},
		{addr("8.8.8.8"), netip.Addr{}, "", ipset.ErrAddress, "no last address"},
		{netip.Addr{}, netip.Addr{}, "", ipset.ErrAddress, "neither"},
		{addr("fe80::1%eth0"), addr("fe80::2"), "", ipset.ErrZone, "a zone in the first"},
		{addr("fe80::1"), addr("fe80::2%eth0"), "", ipset.ErrZone, "a zone in the last"},
		{addr("::ffff:8.8.8.8%eth0"), addr("8.8.8.9"), "", ipset.ErrZone, "a zone on a mapped address"},
		{addr("8.8.8.8"), addr("2606:4700::1"), "", ipset.ErrFamilies, "two families"},
		{addr("2606:4700::1"), addr("8.8.8.8"), "", ipset.ErrFamilies, "two families, the other way"},
		{addr("8.8.8.9"), addr("8.8.8.8"), "", ipset.ErrReversed, "reversed by one"},
		{addr("2606:4700:0:1::"), addr("2606:4700::ffff:ffff:ffff:ffff"), "", ipset.ErrReversed, "reversed by one across the middle"},
		{addr("::ffff:8.8.8.9"), addr("8.8.8.8"), "", ipset.ErrReversed, "reversed, one mapped"},
	} {
		r, err := ipset.RangeFrom(tt.from, tt.to)
		var bad *ipset.ParseError
		switch {
		case tt.err == nil && (err != nil || r.String() != tt.want):
			t.Errorf("RangeFrom(%v, %v) = %v, %v, want %s: %s", tt.from, tt.to, r, err, tt.want, tt.why)
		case tt.err != nil && (!errors.As(err, &bad) || bad.Err != tt.err || !r.IsZero()):
			t.Errorf("RangeFrom(%v, %v) = %v, %v, want %v: %s", tt.from, tt.to, r, err, tt.err, tt.why)
		}
	}
}

func TestRangeAnswersAsNumbersDo(t *testing.T) {
	number := func(a netip.Addr) *big.Int { return new(big.Int).SetBytes(a.AsSlice()) }
	within := func(r ipset.Range, a netip.Addr) bool {
		return !r.IsZero() && a.BitLen() == r.From().BitLen() && number(r.From()).Cmp(number(a)) <= 0 && number(a).Cmp(number(r.To())) <= 0
	}
	d := newDraw(2)
	list := append(d.ranges(120), ranges("0.0.0.0/0", "::/0", "::ffff:0:0-::1:0:0:0", "::fffe:0:0-::ffff:8.8.8.8")...)
	list = append(list, ipset.Range{})
	asked := append(probes(d, list[:60]), netip.Addr{})
	for _, r := range list {
		for _, a := range asked {
			if got, want := r.Contains(a), within(r, plain(a)); got != want {
				t.Fatalf("%v: Contains(%v) = %v, want %v", r, a, got, want)
			}
		}
		for _, s := range list {
			covers := !r.IsZero() && within(r, s.From()) && within(r, s.To())
			overlaps := within(r, s.From()) || within(s, r.From())
			if r.Covers(s) != covers || r.Overlaps(s) != overlaps || r.Equal(s) != (r.String() == s.String()) {
				t.Fatalf("%v and %v: Covers %v, Overlaps %v, Equal %v", r, s, r.Covers(s), r.Overlaps(s), r.Equal(s))
			}
			order := number(r.From()).Cmp(number(s.From()))
			if order == 0 {
				order = number(r.To()).Cmp(number(s.To()))
			}
			if x, y := r.From().BitLen(), s.From().BitLen(); x != y {
				order = x - y
			}
			if got := r.Compare(s); (got < 0) != (order < 0) || (got > 0) != (order > 0) {
				t.Fatalf("Compare(%v, %v) = %d, want the sign of %d", r, s, got, order)
			}
		}
	}
}

func TestRangePrefix(t *testing.T) {
	for _, tt := range []struct{ in, want, why string }{
		{"8.8.8.0-8.8.8.255", "8.8.8.0/24", "a range that is a prefix"},
		{"8.8.8.8", "8.8.8.8/32", "one address"},
		{"0.0.0.0-255.255.255.255", "0.0.0.0/0", "all of IPv4"},
		{"2606:4700::1", "2606:4700::1/128", "one address of IPv6"},
		{"8.8.8.0-8.8.8.254", "", "one short of a prefix"},
		{"8.8.8.1-8.8.9.0", "", "as many as a prefix, not aligned"},
	} {
		p, ok := ipset.MustParseRange(tt.in).Prefix()
		if ok != (tt.want != "") || ok && p.String() != tt.want {
			t.Errorf("%s: Prefix = %v, %v, want %q: %s", tt.in, p, ok, tt.want, tt.why)
		}
	}
}

func TestCanonical(t *testing.T) {
	for _, tt := range []struct{ in, want, why string }{
		{"8.8.8.8", "8.8.8.8", "IPv4 is itself"},
		{"::ffff:8.8.8.8", "8.8.8.8", "mapped"},
		{"::ffff:8.8.8.8%eth0", "8.8.8.8", "mapped with a zone"},
		{"2606:4700::1%eth0", "2606:4700::1", "a zone is dropped"},
		{"::8.8.8.8", "::8.8.8.8", "compatible is not mapped"},
		{"::ffff:0:8.8.8.8", "::ffff:0:8.8.8.8", "SIIT is not mapped"},
		{"0.0.0.0", "", "unspecified"},
		{"::", "", "unspecified in IPv6"},
		{"::%eth0", "", "unspecified with a zone, which IsUnspecified misses"},
		{"::ffff:0.0.0.0", "", "mapped unspecified, which IsUnspecified misses"},
		{"::ffff:0.0.0.0%eth0", "", "both"},
		{"0.0.0.1", "0.0.0.1", "just after it: an address, though no public one"},
		{"::1", "::1", "just after it in IPv6"},
		{"::ffff:0.0.0.1", "0.0.0.1", "just after it, mapped"},
	} {
		got, want := ipset.Canonical(addr(tt.in)), netip.Addr{}
		if tt.want != "" {
			want = addr(tt.want)
		}
		if got != want || got != ipset.Canonical(got) {
			t.Errorf("Canonical(%s) = %v, want %v: %s", tt.in, got, want, tt.why)
		}
	}
	if got := ipset.Canonical(netip.Addr{}); got.IsValid() {
		t.Errorf("Canonical of the zero Addr = %v", got)
	}
}

func TestZeroRangeHoldsNothing(t *testing.T) {
	var zero ipset.Range
	all := ipset.MustParseRange("0.0.0.0/0")
	if !zero.IsZero() || all.IsZero() || zero.From().IsValid() || zero.To().IsValid() {
		t.Error("IsZero, From or To")
	}
	if zero.Contains(addr("0.0.0.0")) || zero.Contains(netip.Addr{}) || all.Contains(netip.Addr{}) {
		t.Error("it holds an address, or a range holds the zero Addr")
	}
	if zero.Covers(zero) || zero.Overlaps(zero) || zero.Covers(all) || all.Covers(zero) || all.Overlaps(zero) || zero.Overlaps(all) {
		t.Error("it covers or overlaps something")
	}
	if p, ok := zero.Prefix(); ok {
		t.Errorf("Prefix = %v", p)
	}
	if zero.String() != "invalid Range" {
		t.Errorf("String = %q", zero)
	}
	if b, err := zero.MarshalText(); err == nil {
		t.Errorf("MarshalText = %q; it would read back as something else", b)
	}
	if _, err := json.Marshal(zero); err == nil || !strings.Contains(err.Error(), "no text") {
		t.Errorf("json.Marshal: %v", err)
	}
	if _, err := ipset.ParseRange(zero.String()); err == nil {
		t.Error("its text is read as a range")
	}
}
