package main

import (
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/casbin/casbin/v3"
	"github.com/casbin/casbin/v3/model"
	"github.com/cedar-policy/cedar-go"
	"github.com/cedar-policy/cedar-go/types"
)

// The general engines get the one rule that they share with ours: an address of
// the list is let in, another is not. Ours decides all its other rules too.
const (
	engineEntries   = 1000
	engineQuestions = 1 << 10 // each takes them so long that no cache or guess matters

	cedarMany = "cedar-go, a policy an entry"
	cedarOne  = "cedar-go, one policy"
	casbinLib = "casbin"
)

func (b *bench) cedar() (*result, error) {
	r := &result{
		unit:  "ns",
		names: []string{ourEvaluate, cedarMany, cedarOne},
		claims: []claim{
			{against: cedarMany, goal: mustGoal("at least 1,000 times faster")},
			{against: cedarOne, goal: mustGoal("at least 1,000 times faster")},
		},
		notes: []string{
			"1,000 entries, as 1,000 policies with ip().isInRange, and as one policy whose condition joins them by ||.",
			"The request of each question is made before the clock runs.",
		},
	}
	return r, b.engines(r, func(l *list) ([]contender, error) {
		many, one, err := cedarPolicies(l.prefixes)
		if err != nil {
			return nil, err
		}
		requests := cedarRequests(l.questions[:engineQuestions])
		return []contender{
			{name: cedarMany, run: func(from, to int) int { return askCedar(many, requests[from:to]) }},
			{name: cedarOne, run: func(from, to int) int { return askCedar(one, requests[from:to]) }},
		}, nil
	})
}

func (b *bench) casbin() (*result, error) {
	r := &result{
		unit:   "ns",
		names:  []string{ourEvaluate, casbinLib},
		claims: []claim{{against: casbinLib, goal: mustGoal("at least 10,000 times faster")}},
		notes:  []string{"1,000 entries, each a policy line, matched by ipMatch. The text of each address is made before the clock runs."},
	}
	return r, b.engines(r, func(l *list) ([]contender, error) {
		enforcer, err := casbinEnforcer(l.prefixes)
		if err != nil {
			return nil, err
		}
		texts := make([]string, engineQuestions)
		for i := range texts {
			texts[i] = l.questions[i].String()
		}
		return []contender{{name: casbinLib, run: func(from, to int) int { return askCasbin(enforcer, texts[from:to]) }}}, nil
	})
}

// engines measures ours against peers that are slow enough to be asked fewer
// questions. Ours cycles through all of them, as ever.
func (b *bench) engines(r *result, peers func(*list) ([]contender, error)) error {
	for _, family := range families {
		l, p, err := b.designated(family, engineEntries)
		if err != nil {
			return err
		}
		q := l.questions
		contenders := []contender{{name: ourEvaluate, questions: len(q), run: func(from, to int) int { return askPolicy(p, &clerk, q[from:to]) }}}
		others, err := peers(l)
		if err != nil {
			return err
		}
		asked := *l // what the peers are asked: all of it is compared first
		if asked.questions = q[:engineQuestions]; b.quick || b.tiny {
			asked.questions = q[:engineQuestions/16]
		}
		for _, c := range others {
			c.questions = len(asked.questions)
			contenders = append(contenders, c)
		}
		if err := agree(&asked, contenders); err != nil {
			return err
		}
		r.add(l.name, namesOf(contenders), measure(b.effort(10*time.Millisecond, 40), contenders))
	}
	return nil
}

// cedarPolicies writes the rule in Cedar in both ways that come to mind.
func cedarPolicies(prefixes []netip.Prefix) (many, one *cedar.PolicySet, err error) {
	var each, joined strings.Builder
	for i, p := range prefixes {
		fmt.Fprintf(&each, "permit (principal, action, resource) when { context.address.isInRange(ip(%q)) };\n", p)
		if i > 0 {
			joined.WriteString(" ||\n")
		}
		fmt.Fprintf(&joined, "context.address.isInRange(ip(%q))", p)
	}
	if many, err = cedar.NewPolicySetFromBytes("many", []byte(each.String())); err != nil {
		return nil, nil, err
	}
	one, err = cedar.NewPolicySetFromBytes("one", []byte("permit (principal, action, resource) when { "+joined.String()+" };"))
	return many, one, err
}

func cedarRequests(q []netip.Addr) []cedar.Request {
	requests := make([]cedar.Request, len(q))
	for i, a := range q {
		requests[i] = cedar.Request{
			Principal: cedar.NewEntityUID("Member", "clerk"),
			Action:    cedar.NewEntityUID("Action", "login"),
			Resource:  cedar.NewEntityUID("Service", "web"),
			Context:   cedar.NewRecord(cedar.RecordMap{"address": types.IPAddr(netip.PrefixFrom(a, a.BitLen()))}),
		}
	}
	return requests
}

func askCedar(policies *cedar.PolicySet, requests []cedar.Request) (allowed int) {
	for i := range requests {
		decision, _ := cedar.Authorize(policies, nil, requests[i])
		allowed += one(decision == cedar.Allow)
	}
	return allowed
}

const casbinModel = `
[request_definition]
r = address
[policy_definition]
p = range
[policy_effect]
e = some(where (p.eft == allow))
[matchers]
m = ipMatch(r.address, p.range)
`

func casbinEnforcer(prefixes []netip.Prefix) (*casbin.Enforcer, error) {
	m, err := model.NewModelFromString(casbinModel)
	if err != nil {
		return nil, err
	}
	enforcer, err := casbin.NewEnforcer(m)
	if err != nil {
		return nil, err
	}
	rules := make([][]string, len(prefixes))
	for i, p := range prefixes {
		rules[i] = []string{p.String()}
	}
	_, err = enforcer.AddPolicies(rules)
	return enforcer, err
}

func askCasbin(enforcer *casbin.Enforcer, texts []string) (allowed int) {
	for i := range texts {
		in, err := enforcer.Enforce(texts[i])
		allowed += one(in && err == nil)
	}
	return allowed
}
