package main

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/sallyport-go/sallyport/geo"
	"github.com/sallyport-go/sallyport/ipset"
	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/session"
)

// allocations counts those of every look-up, and of Evaluate in every branch.
func (b *bench) allocations() (*result, error) {
	r := &result{
		unit:   "allocs",
		names:  []string{"a call"},
		claims: []claim{{against: "-", goal: mustGoal("0 allocations"), column: true}},
	}
	db, err := geo.OpenBytes(b.in.country)
	if err != nil {
		return nil, err
	}
	attempts, err := branches(db)
	if err != nil {
		return nil, err
	}
	const runs = 1000
	count := 0 // of what the answers are, so that they are asked for
	for _, family := range families {
		l, _, err := b.designated(family, 1000)
		if err != nil {
			return nil, err
		}
		set, q, i := setOf(l.prefixes), l.questions, 0
		next := func() netip.Addr { i++; return q[i%cycle] }
		r.addOnce(fmt.Sprintf("%s IPv%d", ourSet, family), testing.AllocsPerRun(runs, func() { count += one(set.Contains(next())) }))
		r.addOnce(fmt.Sprintf("%s IPv%d", ourDB, family), testing.AllocsPerRun(runs, func() { count += one(db.Country(next()) != geo.Country{}) }))
	}
	cuts := session.Cuts{}.Cut(session.Mail, 3).Cut(session.Apps, 8)
	r.addOnce(ourLive, testing.AllocsPerRun(runs, func() { count += one(cuts.Live(session.Mobile, 8)) }))
	o, err := b.officeOf(4, 1000)
	if err != nil {
		return nil, err
	}
	asked := 0
	r.addOnce(ourCheck, testing.AllocsPerRun(runs, func() { asked++; count += o.check(asked, asked+1) }))
	missing := map[policy.Reason]bool{}
	for reason := policy.ReasonNoPolicy; reason <= policy.ReasonPasswordChangeRequired; reason++ {
		missing[reason] = true
	}
	for _, a := range attempts {
		d := a.policy.Evaluate(a.attempt)
		delete(missing, d.Reason)
		r.addOnce(fmt.Sprintf("%s: %v", ourEvaluate, d),
			testing.AllocsPerRun(runs, func() { count += int(a.policy.Evaluate(a.attempt).Effect) }))
	}
	if len(missing) > 0 {
		return nil, fmt.Errorf("no attempt is answered by %v", missing)
	}
	return r, nil
}

type decided struct {
	policy  *policy.Policy
	attempt policy.Attempt
}

// branches returns an attempt for every Reason with which Evaluate can answer.
func branches(db *geo.DB) ([]decided, error) {
	var home netip.Addr // an address with a country
	var land geo.Country
	for r, c := range db.All() {
		if ipset.Public(r.From()) {
			home, land = r.From(), c
			break
		}
	}
	profile := policy.Standard()
	profile.Plans = map[policy.Plan]policy.Features{"none": 0, "all": policy.NetworkSecurity | policy.OverseasBlocking}
	profile.ListExempt = session.ClientsOf(session.CalDAV)
	away, lone := netip.MustParseAddr("2001:4860:4860::8888"), netip.MustParseAddr("2620:fe::9")
	listed := policy.Settings{
		Access:     policy.DesignatedAddresses,
		Designated: []policy.Entry{{Range: ipset.MustParseRange(away.String())}},
		Outside:    policy.Verify,
		Exceptions: []policy.Exception{{Member: "excepted"}},
	}
	exempt := policy.Settings{Overseas: policy.Overseas{Block: true, Exempt: geo.CountriesOf(land)}}
	foreign := policy.Settings{Overseas: policy.Overseas{Block: true}}
	var compiled [4]*policy.Policy
	for i, s := range []policy.Settings{listed, exempt, foreign, {}} {
		var err error
		if compiled[i], err = policy.Compile(s, profile, db); err != nil {
			return nil, err
		}
	}
	list, blocks, abroad, open := compiled[0], compiled[1], compiled[2], compiled[3]
	active := &member.Member{ID: "m", Status: member.Active}
	at := func(a netip.Addr, m *member.Member) policy.Attempt {
		return policy.Attempt{Addr: a, Client: session.Web, Plan: "all", Member: m}
	}
	with := func(a policy.Attempt, change func(*policy.Attempt)) policy.Attempt { change(&a); return a }
	verified := func(a *policy.Attempt) { a.Verified = true }
	client := func(c session.Client) func(*policy.Attempt) {
		return func(a *policy.Attempt) { a.Client = c }
	}
	found := []decided{
		{nil, at(away, active)},
		{list, at(away, nil)},
		{list, at(netip.Addr{}, active)},
		{list, with(at(away, active), client(session.UnknownClient))},
		{list, at(away, &member.Member{Status: member.Active, Blocked: session.AllClients})},
		{list, at(lone, &member.Member{Status: member.Active, Super: true})},
		{list, with(at(away, active), func(a *policy.Attempt) { a.Plan = "other" })},
		{list, with(at(away, active), func(a *policy.Attempt) { a.Plan = "none" })},
		{list, with(at(lone, active), client(session.CalDAV))},
		{list, at(away, active)},
		{list, at(lone, &member.Member{ID: "excepted", Status: member.Active})},
		{list, with(at(home, active), verified)},
		{list, at(home, active)},
		{list, with(at(lone, active), client(session.IMAP))},
		{open, at(lone, active)},
		{blocks, with(at(home, active), client(session.IMAP))},
		{blocks, at(home, active)},
		{abroad, with(at(home, active), verified)},
		{abroad, at(home, active)},
		{open, at(lone, &member.Member{Status: member.Active, MustChangePassword: true})},
		{open, with(at(lone, &member.Member{Status: member.Active, MustChangePassword: true}), client(session.IMAP))},
	}
	for _, status := range []member.Status{member.UnknownStatus, member.Pending, member.Suspended, member.Locked, member.Deleted} {
		found = append(found, decided{list, at(away, &member.Member{Status: status})})
	}
	return found, nil
}
