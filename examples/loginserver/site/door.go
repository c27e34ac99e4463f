package site

import (
	"context"
	"errors"
	"net/netip"

	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/member/directory"
	"github.com/sallyport-go/sallyport/member/verify"
	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/policy/engine"
	"github.com/sallyport-go/sallyport/session"
)

// Answer is what a login is told.
type Answer struct {
	Effect  policy.Effect `json:"effect"`
	Reason  policy.Reason `json:"reason"`
	Address netip.Addr    `json:"address,omitzero"`  // where one is refused, for support
	Attempt string        `json:"attempt,omitempty"` // of the step that is asked for: Verify or ChangePassword take it
	Session string        `json:"session,omitempty"` // the token of the session, which is told once
	Used    bool          `json:"used,omitempty"`    // refused because the step was used before: nothing was counted
}

// used is what somebody is told whose step was used before, by this form sent twice as a
// rule. Elsewhere it is a refusal like any other.
func (a Answer) used() Answer {
	a.Used = a.Effect == policy.Deny && a.Reason == policy.ReasonBadCredentials
	return a
}

var badCredentials = Answer{Effect: policy.Deny, Reason: policy.ReasonBadCredentials}

// Decision returns effect and reason.
func (a Answer) Decision() policy.Decision {
	return policy.Decision{Effect: a.Effect, Reason: a.Reason}
}

// Login decides by member and password. The password is checked always, also where the
// answer will not depend on it; what may be told of the outcome is Admit's to choose. The
// client is that of Tenant.Client, the address what the front door's resolver says. The
// error is a *PasswordError; a *verify.WaitError, which only who has proved the password gets;
// or ErrBusy (with others) if there is no answer.
func (t *Tenant) Login(ctx context.Context, addr netip.Addr, client session.Client, id member.ID, password string) (Answer, error) {
	if err := typed(password); err != nil {
		return Answer{}, err
	}
	since, err := t.version(ctx, id) // before the password is checked: an act meanwhile counts
	if err != nil {
		return Answer{}, err
	}
	right, _, err := t.site.passwords.right(ctx, t.ID, id, password)
	if err != nil {
		return Answer{}, err
	}
	right = t.site.guesses.takes(source{t.ID, id, network(addr)}, right)
	return t.admit(ctx, engine.Login{
		Tenant: t.ID, Member: id, Plan: t.Plan, Client: client, Addr: addr, Authenticated: right, Since: since,
	})
}

// version returns the version of a member; zero, if there is none.
func (t *Tenant) version(ctx context.Context, id member.ID) (session.Version, error) {
	m, err := t.site.directory.Member(ctx, t.ID, id)
	if errors.Is(err, session.ErrNotFound) {
		return session.Version{}, nil
	}
	if err != nil {
		return session.Version{}, err
	}
	return m.Version, nil
}

// Verify decides by the code of a step. The list is walked again from its beginning, with
// the address of now: the code is looked at only where one is still asked for.
func (t *Tenant) Verify(ctx context.Context, addr netip.Addr, attempt, code string) (Answer, error) {
	st, ok, err := t.site.find(ctx, t.ID, attempt, policy.Verify)
	if err != nil {
		return Answer{}, err
	}
	l := engine.Login{Tenant: t.ID, Member: st.Member, Plan: t.Plan, Client: st.Stamp.Client, Addr: addr, Authenticated: ok, Since: st.Stamp.Member}
	if !ok {
		l.Client = session.Web
		ans, err := t.admit(ctx, l)
		if st.Used {
			ans = ans.used()
		}
		return ans, err
	}
	d, stamp, err := t.engine.Admit(ctx, l)
	if err == nil && d.Effect != policy.Verify && d.Effect != policy.Deny {
		if first, err := t.site.use(ctx, attempt, true); err != nil || !first { // a step begins one session
			return badCredentials.used(), err
		}
	}
	if err == nil && d.Effect == policy.Verify && d.Country == st.Stamp.Country {
		var wait *verify.WaitError
		switch err := t.site.verifier.Complete(ctx, attempt, code, t.binding(st.Member, stamp)); {
		case errors.Is(err, verify.ErrBusy):
			return Answer{}, ErrBusy
		case errors.As(err, &wait): // said before the code is looked at
			return Answer{}, wait
		case errors.Is(err, verify.ErrSpent):
			return badCredentials.used(), nil
		case err != nil: // whatever it is: all that does not verify is told alike
			return badCredentials, nil
		}
		if l.Verified, err = t.site.use(ctx, attempt, true); err != nil || !l.Verified {
			return badCredentials.used(), err
		}
	}
	return t.admit(ctx, l)
}

func (t *Tenant) binding(id member.ID, stamp session.Stamp) verify.Binding {
	return verify.Binding{Tenant: t.ID, Member: id, Client: stamp.Client, Country: stamp.Country, Policy: stamp.Policy, MemberVersion: stamp.Member}
}

