// Package policy decides who may log in from where.
//
// An administrator's [Settings], within the [Profile] of the product, are
// compiled to a [Policy]. A Policy decides an [Attempt]: it answers with a
// [Decision], an [Effect] and the [Reason] for it. All checking happens when
// compiling; a Policy that exists is one that works.
//
//	p, err := policy.Compile(settings, policy.Standard(), db)
//	…
//	d := p.Evaluate(policy.Attempt{Addr: addr, Client: session.Web, Member: m})
//	switch d.Effect {
//	case policy.Allow: // start a session
//	case policy.Verify: // verify the identity, then evaluate again with Verified
//	case policy.ChangePassword: // have the password changed, then evaluate again
//	default: // refuse; d.Reason says why
//	}
//
// Compile is for what somebody is about to save, and tells everything that is
// wrong with it; CompileStored is for what was saved. [Decode] does both at
// once from text. [Explain] tells a decision step by step, and [Diff] tells
// what a save changes and whom it signs out. All of that is pure: it stores
// nothing, waits for nothing and starts nothing.
//
// A service with many tenants has package policy/engine do the rest. What that
// keeps of a tenant is a [Record], in a [Store] that the host brings.
//
// What is unknown, missing or zero is refused: the zero Decision, a nil
// Policy, a zero Attempt, a client, a status or a plan without a name.
//
// # A login, in order
//
// This list is the specification. [Policy.Evaluate] walks it and stops at the
// first line that answers; the code in brackets is the Reason.
//
//	0   there is no policy:                   deny [no-policy]
//	    the attempt has no member:            deny [unknown-member]
//	1   the address is zero, or unspecified
//	    in any spelling:                      deny [no-client-address]
//	    the client is none of the profile's:  deny [unknown-client]
//	2   the member's status is
//	      pending:                            deny [member-pending]
//	      suspended by an administrator:      deny [member-suspended]
//	      locked by failed logins:            deny [member-locked]
//	      deleted:                            deny [member-deleted]
//	      neither active nor on leave:        deny [member-unknown-status]
//	3   the client is blocked for the member: deny [client-blocked]
//	4   the member is a super admin, and the
//	    profile lets super admins through:    allow [super-admin]
//	5   the profile sells by plan, and does
//	    not name this one:                    deny [unknown-plan]
//	    the plan has neither feature:         allow [plan-without-network-security]
//
//	    addresses are designated, and the plan has network security:
//	6a  the profile frees this client of
//	    the list:                             allow [client-exempt]
//	6b  the address is designated:            allow [address-designated]
//	6c  the member is an exception in force
//	    that names no ranges, or one that
//	    holds the address:                    allow [member-excepted]
//	6d  outside is verify, and the client
//	    is interactive
//	      and identity was verified:          allow [identity-verified]
//	      and it was not:                     verify [address-not-designated]
//	    otherwise:                            deny [address-not-designated]
//
//	    otherwise:
//	7a  overseas blocking is off, or the plan
//	    lacks it, or addresses are designated: allow [all-addresses]
//	7b  the profile frees this client of
//	    the check:                            allow [client-exempt]
//	7c  the country is exempt:                allow [country-exempt]
//	7d  identity was verified:                allow [identity-verified]
//	7e  otherwise:                            verify [overseas-login]
//
//	8   it is a login, the answer is allow, and the member must change the
//	    password; the client
//	      is interactive:                     change-password [password-change-required]
//	      cannot ask:                         deny [password-change-required]
//
// Mapped addresses are unmapped and zones dropped before anything looks at
// them. Interactive clients are web, desktop, mobile and drive.
//
// A request of a live session walks the same list with three differences: the
// client is the one that the session was issued to; in line 2 a lock by failed
// logins does not count, for a stranger's guesses must not throw out the
// member; line 8 does not apply. [Attempt.Verified] then means that the session
// was verified in the country from which the request comes. And before the list
// is asked, the session must be alive:
//
//	if !cuts.Alive(stamp.Client, stamp.Policy, version) || !m.Cuts.Alive(stamp.Client, stamp.Member, m.Version) {
//		// refuse: the session has ended
//	}
//	a := policy.Attempt{Addr: addr, Client: stamp.Client, Plan: plan, Member: m, Request: true}
//	d := p.Evaluate(a)
//	if d.Effect == policy.Verify && stamp.Verified && d.Country == stamp.Country {
//		a.Verified = true
//		d = p.Evaluate(a)
//	}
//
// Take policy, version and cuts from one reading of the tenant's record: a
// session that an older policy admitted than its stamp says would escape the
// cut between the two.
//
// An entry or an exception with an end (Until) is in force before that
// instant. The country is asked for public addresses only: those that are
// reserved, or carry an IPv4 address inside an IPv6 one, have none, whatever
// the country database says. It is in the Decision wherever it was asked for:
// in 7c to 7e, and in 6d where verification stands in for refusal.
//
// # A document
//
// Settings are stored as JSON. access must be there; what is left out is zero;
// format is 1 where it is left out. Keys are exact, in case too, and stand
// there once; null and what is unknown are refused.
//
//	{"format": 1,
//	 "access": "designated",
//	 "designated": [{"range": "8.8.8.0/24", "label": "Head office"}, {"range": "2606:4700::/32", "until": "2027-01-31T15:00:00Z"}],
//	 "outside": "verify",
//	 "exceptions": [{"member": "kim", "note": "on the road"}, {"member": "lee", "ranges": ["1.208.0.0/12"], "until": "2027-01-08T00:00:00Z"}],
//	 "overseas": {"block": true, "exempt": ["JP", "KR"]}}
//
// # Profiles
//
// [NaverWorks], [LineWorks] and [Kintone] follow the help pages of those
// products; [Standard] is what Sallyport recommends where there is no product
// to follow. A host alters its copy or writes its own.
package policy
