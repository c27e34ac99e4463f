package policy

import (
	"net/netip"
	"sort"
	"time"

	"github.com/sallyport-go/sallyport/geo"
	"github.com/sallyport-go/sallyport/ipset"
	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/session"
)

// Attempt is one login, or one request of a live session. The zero Attempt is
// refused.
type Attempt struct {
	// Addr is the address of the client, in any spelling. Behind a proxy it is
	// what the proxy vouches for, not what the client says.
	Addr netip.Addr

	// Client is the kind of program, as the host knows it. For a request it is
	// the client that the session was issued to.
	Client session.Client

	// Plan is what the tenant has bought. It does not matter if the profile
	// does not sell by plan.
	Plan Plan

	// Member is who wants to come in, known to be so: the host has checked the
	// password, or whatever proves it. It is only read. Nil: unknown.
	Member *member.Member

	// Verified says that identity verification was completed for this login,
	// or, for a request, that the session was verified in the country from
	// which the request comes. It is not Stamp.Verified alone, which would be
	// good for the whole world: evaluate without it, and only if the answer is
	// Verify and its Country is the stamp's, once more with it. Two countries
	// that are not known are equal there: without a country database, a session
	// that was verified once is verified everywhere.
	Verified bool

	// Request marks a request of a live session. False: a login.
	Request bool

	// At is the instant of the attempt. Zero: now; the clock is read only if
	// something in the settings ends.
	At time.Time
}

// Evaluate decides an attempt. It is the numbered list of the package comment,
// line by line. It is a pure function of p, a, the country data and, where
// something in the settings ends, the time; it does not allocate.
func (p *Policy) Evaluate(a Attempt) Decision {
	return p.evaluate(a.Addr, a.Client, a.Plan, a.Member, a.Verified, a.Request, a.At)
}

// evaluate is Evaluate without the Attempt, which is thereby never copied: that
// would take as long as all of this, since a processor waits where it is to read
// in wide pieces what was only just written in narrow ones. Evaluate must stay
// so small that it is inlined.
func (p *Policy) evaluate(
	from netip.Addr, client session.Client, plan Plan, m *member.Member, verified, request bool, at time.Time,
) Decision {
	// 0.
	if p == nil || !p.compiled {
		return Decision{Reason: ReasonNoPolicy}
	}
	if m == nil {
		return Decision{Reason: ReasonUnknownMember}
	}
	// 1.
	addr := ipset.Canonical(from)
	if !addr.IsValid() {
		return Decision{Reason: ReasonNoClientAddress}
	}
	if !p.clients.Has(client) {
		return Decision{Reason: ReasonUnknownClient}
	}
	// 2.
	if reason, ok := admits(m.Status, request); !ok {
		return Decision{Reason: reason}
	}
	// 3.
	if m.Blocked.Has(client) {
		return Decision{Reason: ReasonClientBlocked}
	}
	// 4.
	if m.Super && p.superAdminBypass {
		return allow(m, client, request, ReasonSuperAdmin, geo.Country{})
	}
	// 5.
	features, known := p.features(plan)
	if !known {
		return Decision{Reason: ReasonUnknownPlan}
	}
	if features == 0 {
		return allow(m, client, request, ReasonPlanWithoutNetworkSecurity, geo.Country{})
	}
	// 6.
	if p.access == DesignatedAddresses && features&NetworkSecurity != 0 {
		if p.ends && at.IsZero() {
			at = time.Now()
		}
		switch {
		case p.listExempt.Has(client): // a.
			return allow(m, client, request, ReasonClientExempt, geo.Country{})
		case p.listAlone() && (request || !m.MustChangePassword): // b. or d.
			return ofList[one(p.designated.always.Contains(addr))]
		case p.designated.always.Contains(addr), p.designated.ending.hold(addr, at): // b.
			return allow(m, client, request, ReasonAddressDesignated, geo.Country{})
		case p.exceptions != nil && p.excepted(m.ID, addr, at): // c.
			return allow(m, client, request, ReasonMemberExcepted, geo.Country{})
		case p.outside == Verify && session.Interactive.Has(client): // d.
			country := p.country(addr)
			if verified {
				return allow(m, client, request, ReasonIdentityVerified, country)
			}
			return Decision{Verify, ReasonAddressNotDesignated, country}
		}
		return Decision{Reason: ReasonAddressNotDesignated}
	}
	// 7.
	if !p.block || features&OverseasBlocking == 0 || p.access == DesignatedAddresses { // a.
		return allow(m, client, request, ReasonAllAddresses, geo.Country{})
	}
	if p.overseasExempt.Has(client) { // b.
		return allow(m, client, request, ReasonClientExempt, geo.Country{})
	}
	country := p.country(addr)
	if p.exempt != nil && p.exempt.Has(country) { // c.
		return allow(m, client, request, ReasonCountryExempt, country)
	}
	if verified { // d.
		return allow(m, client, request, ReasonIdentityVerified, country)
	}
	return Decision{Verify, ReasonOverseasLogin, country} // e.
}

