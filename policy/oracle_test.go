package policy_test

import (
	"net/netip"
	"time"

	"github.com/sallyport-go/sallyport/geo"
	"github.com/sallyport-go/sallyport/ipset"
	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/session"
)

// oracleAnswer is a decision, and the line of the list that gave it.
type oracleAnswer struct {
	policy.Decision
	Line  string // 7c
	Eight bool   // line 8 changed the answer of Line
}

// oracle decides an attempt as the list in the package comment says, with the
// same numbers. It is slow, it is read beside the list, and it shares nothing
// with what it judges: no compiled policy, no set of addresses, no help of
// Evaluate's. Nil settings: there is no policy.
func oracle(s *policy.Settings, p *policy.Profile, loc geo.Locator, a *policy.Attempt) oracleAnswer {
	answer := oracleLines(s, p, loc, a)

	// 8. It is a login, the answer is allow, and the member must change the
	// password.
	if !a.Request && answer.Effect == policy.Allow && a.Member.MustChangePassword {
		answer.Eight = true
		answer.Reason = policy.ReasonPasswordChangeRequired
		if oracleInteractive(a.Client) {
			answer.Effect = policy.ChangePassword
		} else {
			answer.Effect = policy.Deny
		}
	}
	return answer
}

func oracleLines(s *policy.Settings, p *policy.Profile, loc geo.Locator, a *policy.Attempt) oracleAnswer {
	var country geo.Country // zero until it is asked for
	deny := func(line string, r policy.Reason) oracleAnswer {
		return oracleAnswer{policy.Decision{Effect: policy.Deny, Reason: r, Country: country}, line, false}
	}
	verify := func(line string, r policy.Reason) oracleAnswer {
		return oracleAnswer{policy.Decision{Effect: policy.Verify, Reason: r, Country: country}, line, false}
	}
	allow := func(line string, r policy.Reason) oracleAnswer {
		return oracleAnswer{policy.Decision{Effect: policy.Allow, Reason: r, Country: country}, line, false}
	}

	// 0. There is no policy. The attempt has no member.
	if s == nil {
		return deny("0", policy.ReasonNoPolicy)
	}
	if a.Member == nil {
		return deny("0", policy.ReasonUnknownMember)
	}

	// 1. The address is zero, or unspecified in any spelling. The client is
	// none of the profile's.
	addr, usable := oracleAddress(a.Addr)
	if !usable {
		return deny("1", policy.ReasonNoClientAddress)
	}
	if !oracleHas(p.Clients, a.Client) {
		return deny("1", policy.ReasonUnknownClient)
	}

	// 2. The member's status. For a request, a lock by failed logins does not
	// count.
	switch a.Member.Status {
	case member.Pending:
		return deny("2", policy.ReasonMemberPending)
	case member.Suspended:
		return deny("2", policy.ReasonMemberSuspended)
	case member.Locked:
		if !a.Request {
			return deny("2", policy.ReasonMemberLocked)
		}
	case member.Deleted:
		return deny("2", policy.ReasonMemberDeleted)
	case member.Active, member.OnLeave:
	default:
		return deny("2", policy.ReasonMemberUnknownStatus)
	}

	// 3. The client is blocked for the member.
	if oracleHas(a.Member.Blocked, a.Client) {
		return deny("3", policy.ReasonClientBlocked)
	}

	// 4. The member is a super admin, and the profile lets super admins
	// through.
	if a.Member.Super && p.SuperAdminBypass {
		return allow("4", policy.ReasonSuperAdmin)
	}

	// 5. The profile sells by plan, and does not name this one. The plan has
	// neither feature.
	networkSecurity, overseasBlocking := true, true
	if p.Plans != nil {
		features, named := p.Plans[a.Plan]
		if !named {
			return deny("5", policy.ReasonUnknownPlan)
		}
		networkSecurity = features&policy.NetworkSecurity != 0
		overseasBlocking = features&policy.OverseasBlocking != 0
		if !networkSecurity && !overseasBlocking {
			return allow("5", policy.ReasonPlanWithoutNetworkSecurity)
		}
	}

	// 6. Addresses are designated, and the plan has network security.
	if s.Access == policy.DesignatedAddresses && networkSecurity {
		// a. The profile frees this client of the list.
		if oracleHas(p.ListExempt, a.Client) {
			return allow("6a", policy.ReasonClientExempt)
		}
		// b. The address is designated.
		for i := range s.Designated {
			if e := &s.Designated[i]; oracleInForce(e.Until, a.At) && oracleHolds(e.Range, addr) {
				return allow("6b", policy.ReasonAddressDesignated)
			}
		}
		// c. The member is an exception in force that names no ranges, or one
		// that holds the address.
		for i := range s.Exceptions {
			if x := &s.Exceptions[i]; x.Member == a.Member.ID && oracleInForce(x.Until, a.At) {
				if x.Ranges == nil {
					return allow("6c", policy.ReasonMemberExcepted)
				}
				for _, r := range x.Ranges {
					if oracleHolds(r, addr) {
						return allow("6c", policy.ReasonMemberExcepted)
					}
				}
			}
		}
		// d. Outside is verify, and the client is interactive: the identity was
		// verified, or it was not. Otherwise.
		if s.Outside == policy.Verify && oracleInteractive(a.Client) {
			country = oracleCountry(loc, addr)
			if a.Verified {
				return allow("6d", policy.ReasonIdentityVerified)
			}
			return verify("6d", policy.ReasonAddressNotDesignated)
		}
		return deny("6d", policy.ReasonAddressNotDesignated)
	}

	// 7. Otherwise.
	// a. Overseas blocking is off, or the plan lacks it, or addresses are
	// designated.
	if !s.Overseas.Block || !overseasBlocking || s.Access == policy.DesignatedAddresses {
		return allow("7a", policy.ReasonAllAddresses)
	}
	// b. The profile frees this client of the check.
	if oracleHas(p.OverseasExempt, a.Client) {
		return allow("7b", policy.ReasonClientExempt)
	}
	// c. The country is exempt. The unknown one never is.
	country = oracleCountry(loc, addr)
	for exempt := range s.Overseas.Exempt.All() {
		if country == exempt {
			return allow("7c", policy.ReasonCountryExempt)
		}
	}
	// d. Identity was verified.
	if a.Verified {
		return allow("7d", policy.ReasonIdentityVerified)
	}
	// e. Otherwise.
	return verify("7e", policy.ReasonOverseasLogin)
}

