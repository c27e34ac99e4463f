package engine

import (
	"context"
	"errors"
	"net/netip"
	"time"

	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/session"
)

// Login is one attempt to log in. The zero Login is refused.
type Login struct {
	Tenant session.TenantID
	Member member.ID // that the name which was typed stands for, or that name itself: the member need not exist
	Plan   policy.Plan
	Client session.Client // as the host knows it, not as it is told
	Addr   netip.Addr

	// Authenticated says that the host has checked the password, or whatever proves the
	// member, and it was right. Check it always, for a member that does not exist too
	// (with the hash of a password that nobody has), and tell the outcome here: Admit
	// chooses what may be told.
	Authenticated bool

	// Since is the version that the member had before the password was checked, or when
	// the step before this one was decided. If sessions of it have been ended since, what
	// was proved is not proved any more: a password that was set by force while the old one
	// was being checked begins no session. Zero: this is not looked at.
	Since session.Version

	// Verified says that an identity verification was completed for this login: see
	// package member/verify.
	Verified bool
}

// Admit decides a login. On Allow begin a session and keep the stamp with it, where the
// client cannot change it. On Verify and ChangePassword do what is asked and call Admit
// again, with the address of then; the stamp is no session's yet, and says by which
// versions that was decided and for which country, so that the step can be bound to them
// (Since is its Member). Everything else refuses, and the stamp is zero.
//
// What is told is the same wherever the network refuses an ordinary member, be the
// password right or wrong, the member there or not. Elsewhere a wrong password and a
// missing member are bad-credentials, and only a right password learns a member's own
// reason. Tell the person at the door nothing beyond it.
//
// Admit asks the store for its version and Members for the member, each time, and rests on
// copies younger than MaxStale only where there is no answer. The error says for a log
// what did not answer; it comes beside Deny only.
func (e *Engine) Admit(ctx context.Context, l Login) (policy.Decision, session.Stamp, error) {
	d, stamp, err := e.admit(ctx, &l)
	if d.Effect == policy.Deny {
		stamp = session.Stamp{}
	}
	if e.o.Observer != nil {
		e.observe(Observation{Kind: LoggedIn, At: time.Now(), Tenant: l.Tenant, Member: l.Member, Client: l.Client, Addr: l.Addr,
			Authenticated: l.Authenticated, Decision: d, Err: err})
	}
	if _, ok := err.(hushed); ok {
		err = nil
	}
	return d, stamp, err
}

// hushed is an error about a member where an ordinary member would be refused: it would
// tell what the decision does not. Only the observer gets it.
type hushed struct{ error }

func (h hushed) Unwrap() error { return h.error }