// ChangePassword decides by the old password of a step. If nothing but the change stood in
// the way, the new password is stored, which ends the sessions that the old one began, and
// the member is in. One request at a time has the step, and gives it back if it changes
// nothing and lets nobody in: of a form that is sent twice, the second would bring what is
// the old password no more, and count as a failure. And it is finished though nobody waits
// for the answer, for a browser that sends a form again hangs up on the first.
func (t *Tenant) ChangePassword(ctx context.Context, addr netip.Addr, attempt, old, new string) (Answer, error) {
	st, ok, err := t.site.find(ctx, t.ID, attempt, policy.ChangePassword)
	if err == nil {
		err = t.fresh(ctx, st.Member, old, new)
	}
	if ok && err == nil {
		if ok, err = t.site.use(ctx, attempt, true); !ok {
			st = step{Used: true}
		}
	}
	if err != nil {
		return Answer{}, err
	}
	if !ok {
		ans, _, err := t.changePassword(ctx, addr, st, false, old, new)
		if st.Used {
			ans = ans.used()
		}
		return ans, err
	}
	ctx = context.WithoutCancel(ctx)
	within, cancel := context.WithTimeout(ctx, 2*maxWait)
	defer cancel()
	ans, changed, err := t.changePassword(within, addr, st, true, old, new)
	if !changed && ans.Session == "" { // if no change is asked for any more, the member is in, and once
		within, cancel := context.WithTimeout(ctx, maxWait) // for what took too long is given back too
		defer cancel()
		_, back := t.site.use(within, attempt, false)
		err = errors.Join(err, back)
	}
	return ans, err
}

// changePassword does it for a step that there is, or answers like one if there is none, and
// reports whether the password was changed.
func (t *Tenant) changePassword(ctx context.Context, addr netip.Addr, st step, ok bool, old, new string) (ans Answer, changed bool, err error) {
	right, checked, err := t.site.passwords.right(ctx, t.ID, st.Member, old)
	if err != nil {
		return Answer{}, false, err
	}
	right = t.site.guesses.takes(source{t.ID, st.Member, network(addr)}, right && ok)
	l := engine.Login{Tenant: t.ID, Member: st.Member, Plan: t.Plan, Client: st.Stamp.Client, Addr: addr, Authenticated: right, Since: st.Stamp.Member}
	if !ok {
		l.Client = session.Web
	}
	d, stamp, err := t.engine.Admit(ctx, l)
	if d.Effect == policy.Verify && st.Stamp.Verified && d.Country == st.Stamp.Country && stamp.Policy == st.Stamp.Policy { // it was done before the change was asked for
		l.Verified = true
		d, stamp, err = t.engine.Admit(ctx, l)
	}
	if d.Effect == policy.Deny { // asked again, one wrong password would count as two
		ans, err = t.begin(ctx, l, d, stamp, err)
		return ans, false, err
	}
	if err == nil && d.Effect == policy.ChangePassword {
		err := t.site.directory.ChangedPassword(ctx, t.ID, st.Member, stamp.Member, func(ctx context.Context) error {
			return t.site.passwords.replace(ctx, t.ID, st.Member, checked, new)
		})
		switch {
		case errors.Is(err, errOvertaken), errors.Is(err, directory.ErrRefused): // what was proved is not proved any more
			return badCredentials, false, nil
		case err != nil:
			return Answer{}, false, err
		}
		changed = true
		l.Since, _ = stamp.Member.Next() // which is the member's now, unless somebody has acted since
	}
	ans, err = t.admit(ctx, l)
	return ans, changed, err
}

// admit asks the engine, and begins what its decision asks for: a session or a step.
func (t *Tenant) admit(ctx context.Context, l engine.Login) (Answer, error) {
	d, stamp, err := t.engine.Admit(ctx, l)
	return t.begin(ctx, l, d, stamp, err)
}

// begin begins what a decision about l asks for.
func (t *Tenant) begin(ctx context.Context, l engine.Login, d policy.Decision, stamp session.Stamp, err error) (Answer, error) {
	if err != nil {
		t.site.log.Warn("login", "tenant", t.ID, "error", err)
	}
	ans := Answer{Effect: d.Effect, Reason: d.Reason}
	st := step{Tenant: t.ID, Member: l.Member, Effect: d.Effect, Stamp: stamp}
	switch d.Effect {
	case policy.Allow:
		ans.Session, err = t.open(ctx, l, d, stamp)
		return ans, err
	case policy.Verify:
		contacts, err := t.site.directory.Contacts(ctx, t.ID, l.Member)
		if err != nil {
			return Answer{}, errors.Join(ErrBusy, err)
		}
		token, m, err := t.site.verifier.Begin(ctx, t.binding(l.Member, stamp), contacts)
		var wait *verify.WaitError
		switch {
		case errors.As(err, &wait):
			return Answer{}, wait
		case errors.Is(err, verify.ErrNoContact):
			return Answer{Effect: policy.Deny, Reason: policy.ReasonNoVerificationContact, Address: l.Addr}, nil
		case err != nil:
			return Answer{}, errors.Join(ErrBusy, err)
		}
		ans.Attempt = token
		if err := t.site.begin(ctx, st, token); err != nil {
			return Answer{}, err
		}
		return ans, t.sendCode(ctx, l.Member, m)
	case policy.ChangePassword:
		ans.Attempt = newStepToken()
		return ans, t.site.begin(ctx, st, ans.Attempt)
	}
	if d.Reason != policy.ReasonBadCredentials {
		ans.Address = l.Addr
	}
	return ans, nil
}