// oracleAddress unmaps an address and drops its zone, and reports whether it
// is a client's: neither zero nor unspecified.
func oracleAddress(a netip.Addr) (netip.Addr, bool) {
	if !a.IsValid() {
		return a, false
	}
	b := a.As16()
	mapped, zero := true, true
	for i := range b {
		switch {
		case i < 10:
			mapped = mapped && b[i] == 0
		case i < 12:
			mapped = mapped && b[i] == 0xff
		}
		zero = zero && b[i] == 0
	}
	if mapped { // which As16 makes of plain IPv4, too
		v4 := [4]byte(b[12:])
		return netip.AddrFrom4(v4), v4 != [4]byte{}
	}
	return netip.AddrFrom16(b), !zero
}

func oracleHas(set session.Clients, c session.Client) bool {
	named := session.Web <= c && c <= session.API || session.FirstCustom <= c && c <= session.FirstCustom+30
	return named && uint64(set)&(uint64(1)<<c) != 0
}

func oracleInteractive(c session.Client) bool {
	return c == session.Web || c == session.Desktop || c == session.Mobile || c == session.Drive
}

// oracleInForce reports whether an instant is before an end, by the wall
// clock. A zero end never comes; a zero instant is now.
func oracleInForce(until, at time.Time) bool {
	if until.IsZero() {
		return true
	}
	if at.IsZero() {
		at = time.Now()
	}
	if at.Unix() != until.Unix() {
		return at.Unix() < until.Unix()
	}
	return at.Nanosecond() < until.Nanosecond()
}

// oracleHolds reports whether a range holds an address that oracleAddress
// returned. An IPv6 range holds no IPv4 address, wherever it runs.
func oracleHolds(r ipset.Range, a netip.Addr) bool {
	return !r.IsZero() && r.From().Is4() == a.Is4() && r.From().Compare(a) <= 0 && a.Compare(r.To()) <= 0
}

// oracleCountry asks for the country of a public address.
func oracleCountry(loc geo.Locator, a netip.Addr) geo.Country {
	if loc == nil || !oraclePublic(a) {
		return geo.Country{}
	}
	return loc.Country(a)
}

// oraclePublic reports whether a client on the Internet can have an address:
// the registries of IANA, without what lies outside 2000::/3 anyway.
func oraclePublic(a netip.Addr) bool {
	if !a.Is4() && !oracleGlobal.Contains(a) {
		return false
	}
	for _, p := range oracleSpecial {
		if p.Contains(a) {
			return false
		}
	}
	return true
}

var oracleGlobal = netip.MustParsePrefix("2000::/3")

var oracleSpecial = func() (ps []netip.Prefix) {
	for _, s := range []string{
		"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
		"192.0.0.0/24", "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24",
		"192.168.0.0/16", "192.175.48.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24",
		"224.0.0.0/4", "240.0.0.0/4",
		"2001::/23", // Teredo among them
		"2001:db8::/32",
		"2002::/16", // 6to4
		"2620:4f:8000::/48",
		"3fff::/20",
	} {
		ps = append(ps, netip.MustParsePrefix(s))
	}
	return ps
}()