func (e *Engine) admit(ctx context.Context, l *Login) (policy.Decision, session.Stamp, error) {
	typed := l.Member
	l.Member = "" // for the observer, unless there is such a member: what was typed may be a password
	if err := spent(ctx); err != nil {
		return policy.Decision{Reason: policy.ReasonPolicyStale}, session.Stamp{}, err
	}
	if l.Tenant == "" {
		return policy.Decision{Reason: policy.ReasonNoPolicy}, session.Stamp{}, nil
	}
	t := e.tenant(l.Tenant)
	s, err := e.current(ctx, t)
	if err == nil {
		s, err = e.due(ctx, t, s)
	}
	if err != nil {
		return without(err, policy.ReasonNoPolicy, policy.ReasonPolicyStale), session.Stamp{}, err
	}
	if s.policy == nil {
		return policy.Decision{Reason: policy.ReasonNoPolicy}, session.Stamp{}, nil
	}
	// The member is asked for wrong passwords too, so that they take as long.
	var who *someone
	missing := session.ErrNotFound
	if typed != "" {
		p := e.person(name{l.Tenant, typed})
		p.tenant.Store(t)
		who, missing = e.today(ctx, p)
	}
	now := e.clock.look()
	if e.stale(s.read, now) {
		return policy.Decision{Reason: policy.ReasonPolicyStale}, session.Stamp{}, errLate
	}
	if missing == nil && e.stale(who.read, now) {
		missing = errLate
	}
	a := policy.Attempt{Addr: l.Addr, Client: l.Client, Plan: l.Plan, At: e.clock.told(now)}
	ordinary, own := a, a
	ordinary.Member = &member.Member{Tenant: l.Tenant, Status: member.Active} // whom no exception names
	v := view{authenticated: l.Authenticated, ordinary: s.policy.Evaluate(ordinary)}
	switch {
	case missing == nil:
		own.Member, l.Member = who.member, typed
		if l.Since != (session.Version{}) && !who.member.Cuts.Alive(l.Client, l.Since, who.member.Version) {
			v.authenticated = false
		}
		v.own, v.verified = evaluateLogin(s.policy, &own, l.Verified)
	case errors.Is(missing, session.ErrNotFound):
		v.own.Reason, v.unknown, missing = policy.ReasonUnknownMember, true, nil
	default:
		v.own = without(missing, policy.ReasonUnknownMember, policy.ReasonMemberStale)
		v.uncounted = true
	}
	if s.draft != nil && own.Member != nil && v.authenticated {
		own.Verified = false
		tried, _ := evaluateLogin(s.draft, &own, l.Verified)
		e.compare(s, l.Tenant, own, v.own, tried)
	}
	if e.o.Failures != nil && v.counts() {
		locked, err := call(ctx, e, e.o.LoadTimeout, func(ctx context.Context) (bool, error) {
			return e.o.Failures.Count(ctx, l.Tenant, typed, v.authenticated)
		})
		switch {
		case errors.Is(err, member.ErrGuessed):
			v.authenticated = false
		case err != nil: // guesses that nobody counts are not answered, be they right or wrong
			v.own, v.uncounted, missing = policy.Decision{Reason: policy.ReasonMemberStale}, true, err
		case locked && v.answers():
			v.own = policy.Decision{Reason: policy.ReasonMemberLocked}
		}
	}
	if f, ok := e.o.Failures.(UnknownFailures); ok && v.takesTime() {
		if _, err := call(ctx, e, e.o.LoadTimeout, func(ctx context.Context) (struct{}, error) {
			return struct{}{}, f.CountUnknown(ctx, l.Tenant, typed)
		}); err != nil { // answered as for a member, or the answer would tell
			v.own, v.uncounted, missing = policy.Decision{Reason: policy.ReasonMemberStale}, true, err
		}
	}
	d := v.told()
	switch {
	case d.Effect != policy.Deny:
		missing = nil
	case missing != nil && v.ordinary.Effect == policy.Deny:
		missing = hushed{missing}
	}
	stamp := session.Stamp{Policy: s.version, Client: l.Client}
	if who != nil {
		stamp.Member = who.member.Version
	}
	switch {
	case v.verified:
		stamp.Verified, stamp.Country = true, v.own.Country
	case d.Effect == policy.Verify:
		stamp.Country = d.Country
	}
	return d, stamp, missing
}

// evaluateLogin uses a verification only where one is asked for, and reports whether it
// did: a stamp says that somebody was verified in a country only if it mattered there.
func evaluateLogin(p *policy.Policy, a *policy.Attempt, verified bool) (policy.Decision, bool) {
	d := p.Evaluate(*a)
	if d.Effect == policy.Verify && verified {
		a.Verified = true
		return p.Evaluate(*a), true
	}
	return d, false
}

// view is the door as somebody finds it who wants to log in.
type view struct {
	authenticated bool
	unknown       bool            // there is no such member
	uncounted     bool            // Failures did not answer, or Members did not say whose password it is
	own           policy.Decision // for the member, once proved
	verified      bool
	ordinary      policy.Decision // for any member without bypass or exception
}

// counts reports whether the outcome of the password check counts toward the lock: wherever
// the right password is told anything else than a wrong one, be it the status alone, for by
// that it could be found. Never where the network refuses ordinary members, or strangers
// there could lock those who are let in.
func (v view) counts() bool {
	return !v.unknown && !v.uncounted && v.ordinary.Effect != policy.Deny
}

// takesTime reports whether a wrong password of a member would be counted here, and there is
// no such member.
func (v view) takesTime() bool {
	return v.unknown && !v.authenticated && v.ordinary.Effect != policy.Deny
}

// answers reports whether the member's status admits a login, and so a lock is what the
// right password is told.
func (v view) answers() bool {
	return v.own.Effect != policy.Deny || v.own.Reason == policy.ReasonClientBlocked || v.own.Reason == policy.ReasonPasswordChangeRequired
}

// told is what somebody is told, who has proved to be the member or has not. See "Where
// the password stands" in the package comment.
func (v view) told() policy.Decision {
	switch {
	case v.authenticated && v.own.Effect != policy.Deny:
		return v.own
	case v.ordinary.Effect == policy.Deny:
		return v.ordinary
	case !v.uncounted && (!v.authenticated || v.unknown):
		return policy.Decision{Reason: policy.ReasonBadCredentials}
	}
	return v.own
}
