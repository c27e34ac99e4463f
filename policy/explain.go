package policy

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/sallyport-go/sallyport/geo"
	"github.com/sallyport-go/sallyport/ipset"
	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/session"
)

// Explain tells how a is decided by s under p: the same walk as Evaluate's,
// line by line, and for each line that did not answer the first condition that
// failed. It takes the settings as CompileStored does, and its errors are the
// same; what Compile would refuse is in Problems. If a.At is zero, now is
// meant for all of it. For many attempts make an Explainer.
func Explain(s Settings, p *Profile, loc geo.Locator, a Attempt) (Explanation, error) {
	x, err := NewExplainer(s, p, loc)
	if err != nil {
		return Explanation{}, err
	}
	return x.Explain(a), nil
}

// Explainer is settings compiled for Explain. It does not change and is safe
// for concurrent use. Make one with NewExplainer; a nil Explainer and the zero
// Explainer explain that there is no policy.
type Explainer struct {
	settings Settings
	product  string
	policy   *Policy
}

// NewExplainer compiles s as CompileStored does, with the same errors. It
// copies what it needs of s and p.
func NewExplainer(s Settings, p *Profile, loc geo.Locator) (*Explainer, error) {
	policy, err := CompileStored(s, p, loc)
	if err != nil {
		return nil, err
	}
	return &Explainer{s.Clone(), p.name(), policy}, nil
}

// Explain is the function Explain for the settings of x.
func (x *Explainer) Explain(a Attempt) Explanation {
	if x == nil || x.policy == nil {
		return Explanation{Steps: []Step{{"0", true, "there are no settings"}}, Addr: ipset.Canonical(a.Addr)}
	}
	if a.At.IsZero() {
		a.At = time.Now()
	}
	w := walk{Settings: x.settings, Attempt: a, p: x.policy, product: x.product, addr: ipset.Canonical(a.Addr)}
	w.features, w.plan = x.policy.features(a.Plan)
	w.country = x.policy.country(w.addr)
	w.matches()
	e := Explanation{
		Decision: x.policy.Evaluate(a),
		Addr:     w.addr,
		Country:  w.country,
		Matches:  w.found,
		Problems: x.policy.Problems(),
	}
	why, off := w.listOff()
	for _, line := range lines {
		if off && line.number[0] == '6' {
			if line.number == "6a" {
				e.Steps = append(e.Steps, Step{"6", false, why})
			}
			continue
		}
		because, answers := line.ask(&w)
		e.Steps = append(e.Steps, Step{line.number, answers, because})
		if answers {
			break
		}
	}
	if e.Decision.Reason == ReasonPasswordChangeRequired {
		e.Steps = append(e.Steps, Step{"8", false, "the member must change the password" + w.unable()})
	}
	return e
}

// walk is what the lines ask about.
type walk struct {
	Settings
	Attempt
	p        *Policy
	product  string
	addr     netip.Addr
	country  geo.Country
	features Features
	plan     bool // the profile names it
	found    []Match
}

