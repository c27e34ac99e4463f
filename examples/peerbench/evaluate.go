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
)

// clerk is the member whose logins are decided.
var clerk = member.Member{ID: "clerk", Status: member.Active}

func (b *bench) evaluate() (*result, error) {
	r := &result{
		unit:  "ns",
		names: []string{ourEvaluate, bartFast, ourSet, emptyLoop},
		notes: []string{
			"A whole login of an active member at a designated or another address, against the look-up of the address alone.",
			"Half are refused, since their address is not designated. The entries are public routes. Each length in both manners.",
		},
	}
	for _, of := range []struct{ entries, words string }{{"1,000", "at most 1.5"}, {"20", "at most 2"}} {
		for _, manner := range []string{independent, dependent} {
			r.claims = append(r.claims, claim{against: bartFast, goal: mustGoal(of.words), manner: manner, inputs: func(input string) bool {
				return strings.HasSuffix(input, " "+of.entries+", "+manner)
			}})
		}
	}
	sizes := []int{20, 1000, 10_000}
	if b.tiny {
		sizes = sizes[:2]
	}
	for _, family := range families {
		for _, n := range sizes {
			l, p, err := b.designated(family, n)
			if err != nil {
				return nil, err
			}
			set, fast, q := setOf(l.prefixes), fastOf(l.prefixes), l.questions
			name := l.name
			l.name = name + ", " + independent
			if err := b.lookUps(r, l, []contender{
				{name: ourEvaluate, run: func(from, to int) int { return askPolicy(p, &clerk, q[from:to]) }},
				{name: bartFast, run: func(from, to int) int { return askFast(fast, q[from:to]) }},
				{name: ourSet, run: func(from, to int) int { return askSet(set, q[from:to]) }},
				{name: emptyLoop, run: func(from, to int) int { return askNothing(q[from:to]) }},
			}, 60); err != nil {
				return nil, err
			}
			l.name = name + ", " + dependent
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
