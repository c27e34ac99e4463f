package main

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/sallyport-go/sallyport/ipset"
	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/session"
)

const (
	ourEvaluate = "Policy.Evaluate"
	waiting     = ", waiting"
)

// clerk is the member whose logins are decided.
var clerk = member.Member{ID: "clerk", Status: member.Active}

func (b *bench) evaluate() (*result, error) {
	// The claim for lists of one length.
	entries := func(n, words string) claim {
		return claim{against: bartFast, goal: mustGoal(words), inputs: func(input string) bool {
			return strings.HasSuffix(strings.TrimSuffix(input, waiting), " "+n)
		}}
	}
	r := &result{
		unit:   "ns",
		names:  []string{ourEvaluate, bartFast, ourSet, emptyLoop},
		claims: []claim{entries("1,000", "at most 1.5"), entries("20", "at most 2")},
		notes: []string{
			"A whole login of an active member at a designated or another address, against the look-up of the address alone.",
			"Half are refused, since their address is not designated. The entries are public routes. First back to back, then with",
			"each question waiting for the last answer.",
		},
	}
	for _, family := range families {
		for _, n := range []int{20, 1000} {
			l, p, err := b.designated(family, n)
			if err != nil {
				return nil, err
			}
			set, fast, q := setOf(l.prefixes), fastOf(l.prefixes), l.questions
			if err := b.lookUps(r, l, []contender{
				{name: ourEvaluate, run: func(from, to int) int { return askPolicy(p, &clerk, q[from:to]) }},
				{name: bartFast, run: func(from, to int) int { return askFast(fast, q[from:to]) }},
				{name: ourSet, run: func(from, to int) int { return askSet(set, q[from:to]) }},
				{name: emptyLoop, run: func(from, to int) int { return askNothing(q[from:to]) }},
			}, 60); err != nil {
				return nil, err
			}
			l.name += waiting
			if err := b.lookUps(r, l, []contender{
				{name: ourEvaluate, run: func(from, to int) int { return waitPolicy(p, &clerk, q[from:to]) }},
				{name: bartFast, run: func(from, to int) int { return waitFast(fast, q[from:to]) }},
				{name: ourSet, run: func(from, to int) int { return waitSet(set, q[from:to]) }},
				{name: emptyLoop, run: func(from, to int) int { return waitNothing(q[from:to]) }},
			}, 60); err != nil {
				return nil, err
			}
		}
	}
	return r, nil
}

// askPolicy makes each Attempt anew, as a login handler does.
func askPolicy(p *policy.Policy, m *member.Member, q []netip.Addr) (allowed int) {
	for i := range q {
		d := p.Evaluate(policy.Attempt{Addr: q[i], Client: session.Web, Member: m})
		allowed += one(d.Effect == policy.Allow)
	}
	return allowed
}

// designated returns a list of n public routes and the policy that designates them.
func (b *bench) designated(family, n int) (*list, *policy.Policy, error) {
	prefixes := b.publicRoutes(family, n)
	if len(prefixes) < n {
		return nil, nil, fmt.Errorf("the inputs have only %d public routes of IPv%d", len(prefixes), family)
	}
	l := b.listOf(fmt.Sprintf("IPv%d %s", family, thousands(float64(n))), family, prefixes)
	if err := l.ask(); err != nil {
		return nil, nil, err
	}
	p, err := policy.Compile(settingsOf(prefixes), policy.Standard(), nil)
	return l, p, err
}

func settingsOf(prefixes []netip.Prefix) policy.Settings {
	s := policy.Settings{Access: policy.DesignatedAddresses, Designated: make([]policy.Entry, len(prefixes))}
	for i, p := range prefixes {
		s.Designated[i] = policy.Entry{Range: ipset.RangeOf(p), Label: "route"}
	}
	return s
}

// designatable reports whether p is public, as a designated entry must be.
func designatable(p netip.Prefix) bool { return ipset.PublicSpace().Covers(ipset.RangeOf(p)) }
