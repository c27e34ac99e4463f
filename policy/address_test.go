package policy_test

import (
	"net"
	"net/netip"
	"strings"
	"testing"

	"github.com/sallyport-go/sallyport/geo"
	"github.com/sallyport-go/sallyport/ipset"
	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/session"
)

// evalSpellings returns an address in every spelling that there is.
func evalSpellings(t *testing.T, a netip.Addr) (spelled []netip.Addr) {
	t.Helper()
	texts := []string{a.String(), strings.ToUpper(a.String()), a.StringExpanded(), strings.ToUpper(a.StringExpanded())}
	if a.Is4() {
		long := netip.AddrFrom16(a.As16())
		texts = append(texts, "::ffff:"+a.String(), "::FFFF:"+a.String(), "0:0:0:0:0:ffff:"+a.String(),
			"0000:0000:0000:0000:0000:FFFF:"+a.String(), long.StringExpanded(), strings.ToUpper(long.StringExpanded()))
	} else {
		texts = append(texts, a.String()+"%eth0", strings.ToUpper(a.StringExpanded())+"%25")
	}
	for _, text := range texts {
		parsed, err := netip.ParseAddr(text)
		if err != nil {
			t.Fatal(err)
		}
		spelled = append(spelled, parsed)
	}
	for _, ip := range []net.IP{a.AsSlice(), net.IP(a.AsSlice()).To16(), net.ParseIP(a.String())} { // 4 and 16 bytes
		b, ok := netip.AddrFromSlice(ip)
		if !ok {
			t.Fatal(ip)
		}
		spelled = append(spelled, b)
	}
	return append(spelled, netip.AddrFrom16(a.As16()), netip.AddrFrom16(a.As16()).WithZone("eth0"),
		netip.AddrFrom16(a.As16()).WithZone(strings.Repeat("z", 300)))
}

// A decision is the same for every spelling of an address, by every line that
// looks at it, and so is its explanation.
func TestGuarantee01EverySpellingIsTheSameAddress(t *testing.T) {
	reached := map[string]int{}
	for i, c := range evalCases {
		for _, addr := range []netip.Addr{c.from[0], c.from[1]} {
			if !addr.IsValid() {
				continue
			}
			p := evalStored(t, c.settings, c.profile(), evalWorldMap)
			a := evalAttempt(i, 0)
			for _, a.Addr = range evalSpellings(t, addr) {
				d := p.Evaluate(a)
				if d.String() != c.want {
					t.Errorf("row %d from %v, spelled %v: got %v; want %v: %s", i, addr, a.Addr, d, c.want, c.why)
				}
				reached[d.String()]++
				e, err := policy.Explain(c.settings, c.profile(), evalWorldMap, a)
				if err != nil || e.Addr != addr || e.Decision != d {
					t.Errorf("row %d from %v, spelled %v: explained as %v from %v, %v", i, addr, a.Addr, e.Decision, e.Addr, err)
				}
			}
		}
	}
	for _, line := range []string{"allow [address-designated]", "allow [member-excepted]", "allow [country-exempt] KR", "verify [overseas-login] JP"} {
		if reached[line] < 20 {
			t.Errorf("only %d spellings got %s", reached[line], line)
		}
	}
}

