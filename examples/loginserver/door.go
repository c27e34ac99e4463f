package main

import (
	"net/netip"

	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/session"
)

// decide walks the list for a member at an address. The client is that of s,
// and so is the verification, which counts in the country in which it was
// made. For a login it returns the stamp of the session that would begin.
func (t *tenant) decide(m *member.Member, addr netip.Addr, s session.Stamp, request bool) (policy.Decision, session.Stamp) {
	a := policy.Attempt{Addr: addr, Client: s.Client, Plan: t.plan, Member: m, Request: request}
	d := t.policy.Evaluate(a)
	if d.Effect == policy.Verify && s.Verified && d.Country == s.Country {
		a.Verified = true
		d = t.policy.Evaluate(a)
	}
	return d, session.Stamp{Policy: t.version, Member: m.Version, Client: s.Client, Country: d.Country, Verified: a.Verified}
}

// view is the door as somebody finds it who wants to log in.
type view struct {
	addr     netip.Addr
	own      policy.Decision // for the member, once proved
	ordinary policy.Decision // for any member without bypass or exception
	stamp    session.Stamp   // of the session that own would begin
}

// nobody is no member's id: that no exception can name it, since settings with
// control characters are refused, makes it stand for any member without one.
const nobody member.ID = "\x00"

func (t *tenant) view(m *member.Member, addr netip.Addr, s session.Stamp) view {
	v := view{addr: addr}
	v.own, v.stamp = t.decide(m, addr, s, false)
	v.ordinary, _ = t.decide(anyMember(t), addr, session.Stamp{Client: s.Client}, false)
	return v
}

func anyMember(t *tenant) *member.Member {
	return &member.Member{Tenant: t.ID, ID: nobody, Status: member.Active}
}

// shown is what somebody is told, who has proved to be the member or has not.
// Where the network refuses an ordinary member, all that is refused is refused
// alike, so that nobody learns there which passwords are right and which
// members exist. Elsewhere only the right password learns a member's own
// reason.
func (v view) shown(proved bool) policy.Decision {
	switch {
	case proved && v.own.Effect != policy.Deny:
		return v.own
	case v.ordinary.Effect == policy.Deny:
		return v.ordinary
	case !proved:
		return policy.Decision{Effect: policy.Deny, Reason: policy.ReasonBadCredentials}
	}
	return v.own
}
