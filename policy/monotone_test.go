package policy_test

import (
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/ipset"
	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/session"
)

// evalWidenings are what an administrator can add: each widens s at random.
var evalWidenings = []struct {
	name  string
	widen func(r evalRandom, s *policy.Settings) bool // false: s has nothing to widen in this way
}{
	{"an entry", func(r evalRandom, s *policy.Settings) bool {
		at := r.IntN(len(s.Designated) + 1)
		s.Designated = append(s.Designated[:at:at], append([]policy.Entry{r.entry()}, s.Designated[at:]...)...)
		return true
	}},
	{"an exception", func(r evalRandom, s *policy.Settings) bool {
		at := r.IntN(len(s.Exceptions) + 1)
		s.Exceptions = append(s.Exceptions[:at:at], append([]policy.Exception{r.exception()}, s.Exceptions[at:]...)...)
		return true
	}},
	{"a range of an exception", func(r evalRandom, s *policy.Settings) bool {
		for i, x := range s.Exceptions {
			if x.Ranges != nil {
				s.Exceptions[i].Ranges = append(x.Ranges, r.span())
				return true
			}
		}
		return false
	}},
	{"an exempt country", func(r evalRandom, s *policy.Settings) bool {
		s.Overseas.Exempt = s.Overseas.Exempt.With(r.country())
		return true
	}},
	{"time to an entry", func(r evalRandom, s *policy.Settings) bool {
		for i, e := range s.Designated {
			if !e.Until.IsZero() {
				s.Designated[i].Until = evalLater(r, e.Until)
				return true
			}
		}
		return false
	}},
	{"time to an exception", func(r evalRandom, s *policy.Settings) bool {
		for i, x := range s.Exceptions {
			if !x.Until.IsZero() {
				s.Exceptions[i].Until = evalLater(r, x.Until)
				return true
			}
		}
		return false
	}},
	{"a member's freedom", func(r evalRandom, s *policy.Settings) bool {
		for i, x := range s.Exceptions {
			if x.Ranges != nil {
				s.Exceptions[i].Ranges = nil
				return true
			}
		}
		return false
	}},
}

func evalLater(r evalRandom, t time.Time) time.Time {
	return evalPick(r, time.Time{}, t.Add(1), t.Add(time.Hour))
}

// Adding an entry, an exception or an exempt country never turns allow into
// anything else, and removing one never turns deny into allow. For those who
// need not change their password the effect never falls at all: deny, verify,
// allow. For the others line 8 puts deny for verify where a client cannot ask.
func TestGuarantee11AddingNeverRefuses(t *testing.T) {
	rounds := 4000
	if evalRace {
		rounds = 400
	}
	for i, widening := range evalWidenings {
		r := newEvalRandom(uint64(i))
		let, pairs := 0, 0
		for range rounds {
			p := evalPick(r, evalProfiles...)()
			less := r.settings()
			more := less.Clone()
			if !widening.widen(r, &more) {
				continue
			}
			before, after := evalStored(t, less, p, evalWorldMap), evalStored(t, more, p, evalWorldMap)
			for range 60 {
				a := r.attempt(p)
				was, is := before.Evaluate(a), after.Evaluate(a)
				pairs++
				if is.Allowed() && !was.Allowed() {
					let++
				}
				switch {
				case was.Allowed() && !is.Allowed():
					t.Errorf("adding %s turned %v into %v", widening.name, was, is)
				case is.Effect < was.Effect && !a.Member.MustChangePassword:
					t.Errorf("adding %s made %v of %v", widening.name, is, was)
				case is.Effect < was.Effect && is.Reason != policy.ReasonPasswordChangeRequired:
					t.Errorf("adding %s made %v of %v, which no password explains", widening.name, is, was)
				default:
					continue
				}
				t.Fatalf("%s\n%+v\nwithout: %+v\nwith: %+v\n%+v of %+v", p.Name, a, less, more, a, a.Member)
			}
		}
		if let == 0 {
			t.Errorf("adding %s let nobody in: the test shows nothing", widening.name)
		}
		t.Logf("%s: %d pairs, %d let in", widening.name, pairs, let)
	}
}