// lines are the lines of the specification that Evaluate walks, without 8.
// Each tells why, and whether it answers.
var lines = []struct {
	number string
	ask    func(w *walk) (because string, answers bool)
}{
	{"0", func(w *walk) (string, bool) {
		return either(w.Member == nil, "the attempt has no member", "there are settings and a member")
	}},
	{"1", func(w *walk) (string, bool) {
		if !w.addr.IsValid() {
			return "the attempt has no usable address", true
		}
		return either(!w.p.clients.Has(w.Client), fmt.Sprintf("%v is no client of %s", w.Client, w.product),
			fmt.Sprintf("%v can be judged, and %v is a client of %s", w.addr, w.Client, w.product))
	}},
	{"2", func(w *walk) (string, bool) {
		_, ok := admits(w.Member.Status, w.Request)
		if ok && w.Member.Status == member.Locked {
			return "the member is locked, which does not count for a session", false
		}
		return either(!ok, fmt.Sprintf("the member's status is %v", w.Member.Status), fmt.Sprintf("the member is %v", w.Member.Status))
	}},
	{"3", func(w *walk) (string, bool) {
		blocked := w.Member.Blocked.Has(w.Client)
		return either(blocked, fmt.Sprintf("%v is blocked for the member", w.Client), fmt.Sprintf("%v is not blocked for the member", w.Client))
	}},
	{"4", func(w *walk) (string, bool) {
		if !w.Member.Super {
			return "the member is no super admin", false
		}
		return either(w.p.superAdminBypass, "the member is a super admin", fmt.Sprintf("%s lets no super admin pass", w.product))
	}},
	{"5", func(w *walk) (string, bool) {
		switch {
		case !w.p.byPlan:
			return fmt.Sprintf("%s is not sold by plan", w.product), false
		case !w.plan:
			return fmt.Sprintf("%s has no plan %s", w.product, quote(string(w.Plan))), true
		}
		return either(w.features == 0, fmt.Sprintf("the plan %s has no network security", quote(string(w.Plan))),
			fmt.Sprintf("the plan %s has network security or overseas blocking", quote(string(w.Plan))))
	}},
	{"6a", func(w *walk) (string, bool) {
		free := w.p.listExempt.Has(w.Client)
		return either(free, fmt.Sprintf("%v is free of the list", w.Client), fmt.Sprintf("%v is not free of the list", w.Client))
	}},
	{"6b", func(w *walk) (string, bool) {
		in := w.p.designated.hold(w.addr, w.At)
		return either(in, fmt.Sprintf("%v is designated", w.addr), fmt.Sprintf("%v is in no designated entry in force", w.addr))
	}},
	{"6c", func(w *walk) (string, bool) {
		if w.p.excepted(w.Member.ID, w.addr, w.At) {
			return fmt.Sprintf("%s is an exception here", quote(string(w.Member.ID))), true
		}
		for _, x := range w.Exceptions {
			switch {
			case x.Member != w.Member.ID, x.Member == "":
			case !inForce(x.Until, w.At):
				return fmt.Sprintf("%s was an exception until %s", quote(string(x.Member)), x.Until.UTC().Format(time.RFC3339Nano)), false
			default:
				return fmt.Sprintf("%s is an exception, but not at %v", quote(string(x.Member)), w.addr), false
			}
		}
		return fmt.Sprintf("%s is no exception", quote(string(w.Member.ID))), false
	}},
	{"6d", func(w *walk) (string, bool) {
		switch {
		case w.Outside != Verify:
			return "addresses off the list are refused", true
		case !session.Interactive.Has(w.Client):
			return fmt.Sprintf("addresses off the list are verified, but %v cannot ask", w.Client), true
		case w.Verified:
			return "addresses off the list are verified, and the identity is", true
		}
		return "addresses off the list are verified, and the identity is not yet", true
	}},
	{"7a", func(w *walk) (string, bool) {
		switch {
		case w.Access == DesignatedAddresses:
			return "the list is not in force for this plan, and overseas blocking is not while addresses are designated", true
		case !w.Overseas.Block:
			return "overseas blocking is off", true
		}
		return either(w.features&OverseasBlocking == 0, "the plan has no overseas blocking", "overseas blocking is on")
	}},
	{"7b", func(w *walk) (string, bool) {
		free := w.p.overseasExempt.Has(w.Client)
		return either(free, fmt.Sprintf("%v is free of the overseas check", w.Client), fmt.Sprintf("%v is not free of the overseas check", w.Client))
	}},
	{"7c", func(w *walk) (string, bool) {
		switch {
		case w.country == (geo.Country{}) && !ipset.Public(w.addr):
			return fmt.Sprintf("%v is not public, and so has no country", w.addr), false
		case w.country == (geo.Country{}):
			return fmt.Sprintf("the country of %v is not known", w.addr), false
		}
		return either(w.Overseas.Exempt.Has(w.country), fmt.Sprintf("%v is exempt", w.country), fmt.Sprintf("%v is not exempt", w.country))
	}},
	{"7d", func(w *walk) (string, bool) {
		return either(w.Verified, "the identity is verified", "the identity is not verified")
	}},
	{"7e", func(*walk) (string, bool) {
		return "an overseas login needs identity verification", true
	}},
}

func either(answers bool, yes, no string) (string, bool) {
	if answers {
		return yes, true
	}
	return no, false
}

// listOff tells why the list is not in force, if it is not.
func (w *walk) listOff() (string, bool) {
	if w.Access != DesignatedAddresses {
		return "all addresses are allowed", true
	}
	return "the plan has no designated addresses", w.features&NetworkSecurity == 0
}

func (w *walk) unable() string {
	if session.Interactive.Has(w.Client) {
		return ""
	}
	return fmt.Sprintf(", which %v cannot ask for", w.Client)
}

// matches finds the entries and the member's exceptions that hold the address.
func (w *walk) matches() {
	_, off := w.listOff()
	match := func(path string, r ipset.Range, label string, until time.Time) {
		if r.IsZero() || r.Contains(w.addr) {
			w.found = append(w.found, Match{path, r, label, until, !off && inForce(until, w.At)})
		}
	}
	for i, e := range w.Designated {
		if !e.Range.IsZero() {
			match(fmt.Sprintf("designated[%d]", i), e.Range, e.Label, e.Until)
		}
	}
	for i, x := range w.Exceptions {
		if w.Member == nil || x.Member != w.Member.ID || x.Member == "" || !w.addr.IsValid() {
			continue
		}
		if x.Ranges == nil {
			match(fmt.Sprintf("exceptions[%d]", i), ipset.Range{}, x.Note, x.Until)
		}
		for j, r := range x.Ranges {
			if !r.IsZero() {
				match(fmt.Sprintf("exceptions[%d].ranges[%d]", i, j), r, x.Note, x.Until)
			}
		}
	}
}
