package policy_test

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/geo"
	"github.com/sallyport-go/sallyport/ipset"
	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/session"
)

// docStored returns settings that use all that an indulgent profile offers.
func docStored() policy.Settings {
	s := docDesignated("8.8.8.0/24", "2606:4700::/32", "8.8.4.1-8.8.4.9", "10.0.0.0/8", "9.9.9.9", "9.9.9.10")
	s.Designated[4].Until = docNow.Add(-time.Hour)
	s.Designated[5].Until = docNow.Add(time.Hour)
	s.Exceptions = []policy.Exception{
		{Member: "kim", Until: docNow.Add(time.Hour)},
		{Member: "lee", Ranges: docRanges("4.4.4.0/24", "fd00::/8", "4.4.5.1-4.4.5.6")},
	}
	s.Overseas = policy.Overseas{Block: true, Exempt: geo.CountriesOf(docKR)}
	return s
}

func docIndulgent() *policy.Profile {
	return docProfile(func(p *policy.Profile) { p.SpecialPurpose = true })
}

// docStoredAttempts tell apart every entry and exception of docStored.
func docStoredAttempts() []policy.Attempt {
	attempts := docAttempts("8.8.8.8", "2606:4700::1", "8.8.4.5", "10.1.1.1", "9.9.9.9", "9.9.9.10", "4.4.4.4", "fd00::1", "4.4.5.5", "1.0.0.9", "5.5.5.5", "::ffff:8.8.8.8")
	for _, a := range slices.Clone(attempts) {
		a.Verified = true
		attempts = append(attempts, a)
	}
	return attempts
}

// docStricter are changes of a profile after which Compile refuses docStored.
var docStricter = []struct {
	codes []string // what Compile says then
	alter func(p *policy.Profile)
	why   string
}{
	{[]string{"designated[1].range ipv4-only", "exceptions[1].ranges[1] ipv4-only"}, func(p *policy.Profile) { p.IPv4Only = true }, "IPv6 is given up"},
	{[]string{"designated[2].range no-from-to", "exceptions[1].ranges[2] no-from-to"}, func(p *policy.Profile) { p.NoRanges = true }, "ranges are given up"},
	{[]string{"designated too-many"}, func(p *policy.Profile) { p.MaxEntries = 1 }, "the bound is lowered"},
	{[]string{"exceptions no-exceptions"}, func(p *policy.Profile) { p.Exceptions = false }, "exceptions are given up"},
	{[]string{"overseas.block no-overseas-blocking"}, func(p *policy.Profile) { p.Overseas = false }, "overseas blocking is given up"},
	{[]string{"designated[3].range special-purpose", "exceptions[1].ranges[1] special-purpose"}, func(p *policy.Profile) { p.SpecialPurpose = false }, "an intranet is taken no more; as good as a new row in the registries"},
	{[]string{"designated too-many", "designated[1].range ipv4-only", "designated[2].range no-from-to", "designated[3].range special-purpose", "exceptions no-exceptions", "exceptions[1].ranges[1] special-purpose", "exceptions[1].ranges[2] no-from-to", "overseas.block no-overseas-blocking"},
		func(p *policy.Profile) {
			p.IPv4Only, p.NoRanges, p.MaxEntries, p.Exceptions, p.Overseas, p.SpecialPurpose = true, true, 1, false, false, false
		}, "all of it at once"},
}

func TestGuarantee31WhatWasAcceptedDecidesAsBefore(t *testing.T) {
	attempts := docStoredAttempts()
	for _, access := range []policy.Access{policy.AllAddresses, policy.DesignatedAddresses} {
		for _, outside := range []policy.Effect{policy.Deny, policy.Verify} {
			s := docStored()
			s.Access, s.Outside = access, outside
			accepted, err := policy.Compile(s, docIndulgent(), docLocator{})
			if err != nil {
				t.Fatal(err)
			}
			want := docDecide(accepted, attempts)
			for _, tt := range docStricter {
				p := docIndulgent()
				tt.alter(p)
				refused, err := policy.Compile(s, p, docLocator{})
				docRefused(t, tt.why, policy.Settings{}, refused, err, tt.codes...)

				stored, err := policy.CompileStored(s, p, docLocator{})
				if err != nil {
					t.Errorf("%s: shut out: %v", tt.why, err)
					continue
				}
				if got := docCodes(stored.Problems()); !slices.Equal(got, tt.codes) {
					t.Errorf("%s: problems %q, want what Compile says, %q", tt.why, got, tt.codes)
				}
				for i, d := range docDecide(stored, attempts) {
					if d != want[i] {
						t.Errorf("%v, %v outside, %s: %v %v at %v: %v, was %v", access, outside, tt.why, attempts[i].Member.ID, attempts[i].Client, attempts[i].Addr, d, want[i])
					}
				}
			}
		}
	}
}