// Removing is adding, seen from the other side: with the entry deny, without it
// allow. What is particular is removing the last one.
func TestGuarantee11RemovingTheLastNeverAllows(t *testing.T) {
	one := ipset.MustParseRange("1.208.0.0/24")
	for _, tt := range []struct {
		settings policy.Settings
		why      string
	}{
		{policy.Settings{Access: policy.DesignatedAddresses, Designated: nil},
			"a list without entries holds nobody, not everybody"},
		{policy.Settings{Access: policy.DesignatedAddresses, Designated: []policy.Entry{}},
			"nor does one that is empty and not nil"},
		{policy.Settings{Access: policy.DesignatedAddresses, Designated: []policy.Entry{{}}},
			"an entry without a range holds nobody"},
		{policy.Settings{Access: policy.DesignatedAddresses, Designated: []policy.Entry{{Range: one, Until: evalAt}}},
			"the last entry has ended"},
		{policy.Settings{Access: policy.DesignatedAddresses, Exceptions: []policy.Exception{{Member: "lee", Ranges: []ipset.Range{}}}},
			"an exception whose last range was removed is not one for everywhere"},
		{policy.Settings{Access: policy.DesignatedAddresses, Exceptions: []policy.Exception{{Member: "lee", Ranges: []ipset.Range{{}}}}},
			"an exception's range that holds nothing"},
		{policy.Settings{Access: policy.DesignatedAddresses, Exceptions: []policy.Exception{{Member: "lee", Until: evalAt}}},
			"an exception that has ended"},
		{policy.Settings{Access: policy.DesignatedAddresses, Exceptions: []policy.Exception{{Member: "le"}, {Member: "lee "}, {Member: "Lee"}, {Member: ""}}},
			"exceptions are of the member with that very id"},
	} {
		p := evalStored(t, tt.settings.Clone(), policy.Standard(), evalWorldMap)
		for _, addr := range append(evalEdges, evalOffice[:]...) {
			a := policy.Attempt{Addr: addr, Client: session.Web, Member: evalMember("lee"), At: evalAt}
			if d := p.Evaluate(a); d.Effect != policy.Deny {
				t.Errorf("%v: got %v: %s", addr, d, tt.why)
			}
		}
	}
	for _, s := range []policy.Settings{evalOverseas, evalWith(evalOverseas, func(s *policy.Settings) { s.Overseas.Exempt = s.Overseas.Exempt.Without(evalKR) })} {
		p := evalStored(t, s, policy.Standard(), evalWorldMap)
		d := p.Evaluate(policy.Attempt{Addr: evalHome[0], Client: session.Web, Member: evalMember("lee")})
		if want := s.Overseas.Exempt.Has(evalKR); d.Allowed() != want {
			t.Errorf("exempt %v: got %v from KR", s.Overseas.Exempt, d)
		}
	}
}

// Random settings, of overlapping ranges with ends, agree with the oracle. In
// contrast to the enumeration nothing is chosen by hand here.
func TestGuarantee10RandomSettingsAgreeWithTheOracle(t *testing.T) {
	rounds := 6000
	if evalRace {
		rounds = 300
	}
	r := newEvalRandom(10)
	for range rounds {
		p := evalPick(r, evalProfiles...)()
		s := r.settings()
		compiled := evalStored(t, s, p, evalWorldMap)
		for range 40 {
			a := r.attempt(p)
			got, want := compiled.Evaluate(a), oracle(&s, p, evalWorldMap, &a)
			if got != want.Decision {
				t.Fatalf("%s: got %v; want %v (line %s)\n%+v of %+v\n%+v", p.Name, got, want.Decision, want.Line, a, a.Member, s)
			}
		}
	}
}