// An IPv4 address inside an IPv6 one is not that IPv4 address: it satisfies no
// IPv4 entry, no range of an exception, and has no country, though the country
// database says KR of everything.
func TestGuarantee07EmbeddedIPv4IsNotIPv4(t *testing.T) {
	v4 := []policy.Entry{{Range: ipset.MustParseRange("1.208.0.0/24")}, {Range: ipset.MustParseRange("0.0.0.0/0")},
		{Range: ipset.MustParseRange("0.0.0.0-255.255.255.254"), Until: evalAt.Add(1)}}
	listed := evalWith(evalListed, func(s *policy.Settings) {
		s.Designated = v4
		s.Exceptions = []policy.Exception{{Member: "lee", Ranges: []ipset.Range{v4[0].Range, v4[1].Range}}}
	})
	intranet := func() *policy.Profile {
		p := policy.Standard()
		p.SpecialPurpose = true
		return p
	}
	for _, tt := range []struct{ addr, why string }{
		{"64:ff9b::1.208.0.9", "NAT64, RFC 6052: who runs the translator is not who has the address"},
		{"64:ff9b:1::1.208.0.9", "NAT64 with a local prefix, RFC 8215"},
		{"64:ff9b:1:ffff::1.208.0.9", "NAT64 with a local prefix, RFC 8215"},
		{"2002:01d0:0009::", "6to4, RFC 3056"},
		{"2002:01d0:0009:1::1.208.0.9", "6to4, RFC 3056"},
		{"2001:0:01d0:0009:0:ffff:fe2f:fff6", "Teredo, RFC 4380: server 1.208.0.9, client 1.208.0.9 inverted"},
		{"::1.208.0.9", "IPv4-compatible, RFC 4291"},
		{"::ffff:0:1.208.0.9", "IPv4-translated, RFC 2765"},
		{"fe80::5efe:1.208.0.9", "ISATAP, RFC 5214"},
	} {
		a := policy.Attempt{Addr: netip.MustParseAddr(tt.addr), Client: session.Web, Plan: "standard", Member: evalMember("lee"), At: evalAt}
		for _, profile := range append(evalProfiles[:len(evalProfiles):len(evalProfiles)], intranet) {
			p := profile()
			if a.Plan = "standard"; p.Name == "Odd" {
				a.Plan = "both"
			}
			if d := evalStored(t, listed, p, evalEverywhere{}).Evaluate(a); d != (policy.Decision{Reason: policy.ReasonAddressNotDesignated}) {
				t.Errorf("%s: %s: got %v where only IPv4 is designated: %s", p.Name, tt.addr, d, tt.why)
			}
			verify := evalWith(listed, func(s *policy.Settings) { s.Outside = policy.Verify })
			if d := evalStored(t, verify, p, evalEverywhere{}).Evaluate(a); d != (policy.Decision{Effect: policy.Verify, Reason: policy.ReasonAddressNotDesignated}) {
				t.Errorf("%s: %s: got %v where others verify: %s", p.Name, tt.addr, d, tt.why)
			}
			if p.Name == "LINE WORKS" {
				continue // has no overseas blocking in any plan
			}
			if d := evalStored(t, evalOverseas, p, evalEverywhere{}).Evaluate(a); d != (policy.Decision{Effect: policy.Verify, Reason: policy.ReasonOverseasLogin}) {
				t.Errorf("%s: %s: got %v though it has no country: %s", p.Name, tt.addr, d, tt.why)
			}
		}
		// Nor does an IPv6 entry that holds the tunnel let in the IPv4 address.
		tunnel := evalWith(evalListed, func(s *policy.Settings) {
			s.Designated = []policy.Entry{{Range: ipset.RangeOf(netip.PrefixFrom(a.Addr, 128))}, {Range: ipset.MustParseRange("::/0")}}
		})
		p := evalStored(t, tunnel, intranet(), evalEverywhere{})
		if d := p.Evaluate(a); d.Reason != policy.ReasonAddressDesignated {
			t.Errorf("%s: got %v where it is designated itself", tt.addr, d)
		}
		for _, a.Addr = range []netip.Addr{evalOffice[0], evalOffice[2]} {
			if d := p.Evaluate(a); d.Reason != policy.ReasonAddressNotDesignated {
				t.Errorf("%v: got %v where %s is designated", a.Addr, d, tt.addr)
			}
		}
	}
}

// evalAsked is a country database that keeps what it was asked.
type evalAsked struct{ about []netip.Addr }

func (l *evalAsked) Country(a netip.Addr) geo.Country {
	l.about = append(l.about, a)
	return evalWorldMap.Country(a)
}

// The country database is asked about canonical public addresses only, and
// only where the specification needs a country.
func TestGuarantee07TheLocatorIsAskedAboutPublicAddresses(t *testing.T) {
	r := newEvalRandom(7)
	asked := 0
	for range 3000 {
		p, s := evalPick(r, evalProfiles...)(), r.settings()
		var got, want evalAsked
		compiled := evalStored(t, s, p, &got)
		for range 30 {
			a := r.attempt(p)
			if r.bool() {
				a.Addr = netip.AddrFrom16(a.Addr.As16()).WithZone("eth0")
			}
			compiled.Evaluate(a)
			oracle(&s, p, &want, &a)
			if len(got.about) != len(want.about) {
				t.Fatalf("%v: asked %v, the oracle asked %v", a.Addr, got.about, want.about)
			}
		}
		for _, addr := range got.about {
			asked++
			if addr.Zone() != "" || addr.Is4In6() || !oraclePublic(addr) {
				t.Fatalf("asked about %v", addr)
			}
		}
	}
	if asked < 1000 {
		t.Errorf("asked only %d times: the test shows little", asked)
	}
}

// evalPanicking is a country database that breaks its promise.
type evalPanicking struct{}

func (evalPanicking) Country(netip.Addr) geo.Country { panic("no country today") }

// Without a country database, or with one that panics, every country is
// unknown: overseas, and not exempt.
func TestEvaluateWithoutCountries(t *testing.T) {
	var none *geo.DB
	var never *geo.Live
	for _, tt := range []struct {
		loc geo.Locator
		why string
	}{
		{nil, "the file is lost"},
		{none, "a nil database in an interface"},
		{never, "nothing loaded, in an interface"},
		{evalPanicking{}, "a host's locator that panics"},
	} {
		a := policy.Attempt{Addr: evalHome[0], Client: session.Web, Member: evalMember("lee")}
		p := evalStored(t, evalOverseas, policy.Standard(), tt.loc)
		if d := p.Evaluate(a); d != (policy.Decision{Effect: policy.Verify, Reason: policy.ReasonOverseasLogin}) {
			t.Errorf("got %v: %s", d, tt.why)
		}
		a.Verified = true
		if d := p.Evaluate(a); d != (policy.Decision{Effect: policy.Allow, Reason: policy.ReasonIdentityVerified}) {
			t.Errorf("verified: got %v: %s", d, tt.why)
		}
		if _, err := policy.Explain(evalOverseas, policy.Standard(), tt.loc, a); err != nil {
			t.Errorf("explained: %v: %s", err, tt.why)
		}
	}
}
