package engine_test

import (
	"net/netip"
	"slices"

	"github.com/sallyport-go/sallyport/geo"
	"github.com/sallyport-go/sallyport/ipset"
	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/session"
)

// decideAttempt is what the rules speak of.
type decideAttempt struct {
	settings policy.Settings
	profile  *policy.Profile
	plan     policy.Plan
	client   session.Client
	addr     netip.Addr
	member   *member.Member // nil: there is none
	request  bool
	verified bool
}

// list is "A login, in order" of the rules, with the same numbers.
func (a decideAttempt) list() policy.Decision {
	deny := func(r policy.Reason) policy.Decision { return policy.Decision{Effect: policy.Deny, Reason: r} }
	if a.member == nil { // 0.
		return deny(policy.ReasonUnknownMember)
	}
	addr := a.addr.Unmap()
	if !addr.IsValid() || addr.IsUnspecified() { // 1.
		return deny(policy.ReasonNoClientAddress)
	}
	if !a.profile.Clients.Has(a.client) {
		return deny(policy.ReasonUnknownClient)
	}
	switch a.member.Status { // 2.
	case member.Active, member.OnLeave:
	case member.Pending:
		return deny(policy.ReasonMemberPending)
	case member.Suspended:
		return deny(policy.ReasonMemberSuspended)
	case member.Locked:
		if !a.request {
			return deny(policy.ReasonMemberLocked)
		}
	case member.Deleted:
		return deny(policy.ReasonMemberDeleted)
	default:
		return deny(policy.ReasonMemberUnknownStatus)
	}
	if a.member.Blocked.Has(a.client) { // 3.
		return deny(policy.ReasonClientBlocked)
	}
	d := a.network(addr)
	if d.Effect != policy.Allow || a.request || !a.member.MustChangePassword { // 8.
		return d
	}
	d.Effect, d.Reason = policy.Deny, policy.ReasonPasswordChangeRequired
	if decideInteractive(a.client) {
		d.Effect = policy.ChangePassword
	}
	return d
}

func decideInteractive(c session.Client) bool {
	return slices.Contains([]session.Client{session.Web, session.Desktop, session.Mobile, session.Drive}, c)
}

// network is 4 to 7.
func (a decideAttempt) network(addr netip.Addr) policy.Decision {
	allow := func(r policy.Reason) policy.Decision { return policy.Decision{Effect: policy.Allow, Reason: r} }
	if a.member.Super && a.profile.SuperAdminBypass { // 4.
		return allow(policy.ReasonSuperAdmin)
	}
	listed, overseas := true, true
	if a.profile.Plans != nil { // 5.
		features, known := a.profile.Plans[a.plan]
		if !known {
			return policy.Decision{Reason: policy.ReasonUnknownPlan}
		}
		listed, overseas = features&policy.NetworkSecurity != 0, features&policy.OverseasBlocking != 0
		if !listed && !overseas {
			return allow(policy.ReasonPlanWithoutNetworkSecurity)
		}
	}
	country := geo.Country{}
	if ipset.Public(addr) {
		country = decideWhere{}.Country(addr)
	}
	if a.settings.Access == policy.DesignatedAddresses && listed { // 6.
		if a.profile.ListExempt.Has(a.client) {
			return allow(policy.ReasonClientExempt)
		}
		for _, e := range a.settings.Designated {
			if e.Range.Contains(addr) {
				return allow(policy.ReasonAddressDesignated)
			}
		}
		for _, x := range a.settings.Exceptions {
			if x.Member == a.member.ID && x.Ranges == nil {
				return allow(policy.ReasonMemberExcepted)
			}
		}
		if a.settings.Outside == policy.Verify && decideInteractive(a.client) {
			if a.verified {
				return policy.Decision{Effect: policy.Allow, Reason: policy.ReasonIdentityVerified, Country: country}
			}
			return policy.Decision{Effect: policy.Verify, Reason: policy.ReasonAddressNotDesignated, Country: country}
		}
		return policy.Decision{Reason: policy.ReasonAddressNotDesignated}
	}
	switch { // 7.
	case !a.settings.Overseas.Block || !overseas || a.settings.Access == policy.DesignatedAddresses:
		return allow(policy.ReasonAllAddresses)
	case a.profile.OverseasExempt.Has(a.client):
		return allow(policy.ReasonClientExempt)
	case country == decideKR:
		return policy.Decision{Effect: policy.Allow, Reason: policy.ReasonCountryExempt, Country: country}
	case a.verified:
		return policy.Decision{Effect: policy.Allow, Reason: policy.ReasonIdentityVerified, Country: country}
	}
	return policy.Decision{Effect: policy.Verify, Reason: policy.ReasonOverseasLogin, Country: country}
}

// decideFailing is what Options.Failures does in a world of the oracle.
type decideFailing int

const (
	decideUncounted decideFailing = iota // there is none
	decideCounted
	decideLocks
	decideGuessed
	decideFails
)

// decideAnswer is what Admit answers.
type decideAnswer struct {
	policy.Decision
	Stamp   session.Stamp
	Failed  bool // an error is told
	Counted bool // Failures was asked
}

// oracle is "Where the password stands". unknown says that Members did not answer and
// there is no copy of the member.
func (a decideAttempt) oracle(authenticated bool, failing decideFailing, unknown bool, record session.Version) decideAnswer {
	own := a.list()
	if unknown {
		own = policy.Decision{Reason: policy.ReasonMemberStale}
	}
	failed := unknown

	ordinary := a
	ordinary.member = &member.Member{Status: member.Active}
	ordinary.verified = false
	here := ordinary.list() // what the network does to an ordinary member

	// "Failures there lock nobody". Elsewhere the right password is told something, be it
	// that the member is suspended, so that one could guess without end; so all count.
	answers := own.Effect != policy.Deny || own.Reason == policy.ReasonClientBlocked || own.Reason == policy.ReasonPasswordChangeRequired
	counted := failing != decideUncounted && a.member != nil && here.Effect != policy.Deny
	if counted && failing == decideGuessed {
		authenticated = false
	}
	if counted && failing == decideLocks && answers {
		own = policy.Decision{Reason: policy.ReasonMemberLocked}
	}
	if counted && failing == decideFails {
		own, failed = policy.Decision{Reason: policy.ReasonMemberStale}, true
	}

	switch {
	case authenticated && own.Effect != policy.Deny:
		// The versions that decided, and the country where a verification mattered.
		without := a
		without.verified = false
		asked := without.list()
		stamp := session.Stamp{Policy: record, Member: a.member.Version, Client: a.client}
		if asked.Effect == policy.Verify {
			stamp.Country, stamp.Verified = asked.Country, a.verified
		}
		return decideAnswer{own, stamp, false, counted}
	case here.Effect == policy.Deny:
		// "whatever does not end in allow, verify or change password gets that same denial"
		return decideAnswer{Decision: here, Counted: counted}
	case unknown || counted && failing == decideFails: // guesses that nobody can count
		return decideAnswer{Decision: own, Failed: failed, Counted: counted}
	case !authenticated || a.member == nil:
		// "Elsewhere a wrong password is deny [bad-credentials]"
		return decideAnswer{Decision: policy.Decision{Reason: policy.ReasonBadCredentials}, Failed: failed, Counted: counted}
	}
	// "only a right one learns a member's own reason"
	return decideAnswer{Decision: own, Failed: failed, Counted: counted}
}