// allow is line 8, through which everything that is let in goes.
func allow(m *member.Member, client session.Client, request bool, reason Reason, country geo.Country) Decision {
	if request || !m.MustChangePassword {
		return Decision{Allow, reason, country}
	}
	if session.Interactive.Has(client) {
		return Decision{ChangePassword, ReasonPasswordChangeRequired, country}
	}
	return Decision{Deny, ReasonPasswordChangeRequired, country}
}

// listAlone reports whether b. and d. are all there is to say of an address.
func (p *Policy) listAlone() bool { return !p.ends && p.exceptions == nil && p.outside != Verify }

// ofList is what an address gets that is not on such a list, and one that is. It
// is looked up, for a branch on the answer would be guessed wrong as often as not,
// and that costs a processor as much as all the lines before.
var ofList = [...]Decision{{Deny, ReasonAddressNotDesignated, geo.Country{}}, {Allow, ReasonAddressDesignated, geo.Country{}}}

// one is 1 for true.
func one(b bool) int {
	n := 0
	if b {
		n = 1
	}
	return n
}

// admits reports whether a status admits a login or a request, and if not, why.
func admits(s member.Status, request bool) (Reason, bool) {
	switch s {
	case member.Active, member.OnLeave:
		return 0, true
	case member.Pending:
		return ReasonMemberPending, false
	case member.Suspended:
		return ReasonMemberSuspended, false
	case member.Locked:
		return ReasonMemberLocked, request // a stranger's guesses must not throw out the member
	case member.Deleted:
		return ReasonMemberDeleted, false
	}
	return ReasonMemberUnknownStatus, false
}

// features returns what a plan includes, and whether the profile names it.
func (p *Policy) features(plan Plan) (Features, bool) {
	if !p.byPlan {
		return allFeatures, true
	}
	return p.featuresOf(plan)
}

// featuresOf is features for a profile that sells by plan.
func (p *Policy) featuresOf(plan Plan) (Features, bool) {
	for f := range p.plans.all() {
		if f.plan == plan {
			return f.features, true
		}
	}
	return 0, false
}

// excepted reports whether a member is an exception in force at an address.
func (p *Policy) excepted(id member.ID, addr netip.Addr, at time.Time) bool {
	xs := p.exceptions
	for i := sort.Search(len(xs), func(i int) bool { return xs[i].member >= id }); i < len(xs) && xs[i].member == id; i++ {
		if x := &xs[i]; inForce(x.until, at) && (x.anywhere || x.at.Contains(addr)) {
			return true
		}
	}
	return false
}

// country returns the country of a canonical address. Only public addresses
// have one, whatever the locator says; one that panics knows none.
func (p *Policy) country(a netip.Addr) (c geo.Country) {
	if p.loc == nil || !ipset.Public(a) {
		return geo.Country{}
	}
	defer func() {
		if recover() != nil {
			c = geo.Country{}
		}
	}()
	return p.loc.Country(a)
}