// Without country data the list decides as before, and of the countries only
// that is lost which nobody knows any more: who was free of verification is
// asked for it. Nobody is refused, and nobody comes in who did not.
func TestGuarantee31LostCountryDataShutsNobodyOut(t *testing.T) {
	attempts := docStoredAttempts()
	var noDB *geo.DB
	var noLive *geo.Live
	for name, loc := range map[string]geo.Locator{"nil": nil, "nil *DB": noDB, "nil *Live": noLive, "*Live without a file": new(geo.Live), "empty *DB": new(geo.DB)} {
		for _, access := range []policy.Access{policy.AllAddresses, policy.DesignatedAddresses} {
			s := docStored()
			s.Access, s.Outside = access, policy.Verify
			before, err := policy.Compile(s, docIndulgent(), docLocator{})
			if err != nil {
				t.Fatal(err)
			}
			after, err := policy.CompileStored(s, docIndulgent(), loc)
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			if got := docCodes(after.Problems()); (len(got) > 0) != (name != "empty *DB") || len(got) > 0 && !slices.Equal(got, []string{"overseas.block no-locator"}) {
				t.Errorf("%s: problems %q", name, got)
			}
			for _, a := range attempts {
				was, is := before.Evaluate(a), after.Evaluate(a)
				want := was
				want.Country = geo.Country{}
				if was.Reason == policy.ReasonCountryExempt {
					want = policy.Decision{Effect: policy.Verify, Reason: policy.ReasonOverseasLogin}
					if a.Verified {
						want = policy.Decision{Effect: policy.Allow, Reason: policy.ReasonIdentityVerified}
					}
				}
				if is != want {
					t.Errorf("%s, %v: %v at %v: %v, want %v", name, access, a.Member.ID, a.Addr, is, want)
				}
			}
		}
	}
}

// Of all that Compile refuses, CompileStored refuses only what no program of
// this version can understand; the rest is told, and decides.
func TestGuarantee31OnlyTheIncomprehensibleIsRefused(t *testing.T) {
	fatal := []string{"unknown-access", "unknown-outside", "no-clients"}
	for _, tt := range docMeanings {
		s := tt.s.Clone()
		s.Designated = append(s.Designated, policy.Entry{}) // another problem, which is not fatal
		_, refusal := policy.Compile(s, docProfile(tt.alter), docLocator{})
		p, err := policy.CompileStored(s, docProfile(tt.alter), docLocator{})
		if slices.Contains(fatal, tt.code) {
			docRefused(t, tt.why, policy.Settings{}, p, err, tt.path+" "+tt.code)
			continue
		}
		if err != nil {
			t.Errorf("%s: %s: shut out: %v", tt.code, tt.why, err)
			continue
		}
		if got, want := docCodes(p.Problems()), docCodes(docProblems(t, refusal)); !slices.Equal(got, want) || len(got) == 0 {
			t.Errorf("%s: problems %q, want %q", tt.code, got, want)
		}
		for _, a := range docStoredAttempts() {
			if d := p.Evaluate(a); d.Reason == policy.ReasonNoPolicy {
				t.Fatalf("%s: %v at %v: %v", tt.code, a.Member.ID, a.Addr, d)
			}
		}
	}
	p, err := policy.CompileStored(docStored(), nil, docLocator{})
	docRefused(t, "nil profile", policy.Settings{}, p, err, "profile no-profile")
}

