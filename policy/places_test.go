package policy_test

import (
	"maps"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/geo"
	"github.com/sallyport-go/sallyport/ipset"
	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/session"
)

// What the tests of deciding share: places to come from, what a country
// database says of them, settings, and members.

// evalAt is the instant of the attempts.
var evalAt = time.Date(2027, 1, 31, 15, 0, 0, 0, time.UTC)

var (
	evalKR = geo.MustParseCountry("KR")
	evalJP = geo.MustParseCountry("JP")
)

// evalPlace is where somebody is: an IPv4 address, an IPv6 one, and the IPv4
// one as IPv6 spells it.
type evalPlace [3]netip.Addr

func evalPlaceOf(v4, v6 string) evalPlace {
	four := netip.MustParseAddr(v4)
	return evalPlace{four, netip.MustParseAddr(v6), netip.AddrFrom16(four.As16()).WithZone("eth0")}
}

var (
	evalOffice  = evalPlaceOf("1.208.0.9", "2001:220::9")
	evalHome    = evalPlaceOf("1.212.3.4", "2001:290::4") // in KR, as the office
	evalAbroad  = evalPlaceOf("133.1.2.3", "2001:240::3") // in JP
	evalNowhere = evalPlaceOf("9.9.9.9", "2620:fe::9")    // the database does not know it
	evalPrivate = evalPlaceOf("10.1.2.3", "64:ff9b::1.208.0.9")
)

// evalAtlas is a country database. It says KR of what has no country, too.
type evalAtlas []evalRegion

type evalRegion struct {
	prefix  netip.Prefix
	country geo.Country
}

func (m evalAtlas) Country(a netip.Addr) geo.Country {
	for i := range m {
		if m[i].prefix.Contains(a) {
			return m[i].country
		}
	}
	return geo.Country{}
}

var evalWorldMap = evalAtlas{
	{netip.MustParsePrefix("1.208.0.0/12"), evalKR},
	{netip.MustParsePrefix("2001:220::/32"), evalKR},
	{netip.MustParsePrefix("2001:290::/32"), evalKR},
	{netip.MustParsePrefix("133.0.0.0/8"), evalJP},
	{netip.MustParsePrefix("2001:240::/32"), evalJP},
	{netip.MustParsePrefix("10.0.0.0/8"), evalKR},
	{netip.MustParsePrefix("64:ff9b::/96"), evalKR},
	{netip.MustParsePrefix("2001::/32"), evalKR},
	{netip.MustParsePrefix("2002::/16"), evalKR},
	{netip.MustParsePrefix("::/96"), evalKR},
}

// evalEverywhere is a country database that says KR of everything.
type evalEverywhere struct{}

func (evalEverywhere) Country(netip.Addr) geo.Country { return evalKR }

// The settings that the tests judge by: "kim" is an exception anywhere, "park"
// at home, "old" was one, and "choi" is one for another nanosecond.
var (
	evalOpen   = policy.Settings{}
	evalListed = policy.Settings{
		Access: policy.DesignatedAddresses,
		Designated: []policy.Entry{
			{Range: ipset.MustParseRange("1.208.0.0/24"), Label: "Head office"},
			{Range: ipset.MustParseRange("2001:220::/48"), Label: "Head office"},
			{Range: ipset.MustParseRange("8.8.8.8"), Label: "Resolver"},
			{Range: ipset.MustParseRange("133.1.2.0/24"), Label: "Fair", Until: evalAt},
			{Range: ipset.MustParseRange("2001:240::/48"), Label: "Fair", Until: evalAt},
		},
		Exceptions: []policy.Exception{
			{Member: "park", Ranges: []ipset.Range{ipset.MustParseRange("1.212.3.0/24"), ipset.MustParseRange("2001:290::/48")}},
			{Member: "old", Until: evalAt, Note: "was on the road"},
			{Member: "choi", Until: evalAt.Add(1), Note: "nearly back"},
			{Member: "kim", Note: "on the road"},
		},
		Overseas: policy.Overseas{Block: true, Exempt: geo.CountriesOf(evalKR)}, // not in force
	}
	evalListedVerify = evalWith(evalListed, func(s *policy.Settings) { s.Outside = policy.Verify })
	evalOverseas     = evalWith(evalListed, func(s *policy.Settings) { s.Access = policy.AllAddresses })
)

// evalWith returns a copy of s with a change.
func evalWith(s policy.Settings, change func(*policy.Settings)) policy.Settings {
	s = s.Clone()
	change(&s)
	return s
}

// evalMember returns an active member.
func evalMember(id member.ID) *member.Member {
	return &member.Member{ID: id, Status: member.Active}
}

// evalStored compiles settings as they were stored.
func evalStored(t testing.TB, s policy.Settings, p *policy.Profile, loc geo.Locator) *policy.Policy {
	t.Helper()
	compiled, err := policy.CompileStored(s, p, loc)
	if err != nil {
		t.Fatal(err)
	}
	return compiled
}

// evalOdd is a profile that a host could have written: its own clients, super
// admins that are bound like everybody, and plans with one feature only.
func evalOdd() *policy.Profile {
	return &policy.Profile{
		Name: "Odd",
		Plans: map[policy.Plan]policy.Features{
			"none":     0,
			"network":  policy.NetworkSecurity,
			"overseas": policy.OverseasBlocking,
			"both":     policy.NetworkSecurity | policy.OverseasBlocking,
		},
		Clients: session.ClientsOf(session.Web, session.Mobile, session.IMAP, session.API,
			session.FirstCustom, session.FirstCustom+30),
		ListExempt:     session.ClientsOf(session.FirstCustom+30, session.Mobile),
		OverseasExempt: session.ClientsOf(session.FirstCustom),
		Exceptions:     true,
		Overseas:       true,
	}
}

// evalProfiles are the profiles of this package and an odd one.
var evalProfiles = []func() *policy.Profile{
	policy.Standard, policy.NaverWorks, policy.LineWorks, policy.Kintone, evalOdd,
}

// evalPlans returns the plans that a profile names, one that it does not, and
// the empty one, in order.
func evalPlans(p *policy.Profile) []policy.Plan {
	plans := append(slices.Collect(maps.Keys(p.Plans)), "", "unheard-of")
	slices.Sort(plans)
	return plans
}
