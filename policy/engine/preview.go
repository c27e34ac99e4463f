package engine

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/sallyport-go/sallyport/geo"
	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/session"
)

// Preview says how visits of the past would fare under settings that are not saved,
// against what the present settings decide today. Visits are decided as logins without
// verification.
type Preview struct {
	Change policy.Change `json:"change"` // and who would be signed out by the save

	Visits  int `json:"visits"`  // replayed
	Unknown int `json:"unknown"` // of members that there are no more; not counted below

	Refused   Tally `json:"refused"`    // let in or asked today, and refused then
	Asked     Tally `json:"asked"`      // let in today, and asked for verification then
	Freed     Tally `json:"freed"`      // refused or asked today, and let in then
	SignedOut Tally `json:"signed_out"` // by clients and members whose sessions the save would end
}

// Tally counts visits.
type Tally struct {
	Visits    int                    `json:"visits"`
	ByMember  map[member.ID]int      `json:"by_member,omitempty"`
	ByClient  map[session.Client]int `json:"by_client,omitempty"`
	ByCountry map[geo.Country]int    `json:"by_country,omitempty"` // of the visit; the zero Country, "" in JSON, is unknown
	ByReason  map[policy.Reason]int  `json:"by_reason,omitempty"`  // of the decision then
}

func (t *Tally) add(v session.Visit, d policy.Decision) {
	if t.ByMember == nil {
		*t = Tally{0, make(map[member.ID]int), make(map[session.Client]int), make(map[geo.Country]int), make(map[policy.Reason]int)}
	}
	t.Visits++
	t.ByMember[v.Member]++
	t.ByClient[v.Client]++
	t.ByCountry[v.Country]++
	t.ByReason[d.Reason]++
}

// Preview replays visits, as a [session.Visitor] yields them, through settings that need not
// be in force, or restrict anything. Only visits of the tenant are taken; another one's, or
// an error of visits, is an error. Nil visits are none. The settings must compile.
func (e *Engine) Preview(ctx context.Context, t session.TenantID, plan policy.Plan, draft policy.Settings, visits iter.Seq2[session.Visit, error]) (*Preview, error) {
	then, err := policy.Compile(draft, &e.profile, e.o.Locator)
	if err != nil {
		return nil, err
	}
	r, err := e.Settings(ctx, t)
	if err != nil {
		return nil, err
	}
	today, err := policy.CompileStored(r.Settings, &e.profile, e.o.Locator)
	if err != nil {
		return nil, err
	}
	now := e.clock.at(time.Now())
	p := &Preview{Change: judge(stand{r.Settings, &e.profile, r.Plan}, stand{draft, &e.profile, plan}, now)}
	out := make(map[member.ID]bool, len(p.Change.SignOutMembers))
	for _, id := range p.Change.SignOutMembers {
		out[id] = true
	}
	if visits == nil {
		visits = func(func(session.Visit, error) bool) {}
	}
	for v, err := range visits {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return nil, fmt.Errorf("engine: the visits cannot be read: %w", err)
		}
		if v.Tenant != t {
			return nil, fmt.Errorf("%w: a visit", errWrongTenant)
		}
		p.Visits++
		who, err := e.known(ctx, e.person(name{t, v.Member}), time.Now())
		if errors.Is(err, session.ErrNotFound) {
			p.Unknown++
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("engine: member %q cannot be read: %w", v.Member, err)
		}
		m := *who.member
		m.MustChangePassword = false
		a := policy.Attempt{Addr: v.Addr, Client: v.Client, Plan: r.Plan, Member: &m, At: now}
		is := today.Evaluate(a)
		a.Plan = plan
		would := then.Evaluate(a)
		switch {
		case is.Effect != policy.Deny && would.Effect == policy.Deny:
			p.Refused.add(v, would)
		case is.Effect == policy.Allow && would.Effect == policy.Verify:
			p.Asked.add(v, would)
		case is.Effect != policy.Allow && would.Effect == policy.Allow:
			p.Freed.add(v, would)
		}
		if p.Change.SignOut.Has(v.Client) || out[v.Member] && e.profile.SignOut.Exception.Has(v.Client) {
			p.SignedOut.add(v, would)
		}
	}
	return p, nil
}

// WhatIf explains how a login would be decided, by settings that need not be saved: the
// present ones, if settings is nil. It tells entries and members, and so is for
// administrators and support. If Member is "", an ordinary member is taken, whom no bypass
// and no exception lets in.
func (e *Engine) WhatIf(ctx context.Context, l Login, settings *policy.Settings) (policy.Explanation, error) {
	if err := spent(ctx); err != nil {
		return policy.Explanation{}, err
	}
	if settings == nil {
		r, err := e.Settings(ctx, l.Tenant)
		if err != nil {
			return policy.Explanation{}, err
		}
		settings = &r.Settings
	}
	m := &member.Member{Tenant: l.Tenant, Status: member.Active}
	if l.Member != "" {
		who, err := e.known(ctx, e.person(name{l.Tenant, l.Member}), time.Now())
		switch {
		case err == nil:
			m = who.member
		case errors.Is(err, session.ErrNotFound):
			m = nil
		default:
			return policy.Explanation{}, err
		}
	}
	a := policy.Attempt{Addr: l.Addr, Client: l.Client, Plan: l.Plan, Member: m, Verified: l.Verified, At: e.clock.at(time.Now())}
	return policy.Explain(*settings, &e.profile, e.o.Locator, a)
}