// What is odd in stored settings opens no door.
func TestCompileStoredOddSettings(t *testing.T) {
	for _, tt := range []struct {
		s    policy.Settings
		addr string
		want string
		why  string
	}{
		{policy.Settings{Access: policy.DesignatedAddresses, Designated: make([]policy.Entry, 3)}, "8.8.8.8", "deny [address-not-designated]", "zero ranges hold nothing"},
		{policy.Settings{Access: policy.DesignatedAddresses, Designated: []policy.Entry{{Until: docNow.Add(1)}}}, "8.8.8.8", "deny [address-not-designated]", "a zero range with an end holds nothing"},
		{docExcepted(policy.Exception{Member: "kim", Ranges: []ipset.Range{}}), "8.8.8.8", "deny [address-not-designated]", "an exception nowhere is not one anywhere"},
		{docExcepted(policy.Exception{Member: "kim", Ranges: make([]ipset.Range, 1)}), "8.8.8.8", "deny [address-not-designated]", "nor is one at a zero range"},
		{docExcepted(policy.Exception{}), "8.8.8.8", "deny [address-not-designated]", "nobody's exception is not everybody's"},
		{policy.Settings{Access: policy.DesignatedAddresses, Exceptions: []policy.Exception{{Member: "kim", Until: docNow}, {Member: "kim", Ranges: docRanges("8.8.8.8")}, {Member: "kim", Ranges: docRanges("9.9.9.9")}}}, "8.8.8.8", "allow [member-excepted]", "of a member named twice each counts"},
		{policy.Settings{Access: policy.DesignatedAddresses, Exceptions: []policy.Exception{{Member: "kim", Until: docNow}, {Member: "kim", Ranges: docRanges("8.8.8.8")}}}, "9.9.9.9", "deny [address-not-designated]", "and no more than each"},
		{docDesignated("0.0.0.0/0"), "8.8.8.8", "allow [address-designated]", "a whole family was accepted once"},
		{docDesignated("0.0.0.0/0"), "2606:4700::1", "deny [address-not-designated]", "and means that family"},
		{docDesignated("::/0"), "::ffff:8.8.8.8", "deny [address-not-designated]", "an IPv6 prefix over the mapped block holds no IPv4"},
		{docDesignated("::/0"), "::", "deny [no-client-address]", "and no address that is none"},
	} {
		p, err := policy.CompileStored(tt.s, policy.Standard(), nil)
		if err != nil {
			t.Fatal(err)
		}
		d := p.Evaluate(policy.Attempt{Addr: netip.MustParseAddr(tt.addr), Client: session.Web, Member: docMember("kim"), At: docNow})
		if d.String() != tt.want {
			t.Errorf("%+v at %s: %v, want %s: %s", tt.s, tt.addr, d, tt.want, tt.why)
		}
	}
}

// A Policy shares nothing that can be written with what it was made from, nor
// with what it returns.
func TestCompileCopies(t *testing.T) {
	s, p := docStored(), policy.NaverWorks()
	p.SpecialPurpose = true
	attempts := docStoredAttempts()
	for i := range attempts {
		attempts[i].Plan = "standard"
	}
	compiled, err := policy.CompileStored(s, p, docLocator{})
	if err != nil {
		t.Fatal(err)
	}
	decisions, unavailable := docDecide(compiled, attempts), slices.Clone(compiled.Unavailable("standard"))
	if !slices.Equal(unavailable, p.Unavailable) || len(unavailable) == 0 {
		t.Fatalf("unavailable are %q, want %q", unavailable, p.Unavailable)
	}

	for i := range s.Designated {
		s.Designated[i] = policy.Entry{Range: docRange("5.5.5.5")}
	}
	for i := range s.Exceptions[1].Ranges {
		s.Exceptions[1].Ranges[i] = docRange("5.5.5.5")
	}
	for i := range s.Exceptions {
		s.Exceptions[i].Member = "nobody"
	}
	s.Overseas.Exempt = geo.AllCountries()
	for plan := range p.Plans {
		p.Plans[plan] = 0
	}
	p.Plans["other"] = policy.NetworkSecurity
	p.Unavailable[0] = "x"
	*p = policy.Profile{Clients: session.AllClients, ListExempt: session.AllClients, SuperAdminBypass: true}

	if got := docDecide(compiled, attempts); !slices.Equal(got, decisions) {
		t.Errorf("decides\n%v\nand did\n%v", got, decisions)
	}
	if got := compiled.Unavailable("standard"); !slices.Equal(got, unavailable) {
		t.Errorf("unavailable are %q", got)
	}
	compiled.Unavailable("standard")[0] = "y"
	if got := compiled.Unavailable("standard"); !slices.Equal(got, unavailable) {
		t.Errorf("unavailable are %q after what was returned was written to", got)
	}

	stored, err := policy.CompileStored(docDesignated("10.0.0.0/8"), policy.Standard(), nil)
	if err != nil {
		t.Fatal(err)
	}
	stored.Problems()[0] = policy.Problem{}
	if got := docCodes(stored.Problems()); !slices.Equal(got, []string{"designated[0].range special-purpose"}) {
		t.Errorf("problems are %q after what was returned was written to", got)
	}
	var none *policy.Policy
	if none.Problems() != nil || none.Unavailable("standard") != nil || (&policy.Policy{}).Unavailable("") != nil {
		t.Errorf("no policy has problems %v, unavailable %v", none.Problems(), none.Unavailable("standard"))
	}
}
