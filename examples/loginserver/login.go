package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/member/directory"
	"github.com/sallyport-go/sallyport/member/verify"
	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/policy/engine"
	"github.com/sallyport-go/sallyport/session"
)

// answer is what a login is told, as JSON or on a page.
type answer struct {
	Effect  policy.Effect `json:"effect"`
	Reason  policy.Reason `json:"reason"`
	Address netip.Addr    `json:"address,omitzero"`  // where one is refused, for support
	Attempt string        `json:"attempt,omitempty"` // of the step that is asked for
	Session string        `json:"session,omitempty"`
}

// login decides by member and password. The password is checked always, also where the
// answer will not depend on it; what may be told of the outcome is Admit's to choose.
func (s *server) login(ctx context.Context, t *tenant, addr netip.Addr, client session.Client, id member.ID, password string) (answer, error) {
	since, err := s.version(ctx, t, id) // before the password is checked: an act meanwhile counts
	if err != nil {
		return answer{}, err
	}
	right, _, err := s.passwords.right(ctx, t.ID, id, password)
	if err != nil {
		return answer{}, err
	}
	right = s.guesses.takes(source{t.ID, id, network(addr)}, right)
	return s.admit(ctx, t, engine.Login{
		Tenant: t.ID, Member: id, Plan: t.Plan, Client: client, Addr: addr, Authenticated: right, Since: since,
	})
}

// version returns the version of a member; zero, if there is none.
func (s *server) version(ctx context.Context, t *tenant, id member.ID) (session.Version, error) {
	m, err := s.directory.Member(ctx, t.ID, id)
	if errors.Is(err, session.ErrNotFound) {
		return session.Version{}, nil
	}
	if err != nil {
		return session.Version{}, err
	}
	return m.Version, nil
}

// verify decides by the code of a step. The list is walked again from its beginning, with
// the address of now: the code is looked at only where one is still asked for.
func (s *server) verify(ctx context.Context, t *tenant, addr netip.Addr, attempt, code string) (answer, error) {
	st, ok := s.steps.find(t.ID, attempt, policy.Verify)
	l := engine.Login{Tenant: t.ID, Member: st.member, Plan: t.Plan, Client: st.stamp.Client, Addr: addr, Authenticated: ok, Since: st.stamp.Member}
	if !ok {
		l.Client = session.Web
		return s.admit(ctx, t, l)
	}
	d, stamp, err := t.engine.Admit(ctx, l)
	if err == nil && d.Effect != policy.Verify && d.Effect != policy.Deny && !s.steps.end(attempt) {
		l.Authenticated = false // another was faster: a step begins one session
	}
	if err == nil && d.Effect == policy.Verify && d.Country == st.stamp.Country {
		switch err := s.verifier.Complete(ctx, st.token, code, s.binding(t, st.member, stamp)); {
		case errors.Is(err, verify.ErrBusy):
			return answer{}, errBusy
		case err != nil: // whatever it is: all that does not verify is told alike
			return answer{Effect: policy.Deny, Reason: policy.ReasonBadCredentials}, nil
		}
		l.Verified = s.steps.end(attempt)
	}
	return s.admit(ctx, t, l)
}

func (s *server) binding(t *tenant, id member.ID, stamp session.Stamp) verify.Binding {
	return verify.Binding{Tenant: t.ID, Member: id, Client: stamp.Client, Country: stamp.Country, Policy: stamp.Policy, MemberVersion: stamp.Member}
}

// changePassword decides by the old password of a step. If nothing but the change stood in
// the way, the new password is stored, which ends the sessions that the old one began, and
// the member is in.
func (s *server) changePassword(ctx context.Context, t *tenant, addr netip.Addr, attempt, old, new string) (answer, error) {
	st, ok := s.steps.find(t.ID, attempt, policy.ChangePassword)
	right, checked, err := s.passwords.right(ctx, t.ID, st.member, old)
	if err != nil {
		return answer{}, err
	}
	right = s.guesses.takes(source{t.ID, st.member, network(addr)}, right && ok)
	l := engine.Login{Tenant: t.ID, Member: st.member, Plan: t.Plan, Client: st.stamp.Client, Addr: addr, Authenticated: right, Since: st.stamp.Member}
	if !ok {
		l.Client = session.Web
	}
	d, stamp, err := t.engine.Admit(ctx, l)
	if d.Effect == policy.Verify && st.stamp.Verified && d.Country == st.stamp.Country { // it was done before the change was asked for
		l.Verified = true
		d, stamp, err = t.engine.Admit(ctx, l)
	}
	if err == nil && d.Effect == policy.ChangePassword {
		s.steps.end(attempt)
		err := s.directory.ChangedPassword(ctx, t.ID, st.member, stamp.Member, func(ctx context.Context) error {
			return s.passwords.replace(ctx, t.ID, st.member, checked, new)
		})
		switch {
		case errors.Is(err, errOvertaken), errors.Is(err, directory.ErrRefused): // what was proved is not proved any more
			l.Authenticated = false
		case err != nil:
			return answer{}, err
		default:
			l.Since, _ = stamp.Member.Next() // which is the member's now, unless somebody has acted since
		}
	}
	return s.admit(ctx, t, l)
}

// admit asks the engine, and begins what its decision asks for: a session or a step.
func (s *server) admit(ctx context.Context, t *tenant, l engine.Login) (answer, error) {
	d, stamp, err := t.engine.Admit(ctx, l)
	if err != nil {
		s.log.Warn("login", "tenant", t.ID, "error", err)
	}
	ans := answer{Effect: d.Effect, Reason: d.Reason}
	switch d.Effect {
	case policy.Allow:
		ans.Session, err = s.open(ctx, t, l, d, stamp)
		return ans, err
	case policy.Verify:
		st := step{tenant: t.ID, member: l.Member, effect: d.Effect, stamp: stamp}
		var m verify.Message
		st.token, m, err = s.verifier.Begin(ctx, s.binding(t, l.Member, stamp), s.contacts(ctx, t, l.Member))
		switch {
		case errors.Is(err, verify.ErrNoContact):
			return answer{Effect: policy.Deny, Reason: policy.ReasonNoVerificationContact, Address: l.Addr}, nil
		case err != nil:
			return answer{}, errBusy
		}
		s.mails.send(t.ID, l.Member, fmt.Sprintf("Your code is %s. It is good until %s. Type it nowhere but where you have just logged in.", m.Code, m.Ends.UTC().Format(time.TimeOnly)))
		ans.Attempt = s.steps.begin(st)
	case policy.ChangePassword:
		ans.Attempt = s.steps.begin(step{tenant: t.ID, member: l.Member, effect: d.Effect, stamp: stamp})
	default:
		if d.Reason != policy.ReasonBadCredentials {
			ans.Address = l.Addr
		}
	}
	return ans, nil
}

// contacts are where a member gets codes, as recorded before.
func (s *server) contacts(ctx context.Context, t *tenant, id member.ID) []verify.Contact {
	a, err := s.accounts.Load(ctx, t.ID, id)
	if err != nil {
		return nil
	}
	var to []verify.Contact
	for _, c := range a.Contacts {
		to = append(to, verify.Contact{Kind: verify.Email, Address: c.Address, Recorded: c.Recorded})
	}
	return to
}
